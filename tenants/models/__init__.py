"""Tenants, their people and accounts, and the records of what was done."""

from .accounts import AccountProbe, Callback, WeChatAccount
from .people import (
    ApiKey,
    Department,
    FormerUserid,
    Membership,
    SignInSettings,
    Staff,
    Team,
    User,
)
from .records import AuditEntry, AuditNote, StoredAnswer
from .tenant import DueTenant, Tenant, TenantKey
from .webhooks import WebhookDelivery, WebhookEndpoint

__all__ = [
    "AccountProbe",
    "ApiKey",
    "AuditEntry",
    "AuditNote",
    "Callback",
    "Department",
    "DueTenant",
    "FormerUserid",
    "Membership",
    "SignInSettings",
    "Staff",
    "StoredAnswer",
    "Team",
    "Tenant",
    "TenantKey",
    "User",
    "WeChatAccount",
    "WebhookDelivery",
    "WebhookEndpoint",
]
