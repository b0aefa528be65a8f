"""The wizard, its preview, the page of a transfer, and the same by the API."""

from __future__ import annotations

from django.urls import reverse

from contacts.models import Follow, TransferBatch, TransferItem
from tests.contacts.transfers.conftest import Shop

ADD = "/admin/contacts/transferbatch/add/"


def test_a_wish_is_previewed_before_it_starts(shop: Shop) -> None:
    browser = shop.business.browser("operator")
    shop.start(contact_ids={shop.contact("Ding").pk})
    wish = {"giver": shop.amy.pk, "takers": [shop.bob.pk], "what": "customers", "message": "Hello"}

    page = browser.post(ADD, wish).content.decode()

    assert "on the way to somebody already" in page
    assert "<dd>2</dd>" in page
    with shop.business.scope():
        assert TransferBatch.objects.count() == 1

    answer = browser.post(ADD, {**wish, "start": "1"})

    with shop.business.scope():
        batch = TransferBatch.objects.order_by("-id")[0]
        assert TransferItem.objects.filter(batch=batch).count() == 2
        assert batch.message == "Hello"
    address = reverse("admin:contacts_transferbatch_change", args=[batch.pk])
    assert answer["Location"] == address
    shop.work()
    assert "waiting for the customer" in browser.get(address).content.decode()


def test_what_cannot_be_is_said_in_the_form(shop: Shop) -> None:
    browser = shop.business.browser("operator")

    page = browser.post(
        ADD, {"giver": shop.amy.pk, "takers": [shop.amy.pk], "what": "customers"}
    ).content.decode()

    assert "Choose another member of staff." in page
    assert shop.business.browser("viewer").get(ADD).status_code == 403


def test_the_button_of_a_follow_asks_wecom(shop: Shop) -> None:
    with shop.business.scope():
        follow = Follow.objects.get(contact__name="Eve")

    shop.business.browser("operator").post(
        reverse("admin:contacts_follow_hand_over", args=[follow.pk]),
        {"to": shop.bob.pk, "confirmed": "on"},
    )

    assert shop.states() == {"Eve": "planned"}
    assert shop.follows("Eve") == {"amy": ("open", "")}


def test_by_the_api(shop: Shop) -> None:
    api = shop.business.api()
    wish = {"from": "amy", "to": ["bob", "cleo"], "all_contacts": True}

    seen = api.post("/api/v1/transfers/preview", wish, format="json")
    made = api.post("/api/v1/transfers", wish, format="json")

    assert seen.json() == {"kind": "on_job", "customers": 3, "groups": 0, "staying": {}}
    assert made.status_code == 201, made.content
    number = made.json()["id"]
    assert made.json()["counts"] == {"planned": 3}
    shop.work()
    assert api.get(f"/api/v1/transfers/{number}").json()["counts"] == {"waiting": 3}
    items = api.get(f"/api/v1/transfers/{number}/items?state=waiting").json()["results"]
    assert {item["to"] for item in items} == {"bob", "cleo"}
    refused = api.post("/api/v1/transfers", {"from": "amy", "to": ["amy"], "all_contacts": True},
                       format="json")  # fmt: skip
    assert refused.status_code == 400
    assert shop.business.as_role("sales").get("/api/v1/transfers").status_code == 403
