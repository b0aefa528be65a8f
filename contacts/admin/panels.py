"""The cards on a contact's page: the timeline in words, accounts, friendships, orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts import kinds, masking
from contacts.admin.additions import Panel, Show
from contacts.models import Contact, Event, Follow, Identity, Order
from tenants.money_field import shown as money_shown

EVENTS = 50
ORDERS = 10


@dataclass(frozen=True)
class Line:
    """An event as a person reads it."""

    at: datetime
    icon: str
    sentence: str


def _day(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d}"


def timeline(request: HttpRequest, contact: Contact) -> Panel:
    events = list(Event.objects.filter(contact=contact).order_by("-at", "-id")[: EVENTS + 1])
    lines = [
        Line(each.at, kinds.icon_of(each.kind), kinds.sentence_of(each.kind, each.properties))
        for each in events[:EVENTS]
    ]
    return Panel(
        _("Timeline"),
        "timeline",
        "admin/contacts/contact/timeline.html",
        {"lines": lines, "more": len(events) > EVENTS, "contact": contact},
        aside=False,
    )


def identities(request: HttpRequest, contact: Contact) -> Panel:
    found = Identity.objects.filter(contact=contact).order_by("kind", "id")
    rows = [
        (
            each.get_kind_display(),
            masking.phone(each.value) if each.kind == Identity.Kind.PHONE else each.value,
            each.nickname,
        )
        for each in found
    ]
    return Panel(_("Accounts"), "fingerprint", "admin/contacts/contact/rows.html", {"rows": rows})


def follows(request: HttpRequest, contact: Contact) -> Panel:
    found = Follow.objects.filter(contact=contact).select_related("staff").order_by("-opened_at")
    rows = [
        (
            str(each.staff),
            _("since %(day)s") % {"day": _day(each.opened_at)}
            if each.ended_at is None
            else _("ended %(day)s") % {"day": _day(each.ended_at)},
            each.get_ended_by_display(),
        )
        for each in found
    ]
    return Panel(_("Follows"), "handshake", "admin/contacts/contact/rows.html", {"rows": rows})


def orders(request: HttpRequest, contact: Contact) -> Panel | None:
    found = list(Order.objects.filter(contact=contact).order_by("-paid_at")[:ORDERS])
    rows = [
        (
            each.order_id,
            money_shown(each.amount_fen),
            _day(each.paid_at) if each.paid_at else each.get_status_display(),
        )
        for each in found
    ]
    if not rows:
        return None
    return Panel(
        _("Latest orders"), "receipt_long", "admin/contacts/contact/rows.html", {"rows": rows}
    )


OWN: tuple[Show, ...] = (timeline, identities, follows, orders)
