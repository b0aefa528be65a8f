"""By a setting, salespeople see the customers of their whole team."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from contacts.models import (
    Contact,
    ContactSettings,
    Follow,
    TagGroup,
)
from tenants.models import Staff, Team
from tests.conftest import Business


def test_by_setting_sales_see_their_teams_customers(business: Business) -> None:
    sales, client = business.staff["sales"], business.as_role("sales")
    with business.scope():
        north, south = (Team.objects.create(name=name) for name in ("North", "South"))
        mate = Staff.objects.create(userid="mate", team=north)
        Staff.objects.filter(pk=sales.pk).update(team=north)
        Contact.objects.create(name="Mine", owner=sales)
        Contact.objects.create(name="My mate's", owner=mate)
        friend = Contact.objects.create(name="My mate's friend")
        Follow.objects.create(contact=friend, staff=mate, opened_at=timezone.now())
        other = Staff.objects.create(userid="other", team=south)
        Contact.objects.create(name="Another team's", owner=other)
        TagGroup.objects.create(name="whatever")

    def seen() -> set[Any]:
        return {row["name"] for row in client.get("/api/v1/contacts").json()["results"]}

    assert seen() == {"Mine"}
    page = business.browser("owner")
    page.post(
        "/admin/settings/",
        {
            "name": business.tenant.name, "customers-sales_see": "team", "customers-remind": "both",
            "customers-remind_when": "instant", "customers-remind_min_score": "",
        },
    )  # fmt: skip
    assert seen() == {"Mine", "My mate's", "My mate's friend"}
    with business.scope():
        assert ContactSettings.of_tenant().remind == "both"
        Staff.objects.filter(pk=sales.pk).update(team=None)
    assert seen() == {"Mine"}
