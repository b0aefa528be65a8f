"""What goes along with the words of a step, and by which routes?

Attachments stand at the step, and a content piece that is sent as it is (a picture, a mini-program
with a cover) is one more. A mass task carries all of them; routes of words say where links lead;
the fields of a template carry nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from django.utils.translation import gettext as _

from contacts import attachments, media
from contacts.attachments import Stored
from contacts.models import MediaFile
from journeys.models import BY_TEMPLATE, Content, Route, SopStep
from tenants.models import WeChatAccount

CARRIES_ALL: Final = frozenset({Route.MASS_TASK})
CARRIES_NOTHING: Final = BY_TEMPLATE | {Route.NONE}


def stored_of(step: SopStep) -> list[Stored]:
    """All that goes along, in the stored form of contacts/attachments.py."""
    piece = step.content
    own = None if piece is None else _as_attachment(piece)
    return [*([own] if own else []), *step.attachments]


def _as_attachment(piece: Content) -> Stored | None:
    if piece.picture_id is None:
        return None
    if piece.kind == Content.Kind.IMAGE:
        return {"type": "image", "media": piece.picture_id}
    if piece.kind == Content.Kind.MINI:
        named = {"title": piece.title, "appid": piece.appid, "page": piece.page}
        return {"type": "miniprogram", **named, "media": piece.picture_id}
    return None


def for_platform(step: SopStep, account_id: int) -> list[dict[str, object]]:
    """Inside a scope: as the platform wants them now. Raises media.NotReady: they are on their
    way there."""
    stored = stored_of(step)
    try:
        return attachments.for_platform(stored, account_id)
    except media.NotReady:
        account = WeChatAccount.objects.get(pk=account_id)
        for file in MediaFile.objects.filter(pk__in=attachments.media_ids(stored)):
            media.want(file, account)
        raise


def in_words(stored: Iterable[Stored]) -> list[str]:
    """Links as lines, for routes that carry words only."""
    return [f"{one['title']} {one['url']}" for one in stored if one["type"] == "link"]


def want_uploaded(steps: Iterable[SopStep]) -> None:
    """Inside a scope: their files are at the platform before they are due."""
    wanted: set[int] = set()
    for step in steps:
        if Route.MASS_TASK in step.routes:
            wanted |= attachments.media_ids(stored_of(step))
    if not wanted:
        return
    accounts = WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True)
    for account in accounts.order_by("id"):
        for file in MediaFile.objects.filter(pk__in=wanted).order_by("id"):
            media.want(file, account)


def used_media(file_ids: object) -> set[int]:
    """Which files steps attach (media.used_by): old versions have people under way."""
    found: set[int] = set()
    for stored in SopStep.objects.exclude(attachments=[]).values_list("attachments", flat=True):
        found |= attachments.media_ids(stored)
    return found


def warnings(step: SopStep) -> list[str]:
    """What does not go along by some route of the step: it is sent without, and nothing stops."""
    return list(_warnings(step))


def _warnings(step: SopStep) -> Iterator[str]:
    stored = stored_of(step)
    for name in step.routes:
        if name not in Route.values or name in CARRIES_ALL:
            continue
        lost = [one for one in stored if name in CARRIES_NOTHING or one["type"] != "link"]
        if lost:
            yield _("by the route “%(route)s” these do not go along: %(what)s.") % {
                "route": Route(name).label,
                "what": ", ".join(_named(one) for one in lost),
            }
    piece = step.content
    if piece is None or piece.kind not in Content.SENT_AS_IS:
        return
    if _as_attachment(piece) is None:
        yield _(
            "the content “%(title)s” has no picture file: it can be sent from the sidebar only."
        ) % {"title": piece.title}


def _named(one: Stored) -> str:
    if one.get("title"):
        return str(one["title"])
    file = MediaFile.objects.filter(pk__in=attachments.media_ids([one])).first()
    return file.name if file is not None else str(one["type"])
