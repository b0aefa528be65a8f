"""Are the days of groups those of the tenant's zone? When it changes, all are counted again.

Each group remembers by which zone its days were counted; whoever differs is due, in the background,
one group a transaction. The sweep over all tenants finds a change within a minute, whoever made it.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from contacts.groups import days, membership
from contacts.models import Group
from tenants import doorbell

QUEUE = "group_days"


def _due() -> QuerySet[Group]:
    return Group.objects.exclude(days_zone=str(days.zone()))


def next_due() -> datetime | None:
    """Now while days of another zone are left, or None."""
    return timezone.now() if _due().exists() else None


def work(tenant_id: int) -> None:
    """Outside a scope: count every group that is due."""
    doorbell.work_off(QUEUE, tenant_id, step)


def step() -> bool:
    """Inside a scope: the next group that is due. Answers whether there was one."""
    group_id = _due().order_by("id").values_list("id", flat=True).first()
    if group_id is None:
        return False
    membership.lock(group_id)
    days.recount(group_id, None)
    return True
