"""What does a message to customers hold, and is a listed one the one that we sent?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tenants.wechat import answers
from tenants.wechat.transport import Json

ATTACHMENTS_LIMIT = 9

Attachments = Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Attached:
    """What a list tells of an attachment. Files have neither title nor address."""

    kind: str  # image, video, file, link, miniprogram, or what may come
    title: str = ""
    url: str = ""


def content(text: str, attachments: Attachments) -> dict[str, object]:
    found: dict[str, object] = {}
    if text:
        found["text"] = {"content": text}
    if attachments:
        found["attachments"] = [dict(one) for one in attachments[:ATTACHMENTS_LIMIT]]
    return found


def same_content(listed: Json, wanted: Mapping[str, object]) -> bool:
    theirs = answers.text(answers.part(listed, "text"), "content")
    ours = answers.text(answers.part(dict(wanted), "text"), "content")
    # The list shows media under other ids than we sent: text, kinds and links must do.
    return theirs == ours and _outline(listed) == _outline(dict(wanted))


def attached(listed: Json) -> tuple[Attached, ...]:
    return tuple(
        Attached(kind, answers.text(inner, "title"), answers.text(inner, "url"))
        for one in answers.parts(listed, "attachments")
        if (kind := answers.text(one, "msgtype"))
        for inner in (answers.part(one, kind),)
    )


def _outline(one: Json) -> list[tuple[str, str, str]]:
    outline: list[tuple[str, str, str]] = []
    for each in answers.parts(one, "attachments"):
        kind = answers.text(each, "msgtype")
        inner = answers.part(each, kind)
        address = answers.text(inner, "url") or answers.text(inner, "page")
        outline.append((kind, answers.text(inner, "title"), address))
    return outline
