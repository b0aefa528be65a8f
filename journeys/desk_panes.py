"""What do the desk's pages show of a contact? The same panes for a lead and in the sidebar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from contacts import masking, timeline_words
from contacts.models import Contact, Event, Order
from journeys import desk_groups, scoring
from journeys.models import ContactStage
from tenants import money
from tenants.models import Staff

# What upper apps say of a contact, in a line each; "" says nothing.
Say = Callable[[Contact], str]
said: list[Say] = []

EVENTS: Final = 30
ORDERS: Final = 10


def of(contact: Contact, staff: Staff | None, *, every: bool) -> dict[str, Any]:
    """Inside a scope: the context of the templates in desk/panes. `every`: also what colleagues'
    groups are called."""
    place = ContactStage.objects.select_related("stage").filter(contact=contact).first()
    orders = Order.objects.filter(contact=contact).order_by("-paid_at")[:ORDERS]
    events = Event.objects.filter(contact=contact).order_by("-at", "-id")[:EVENTS]
    return {
        "contact": contact,
        "phone": masking.phone(contact.phone),
        "stage": place.stage if place else None,
        "why": scoring.explain(contact),
        "tags": contact.tags.order_by("name"),
        "orders": [(order, money.text(order.amount_fen)) for order in orders],
        "groups": desk_groups.card(contact, staff, every=every),
        "said": [text for say in said if (text := say(contact))],
        "lines": timeline_words.lines(list(events)),
    }
