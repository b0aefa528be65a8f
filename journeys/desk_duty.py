"""Do I take new customers by live codes? Staff switch themselves off and on."""

from __future__ import annotations

from contacts.livecodes import keeping
from contacts.models import LiveCode, LiveCodeStaff
from tenants.models import Staff


def shown(staff: Staff | None) -> bool | None:
    """On duty or not; None for those who stand behind no live code."""
    if staff is None:
        return None
    codes = LiveCode.objects.exclude(status=LiveCode.Status.RETIRED)
    behind = LiveCodeStaff.objects.filter(staff=staff, live_code__in=codes)
    return keeping.is_online(staff) if behind.exists() else None
