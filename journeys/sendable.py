"""What does the client put into the chat when a piece of content is tapped in the sidebar?

A text with the contact's own words, the contact's own link, a picture or a mini-program, in the
form of the client's `sendChatMessage`. What was sent is noted when the client says so.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from django.core import signing
from django.db.models import Q, QuerySet
from django.utils import timezone

from contacts import timeline
from contacts.models import Contact
from contacts.timeline import NewEvent
from journeys import content, engine
from journeys.models import ContactStage, Content
from tenants.ids import encode
from tenants.models import Staff
from tenants.scope import current_tenant_id

SENT: Final = "content.sent"
SOURCE: Final = "sidebar"
MOST: Final = 30
DESCRIPTION: Final = 100  # characters shown under a link
RECEIPT_S: Final = 3600
_SALT: Final = "journeys.sidebar.sent"

Message = dict[str, object]


@dataclass(frozen=True)
class Draft:
    """A message that lacks nothing but, perhaps, the id under which the platform has its picture.
    `receipt` is handed back when it was sent."""

    message: Message
    picture_id: int | None
    receipt: str

    def with_picture(self, media_id: str) -> Message:
        return {**self.message, "image": {"mediaid": media_id}}


def found(words: str, contact: Contact | None) -> list[Content]:
    """Pieces whose title or text holds all words; those for the contact's stage first."""
    rows: QuerySet[Content] = Content.objects.filter(active=True)
    for word in words.split()[:5]:
        rows = rows.filter(Q(title__icontains=word) | Q(body__icontains=word))
    pieces = list(rows.order_by("-id")[: MOST * 4])
    if contact is not None:
        place = ContactStage.objects.select_related("stage").filter(contact=contact).first()
        fits = place.stage.purpose if place else ""
        pieces.sort(key=lambda each: each.purpose != fits)
    return pieces[:MOST]


def preview(piece: Content, contact: Contact | None, staff: Staff | None) -> str:
    """How the text will read; a link is made only when it is sent."""
    values = {"link": "…/l/…"}
    values |= {"name": contact.name} if contact else {}
    values |= {"staff": str(staff)} if staff else {}
    return engine.render(piece.body, values)


def draft(piece: Content, contact: Contact, staff: Staff) -> Draft:
    """Inside a scope: what this member sends to this contact."""
    return Draft(
        _message(piece, contact, staff),
        piece.picture_id if piece.kind == Content.Kind.IMAGE else None,
        signing.dumps(
            [current_tenant_id(), piece.pk, contact.pk, staff.pk, secrets.token_urlsafe(9)],
            salt=_SALT,
        ),
    )


def _message(piece: Content, contact: Contact, staff: Staff) -> Message:
    if piece.kind == Content.Kind.IMAGE:
        return {"msgtype": "image"}
    if piece.kind == Content.Kind.MINI:
        named = {"appid": piece.appid, "title": piece.title, "page": piece.page}
        return {"msgtype": "miniprogram", "miniprogram": {**named, "imgUrl": piece.picture_url}}
    wanted = content.Wanted(piece.pk, staff.pk, contact.pk)
    link = content.url_of(content.links([wanted])[wanted])
    values = {"name": contact.name, "staff": str(staff), "link": link}
    text = engine.render(piece.body, values)
    if piece.kind == Content.Kind.TEXT and text.strip():
        return {"msgtype": "text", "text": {"content": text}}
    shown = " ".join(text.split())[:DESCRIPTION]
    news = {"link": link, "title": piece.title, "desc": shown, "imgUrl": piece.picture_url}
    return {"msgtype": "news", "news": news}


def note_sent(receipt: str, staff_id: int) -> bool:
    """Inside a scope: the client said that it was sent; each receipt counts once. False for one
    that is not this member's, or too old."""
    try:
        given = signing.loads(receipt, salt=_SALT, max_age=RECEIPT_S)
        tenant_id, content_id, contact_id, sender_id, number = given
    except (signing.BadSignature, TypeError, ValueError):
        return False
    if (tenant_id, sender_id) != (current_tenant_id(), staff_id):
        return False
    piece = Content.objects.filter(pk=content_id).first()
    staff = Staff.objects.filter(pk=staff_id).first()
    contact = Contact.objects.filter(pk=contact_id).first()
    if piece is None or staff is None or contact is None:
        return False
    properties: dict[str, object] = {
        "content": piece.title,
        "content_id": encode(piece.pk),
        "content_kind": piece.kind,
        "purpose": piece.purpose,
        "staff": staff.userid,
    }
    timeline.record([NewEvent(contact.pk, SENT, timezone.now(), SOURCE, number, properties)])
    return True
