"""An operator finds two records, compares them, merges them, and takes it back: in the browser."""

from __future__ import annotations

import pytest
from django.test import Client

from contacts.models import Contact, Duplicate, Merge
from tenants import ids
from tests.conftest import Business
from tests.contacts.merging.test_merging import make, settle


@pytest.fixture
def pair(business: Business) -> tuple[int, int]:
    a = make(business, "a", name="张欣怡", phone="13800138000", gender="female")
    b = make(business, "b", name="欣怡", phone="13800138000", gender="male", tags=["fair"])
    settle(business)
    return ids.decode(a) or 0, ids.decode(b) or 0


def page(client: Client, path: str) -> str:
    answer = client.get(f"/admin/contacts/{path}", follow=True)
    assert answer.status_code == 200, path
    return answer.content.decode()


def press(client: Client, row: str, button: str, **typed: str) -> int:
    """Post a button's question; the status of the answer."""
    url = f"/admin/contacts/{row}/{button}"
    answer = client.post(url, {"confirmed": "on", **typed})
    if answer.status_code in (301, 404):
        answer = client.post(f"{url}/", {"confirmed": "on", **typed})
    return answer.status_code


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_two_are_found_compared_and_merged(
    business: Business, pair: tuple[int, int], language: str
) -> None:
    a, b = pair
    client = business.browser("operator", language)
    with business.scope():
        found = Duplicate.objects.get()

    assert "张欣怡" in page(client, "duplicate/?state__exact=open")
    compared = page(client, f"duplicate/{found.pk}/change/")
    assert "138****8000" in compared
    assert "13800138000" not in compared
    assert f"duplicate/{found.pk}/change/" in page(client, f"contact/{a}/change/")
    assert press(client, f"duplicate/{found.pk}", "merge", stays="77") == 200  # asked again
    assert press(client, f"duplicate/{found.pk}", "merge", stays=str(b), reason="seen") == 302

    with business.scope():
        merge = Merge.objects.get()
        assert (merge.survivor_id, merge.absorbed_id, merge.reason) == (b, a, "seen")
        assert Contact.objects.get().gender == "male"
    answer = client.get(f"/admin/contacts/contact/{a}/change/")
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/contacts/contact/{b}/change/")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_merge_is_looked_at_and_taken_back(
    business: Business, pair: tuple[int, int], language: str
) -> None:
    client = business.browser("operator", language)
    with business.scope():
        found = Duplicate.objects.get()
    press(client, f"duplicate/{found.pk}", "merge", stays=str(pair[0]))
    with business.scope():
        merge = Merge.objects.get()
    row = f"merge/{merge.pk}"

    assert f"/admin/contacts/{row}/change/" in page(client, f"contact/{pair[0]}/change/")
    assert "Operator" in page(client, "merge/")
    assert page(client, f"{row}/change/")
    assert press(client, row, "unmerge") == 302
    press(client, row, "unmerge")  # pressed twice: said to be impossible now

    with business.scope():
        assert set(Contact.objects.values_list("id", flat=True)) == set(pair)
        assert Duplicate.objects.get().state == "dismissed"
        assert Merge.objects.get().undone_by.startswith("user:")
    assert page(client, f"{row}/change/")


def test_not_the_same_person(business: Business, pair: tuple[int, int]) -> None:
    client = business.browser("operator")
    with business.scope():
        found = Duplicate.objects.get()

    assert press(client, f"duplicate/{found.pk}", "dismiss") == 302

    with business.scope():
        found.refresh_from_db()
        assert (found.state, found.decided_by.startswith("user:")) == ("dismissed", True)


def test_two_are_compared_by_hand(business: Business) -> None:
    a, b = (ids.decode(make(business, name)) for name in "ab")
    client = business.browser("operator")

    same = client.post("/admin/contacts/duplicate/add/", {"first": a, "second": a})
    answer = client.post("/admin/contacts/duplicate/add/", {"first": a, "second": b})

    assert same.status_code == 200
    assert answer.status_code == 302
    with business.scope():
        found = Duplicate.objects.get()
    assert answer["Location"].endswith(f"/duplicate/{found.pk}/change/")
    assert (found.why, found.state) == ("hand", "open")


def test_viewers_look_only(business: Business, pair: tuple[int, int]) -> None:
    client = business.browser("viewer")
    with business.scope():
        found = Duplicate.objects.get()

    page(client, f"duplicate/{found.pk}/change/")
    assert press(client, f"duplicate/{found.pk}", "merge", stays=str(pair[0])) == 403

    with business.scope():
        assert not Merge.objects.exists()
    assert client.get("/admin/contacts/duplicate/add/").status_code == 403
