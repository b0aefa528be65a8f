"""Which link is a contact's own, and what does its opening tell?"""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts import timeline
from contacts.timeline import NewEvent
from journeys.models import Content, Link, SurveyAnswer
from tenants.ids import encode

SOURCE = "link"

# Machines that fetch a link to show a preview of it, or to index it: nobody has read anything.
_MACHINE = re.compile(
    r"bot\b|crawler|spider|preview|slurp|facebookexternalhit|whatsapp|embedly", re.IGNORECASE
)


class Wanted(NamedTuple):
    content_id: int
    staff_id: int | None
    contact_id: int


def url_of(link: Link) -> str:
    return f"{settings.BASE_URL}/l/{link.code}"


def links(wanted: Collection[Wanted]) -> dict[Wanted, Link]:
    """The link of each (content, staff, contact), made where there was none."""
    keys = set(wanted)
    if not keys:
        return {}
    found = _existing(keys)
    missing = keys - set(found)
    if missing:
        rows = [Link(content_id=c, staff_id=s, contact_id=p) for c, s, p in missing]
        Link.objects.bulk_create(rows, ignore_conflicts=True)
        found = _existing(keys)
    return found


def _existing(keys: set[Wanted]) -> dict[Wanted, Link]:
    rows = Link.objects.filter(
        content_id__in={key.content_id for key in keys},
        contact_id__in={key.contact_id for key in keys},
        spare=False,
    )
    by_key = {Wanted(r.content_id, r.staff_id, r.contact_id or 0): r for r in rows}
    return {key: link for key, link in by_key.items() if key in keys}


def faults(content: Content) -> dict[str, str]:
    """What its kind still needs to be sent, by field."""
    found = {}
    if content.kind == Content.Kind.IMAGE and content.picture_id is None:
        found["picture"] = _("Choose the picture in the admin.")
    if content.kind == Content.Kind.MINI:
        needed = [name for name in ("appid", "page", "picture_url") if not getattr(content, name)]
        found |= dict.fromkeys(needed, _("A mini-program needs this."))
    if content.kind == Content.Kind.SURVEY and not content.body.strip():
        found["body"] = _("Write the question of the survey.")
    other = SurveyAnswer.objects.filter(content_id=content.pk or 0).exclude(scale=content.scale)
    if content.kind == Content.Kind.SURVEY and other.exists():
        found["scale"] = _("There are answers on the other scale: make a new survey.")
    return found


def used_pictures(media_ids: Collection[int]) -> set[int]:
    """Which of these files are content that may still be sent (media.used_by)."""
    rows = Content.objects.filter(picture_id__in=media_ids, active=True)
    return {pk for pk in rows.values_list("picture_id", flat=True) if pk is not None}


def target(content: Content) -> str:
    """Where its address may safely send a reader, or nothing: then its text is shown."""
    safe = urlsplit(content.url).scheme in {"http", "https"}
    return content.url if safe and content.kind != Content.Kind.SURVEY else ""


def is_read_by_a_person(method: str, headers: Mapping[str, str]) -> bool:
    """False for what opens a link without reading: previews, prefetching, indexing."""
    ahead = headers.get("Sec-Purpose", "") + headers.get("Purpose", "") + headers.get("X-Moz", "")
    agent = headers.get("User-Agent", "")
    return method == "GET" and "prefetch" not in ahead and not _MACHINE.search(agent)


def record_opening(link: Link) -> None:
    """One opening by a person: the link was clicked, and its content was read."""
    if link.contact_id is None:
        return
    content, at, opening = link.content, timezone.now(), uuid.uuid4().hex
    properties: dict[str, object] = {
        "content": content.title,
        "content_id": encode(content.pk),
        "content_kind": content.kind,
        "purpose": content.purpose,
        "link": encode(link.pk),
    }
    if link.staff is not None:
        properties["staff"] = link.staff.userid
    timeline.record(
        NewEvent(link.contact_id, kind, at, SOURCE, f"{opening}:{kind}", properties)
        for kind in ("link.clicked", "content.read")
    )
