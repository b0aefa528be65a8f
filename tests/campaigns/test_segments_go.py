"""A segment may go when broadcasts that asked for it are over; audience and name stay."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.broadcasts import starting
from campaigns.models import Broadcast
from contacts.models import Segment
from tenants import ids
from tests.campaigns.conftest import Shop

pytestmark = pytest.mark.usefixtures("in_english")


def gone(shop: Shop, segment: Segment) -> tuple[int, str]:
    """Asks the API to delete it."""
    answer = shop.business.api().delete(
        f"/api/v1/segments/{ids.encode(segment.pk)}", headers={"Accept-Language": "en"}
    )
    return answer.status_code, answer.json()["error"]["message"] if answer.content else ""


@pytest.mark.parametrize("state", ["draft", "scheduled", "waiting"])
def test_a_broadcast_that_is_not_over_keeps_its_segment(shop: Shop, state: str) -> None:
    segment = shop.segment("Ding")
    if state == "draft":
        shop.draft(segment=segment)
    else:
        shop.start(segment=segment)
    if state == "waiting":
        shop.work()

    refused = gone(shop, segment)
    page = reverse("admin:contacts_segment_delete", args=[segment.pk])
    shown = shop.business.browser("operator").get(page).content.decode()

    assert refused == (409, "The broadcast “Spring”, which is not over, uses it.")
    assert "Spring" in shown
    with shop.business.scope():
        assert Broadcast.objects.get().state == state


def test_one_that_is_over_keeps_its_audience_and_the_name(shop: Shop) -> None:
    segment = shop.segment("Ding", "Eve")
    row = shop.start(segment=segment)
    shop.work()
    shop.confirm()
    shop.poll()
    assert shop.fresh(row).state == "done"
    before = shop.states()

    assert gone(shop, segment) == (204, "")

    assert shop.states() == before
    shown = shop.business.api().get(f"/api/v1/broadcasts/{ids.encode(row.pk)}").json()
    assert (shown["segment"], shown["segment_name"]) == (None, "Regulars")
    page = reverse("admin:campaigns_broadcast_change", args=[row.pk])
    assert "Regulars" in shop.business.browser("operator").get(page).content.decode()


def test_a_copy_is_not_made_for_more_people_than_the_segment_held(shop: Shop) -> None:
    segment = shop.segment("Ding")
    row = shop.start(segment=segment, staff=[shop.amy])
    with shop.business.scope():
        starting.cancel(row)
    shop.work()
    assert gone(shop, segment)[0] == 204

    page = reverse("admin:campaigns_broadcast_copy", args=[row.pk])
    answer = shop.business.browser("operator").post(page, {"confirmed": "on"}, follow=True)

    assert "was deleted: write a new broadcast." in answer.content.decode()
    with shop.business.scope():
        assert Broadcast.objects.count() == 1
