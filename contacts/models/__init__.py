"""Customers: who they are, where they came from, what they did and bought."""

from .events import Event, Welcome
from .imports import Import
from .orders import Order, OrderItem, Product
from .person import Consent, Contact, ContactToken, Follow, Identity, ReachSpell
from .sources import Channel, Cost, LiveCode, LiveCodeStaff, LiveCodeTag, SourceKind
from .tags import ContactTag, Tag, TagGroup

__all__ = [
    "Channel",
    "Consent",
    "Contact",
    "ContactTag",
    "ContactToken",
    "Cost",
    "Event",
    "Follow",
    "Identity",
    "Import",
    "LiveCode",
    "LiveCodeStaff",
    "LiveCodeTag",
    "Order",
    "OrderItem",
    "Product",
    "ReachSpell",
    "SourceKind",
    "Tag",
    "TagGroup",
    "Welcome",
]
