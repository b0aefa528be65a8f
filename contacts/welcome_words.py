"""What became of a friend's welcome message, in words for the operator."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext as _

from contacts.models import Welcome


def of_follows(follow_ids: Collection[int]) -> dict[int, str]:
    """Follow → the result of its latest welcome; those without one are left out."""
    rows = Welcome.objects.filter(follow_id__in=follow_ids)
    latest = rows.order_by("follow_id", "-expires_at", "-id").distinct("follow_id")
    return {row.follow_id: result(row) for row in latest}


def result(row: Welcome) -> str:
    """“Welcome: sent”, and why where it went wrong."""
    said = _("Welcome: %(result)s") % {"result": row.get_state_display()}
    return f"{said} ({row.problem})" if row.problem else said
