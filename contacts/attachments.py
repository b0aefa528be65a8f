"""What may stand beside the text of a message, and how does the platform want to hear it?

Stored form, one object each:
  {"type": "image" | "video" | "file", "media": id of a MediaFile}
  {"type": "link", "title", "url", "description"?, "picture_url"?, "media"?: id of its cover, which
   moments show in place of the two others}
  {"type": "miniprogram", "title", "appid", "page", "media": id of its cover}
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from contacts import media
from contacts.models import MediaFile, UploadedMedia

Stored = Mapping[str, object]

MOST: Final = 9
# Bytes, by the platform.
TITLE_BYTES: Final = {"link": 128, "miniprogram": 64}
DESCRIPTION_BYTES: Final = 512
_OWN: Final = {
    "image": {"media"},
    "video": {"media"},
    "file": {"media"},
    "link": {"title", "url", "description", "picture_url", "media"},
    "miniprogram": {"title", "appid", "page", "media"},
}
_MEDIA_KIND: Final = {
    "image": "image", "video": "video", "file": "file", "miniprogram": "image", "link": "image",
}  # fmt: skip
_MEDIA_OPTIONAL: Final = {"link"}
_ADDRESS = re.compile(r"https?://[^\s]{1,2000}")


def checked(values: object) -> list[dict[str, object]]:
    """Inside a scope: the stored form of what came from outside. Raises ValidationError."""
    if not isinstance(values, list):
        raise ValidationError(_("Attachments are a list."))
    if len(values) > MOST:
        raise ValidationError(_("At most %(most)d attachments.") % {"most": MOST})
    found = [_checked(one) for one in values]
    _check_media(found)
    return found


def media_ids(attachments: Collection[Stored]) -> set[int]:
    """Which media files these name."""
    return {number for one in attachments if isinstance(number := one.get("media"), int)}


def for_platform(
    attachments: Sequence[Stored], account_id: int, use: str = UploadedMedia.Use.MESSAGE
) -> list[dict[str, object]]:
    """Inside a scope: the platform's form, with the ids that are good now. Raises media.NotReady"""
    return [_for_platform(one, account_id, use) for one in attachments]


def _checked(value: object) -> dict[str, object]:
    if not isinstance(value, dict) or value.get("type") not in _OWN:
        raise ValidationError(
            _("An attachment has a type: %(types)s.") % {"types": ", ".join(_OWN)}
        )
    kind = str(value["type"])
    unknown = value.keys() - _OWN[kind] - {"type"}
    if unknown:
        raise ValidationError(
            _("%(name)s does not belong to an attachment of type %(type)s.")
            % {"name": ", ".join(sorted(map(str, unknown))), "type": kind}
        )
    stored: dict[str, object] = {"type": kind}
    for name in sorted(_OWN[kind] - {"media"}):
        stored |= _text(kind, name, value.get(name, ""))
    if "media" in _OWN[kind] and ("media" in value or kind not in _MEDIA_OPTIONAL):
        stored["media"] = _number(value.get("media"))
    return stored


def _text(kind: str, name: str, value: object) -> dict[str, object]:
    text = value.strip() if isinstance(value, str) else ""
    needed = name in {"title", "url", "appid", "page"}
    if not text and needed:
        raise ValidationError(_("%(name)s is missing.") % {"name": name})
    if name in {"url", "picture_url"} and text and not _ADDRESS.fullmatch(text):
        raise ValidationError(_("%(name)s is a web address with http or https.") % {"name": name})
    most = TITLE_BYTES.get(kind, 0) if name == "title" else 0
    most = DESCRIPTION_BYTES if name == "description" else most
    if most and len(text.encode()) > most:
        raise ValidationError(
            _("%(name)s is longer than the platform takes: %(most)d bytes, about %(signs)d signs.")
            % {"name": name, "most": most, "signs": most // 3}
        )
    return {name: text} if text else {}


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValidationError(_("Choose a file for the attachment."))
    return value


def _check_media(found: Sequence[dict[str, object]]) -> None:
    kinds = dict(MediaFile.objects.filter(pk__in=media_ids(found)).values_list("pk", "kind"))
    for one in found:
        wanted = _MEDIA_KIND.get(str(one["type"]))
        if wanted and "media" in one and kinds.get(one["media"]) != wanted:  # type: ignore[call-overload]
            raise ValidationError(_("The file of an attachment is missing, or of another kind."))


def _for_platform(one: Stored, account_id: int, use: str) -> dict[str, object]:
    kind = str(one["type"])
    if kind == "link" and use == UploadedMedia.Use.MOMENT:
        shown = {"title": one["title"], "url": one["url"]}
        return {"msgtype": kind, kind: {**shown, "media_id": _media_id(one, account_id, use)}}
    if kind == "link":
        names = {"title": "title", "url": "url", "description": "desc", "picture_url": "picurl"}
        link = {theirs: one[ours] for ours, theirs in names.items() if one.get(ours)}
        return {"msgtype": kind, kind: link}
    media_id = _media_id(one, account_id, use)
    if kind == "miniprogram":
        inner = {name: one[name] for name in ("title", "appid", "page")}
        return {"msgtype": kind, kind: {**inner, "pic_media_id": media_id}}
    return {"msgtype": kind, kind: {"media_id": media_id}}


def _media_id(one: Stored, account_id: int, use: str) -> str:
    number = one["media"]
    return media.media_id_of(number if isinstance(number, int) else 0, account_id, use)
