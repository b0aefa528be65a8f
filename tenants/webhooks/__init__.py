"""Outgoing webhooks: what happens here is told to addresses outside (docs/webhooks.md)."""
