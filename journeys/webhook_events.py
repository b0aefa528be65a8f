"""What webhooks are told of leads, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.utils.translation import gettext_lazy as _

from journeys.models import Lead
from tenants.ids import encode
from tenants.webhooks import types
from tenants.webhooks.emitting import Happened, emit

RIPE: Final = "lead.ripe"
CLAIMED: Final = "lead.claimed"
CLOSED: Final = "lead.closed"
_TYPES: Final = {
    "lead.created": RIPE,
    "lead.claimed": CLAIMED,
    "lead.won": CLOSED,
    "lead.lost": CLOSED,
    "lead.invalid": CLOSED,
}


def register() -> None:
    """In apps.py."""
    types.declare(RIPE, _("a contact is ripe for sales"))
    types.declare(CLAIMED, _("somebody took a lead"))
    types.declare(CLOSED, _("a lead was won, lost or no lead"))


def leads(kind: str, rows: Iterable[Lead], at: datetime) -> None:
    """`kind` is what the timeline says of these leads."""
    type_ = _TYPES.get(kind)
    if type_ is not None:
        emit(type_, (_told(kind, lead, at) for lead in rows))


def _told(kind: str, lead: Lead, at: datetime) -> Happened:
    about = {
        "lead": encode(lead.pk),
        "contact": encode(lead.contact_id),
        "state": lead.state,
    }
    return Happened(f"{lead.pk}:{kind}:{at.timestamp()}", about, at)
