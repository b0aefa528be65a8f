"""Customers and where they come from, in the admin."""

from contacts.admin import acquisition, contact, goods, imports, livecodes, log, tags

__all__ = ["acquisition", "contact", "goods", "imports", "livecodes", "log", "tags"]
