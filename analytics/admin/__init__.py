"""Figures in the admin: what people set about them, alerts, and what contacts are filtered by."""

from analytics.admin import alerts, behind, contact_list, goals, plans, settings, sharing

__all__ = ["alerts", "behind", "contact_list", "goals", "plans", "settings", "sharing"]
