"""Tenants, their people and accounts, and the records of what was done."""

from .accounts import Callback, WeChatAccount
from .people import ApiKey, Membership, Staff, Team, User
from .records import AuditEntry, StoredAnswer
from .tenant import DueTenant, Tenant, TenantKey

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Callback",
    "DueTenant",
    "Membership",
    "Staff",
    "StoredAnswer",
    "Team",
    "Tenant",
    "TenantKey",
    "User",
    "WeChatAccount",
]
