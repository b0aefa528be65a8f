"""The days of groups follow the time zone of the business, whoever changes it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from contacts.groups import upkeep
from contacts.models import Group
from tenants import doorbell
from tenants.models import AuditEntry, DueTenant, Tenant
from tests.conftest import Business
from tests.contacts.groups.over_api import bring, days, group_of

# The 1st in New York, the 2nd in Shanghai.
JOINED = {"contact": "c-1", "joined_at": "2025-03-01T23:00:00-05:00"}


@pytest.fixture
def group(api: Any, business: Business) -> str:
    """One that the workers have seen."""
    found = group_of(api)
    bring(api, found, JOINED)
    upkeep.work(business.pk)
    DueTenant.objects.all().delete()
    return found


def due(business: Business) -> set[str]:
    return set(DueTenant.objects.filter(tenant=business.tenant).values_list("queue", flat=True))


def test_a_change_of_zone_has_the_days_counted_again(
    api: Any, group: str, business: Business, other_business: Business
) -> None:
    assert days(api, group, "2025-03-01", "2025-03-03") == [(0, 0, 0), (1, 0, 1)]

    call_command("change_zone", business.tenant.slug, "America/New_York")

    assert {upkeep.QUEUE, "facts"} <= due(business)
    assert not due(other_business)
    upkeep.work(business.pk)
    assert days(api, group, "2025-03-01", "2025-03-03") == [(1, 0, 1), (0, 0, 1)]
    assert upkeep.QUEUE not in due(business)
    with business.scope():
        assert Group.objects.get().days_zone == "America/New_York"
        entry = AuditEntry.objects.get(action="tenant.changed")
        assert entry.detail == {"fields": ["zone"]}
    call_command("rebuild_groups", tenant=business.tenant.slug, prove=True)


def test_the_sweep_finds_a_zone_that_was_changed_without_a_word(
    api: Any, group: str, business: Business
) -> None:
    with business.scope():
        assert upkeep.next_due() is None
        Tenant.objects.filter(pk=business.pk).update(zone="America/New_York")
        doorbell.look(upkeep.QUEUE)

    assert due(business) == {upkeep.QUEUE}
    upkeep.work(business.pk)
    assert days(api, group, "2025-03-01", "2025-03-03") == [(1, 0, 1), (0, 0, 1)]


def test_a_zone_that_is_none_is_refused(business: Business) -> None:
    slug = business.tenant.slug
    with pytest.raises(CommandError, match="Shanghai”"):
        call_command("change_zone", slug, "Shanghai")
    with pytest.raises(CommandError, match="no business"):
        call_command("change_zone", "nobody", "UTC")
    call_command("change_zone", slug, business.tenant.zone)

    with business.scope():
        assert not AuditEntry.objects.filter(action="tenant.changed").exists()
    assert Tenant.objects.get(pk=business.pk).zone == business.tenant.zone
