"""What people set about figures: targets, headcounts, the scorecard."""

from analytics.admin import alerts, goals, settings

__all__ = ["alerts", "goals", "settings"]
