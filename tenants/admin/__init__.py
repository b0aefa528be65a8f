"""The business itself in the admin: members, staff, keys, accounts, the audit log."""

from tenants.admin import accounts, keys, log, members, sign_in, webhooks

__all__ = ["accounts", "keys", "log", "members", "sign_in", "webhooks"]
