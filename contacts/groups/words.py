"""How does a stay in a group read: since when, how they came in, how they went?"""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from contacts.models import GroupSpell, GroupWay
from tenants.punctuation import listed


def way_in(stay: GroupSpell) -> str:
    if stay.invited_by is None:
        return way(stay.join_way)
    return _("invited by %(name)s") % {"name": stay.invited_by}


def ways(stay: GroupSpell) -> str:
    """How they came in, and how they went if they did; blank where nobody told."""
    came = way_in(stay) if stay.join_way or stay.invited_by else ""
    return listed(filter(None, [came, way(stay.quit_way) if stay.quit_way else ""]))


def way(value: str) -> str:
    return str(GroupWay(value).label)


def days(stay: GroupSpell) -> str:
    """In the active zone: since a day, or from a day to a day."""
    joined = day(stay.joined_at)
    if stay.left_at is None:
        return _("since %(day)s") % {"day": joined}
    return f"{joined} – {day(stay.left_at)}"


def day(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d}"
