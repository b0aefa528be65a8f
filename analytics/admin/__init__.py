"""What people set about figures: targets, headcounts, the scorecard."""

from analytics.admin import goals, settings

__all__ = ["goals", "settings"]
