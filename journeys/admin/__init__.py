"""Journeys in the admin: stages, content, scripts and their messages, scoring, leads."""

from journeys.admin import contact_cards, content, leads, scoring, sops, stages, touches

__all__ = ["contact_cards", "content", "leads", "scoring", "sops", "stages", "touches"]
