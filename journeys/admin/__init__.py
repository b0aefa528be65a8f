"""Journeys in the admin: stages, content, scripts and their messages, scoring, leads."""

from journeys.admin import (
    contact_cards,
    contact_next,
    content,
    enrolments,
    leads,
    scoring,
    sops,
    stages,
    touches,
)

__all__ = [
    "contact_cards", "contact_next", "content", "enrolments", "leads", "scoring", "sops", "stages",
    "touches",
]  # fmt: skip
