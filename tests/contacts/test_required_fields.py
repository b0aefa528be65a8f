"""Required custom fields: nobody new is taken without them, and nobody loses them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from contacts.imports import run
from contacts.models import Contact, CustomField, Import
from tests.conftest import Business
from tests.contacts.imports.conftest import counts, reasons, rejections

PATH = "/api/v1/contacts"


@pytest.fixture(autouse=True)
def fields(business: Business, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    with business.scope():
        for key, kind, required, archived in (
            ("city", "text", True, False),
            ("likes", "multi", True, False),
            ("vip", "boolean", False, False),
            ("shoe", "number", True, True),
        ):
            CustomField.objects.create(
                key=key, label=f"{key} of people", kind=kind, required=required,
                archived=archived, choices=["tea", "coffee"] if kind == "multi" else [],
            )  # fmt: skip


GOOD = {"city": "Berlin", "likes": ["tea"]}


def load(business: Business, text: str, **options: Any) -> Import:
    with business.scope():
        job = run.bring("contacts", io.BytesIO(text.encode()), "c.csv", **options)
    run.work(business.pk)
    with business.scope():
        job.refresh_from_db()
    return job


def custom(business: Business, external_id: str) -> dict[str, Any]:
    with business.scope():
        found: dict[str, Any] = Contact.objects.get(external_id=external_id).custom
    return found


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, ["city", "likes"]),
        ({"custom": {"vip": True}}, ["city", "likes"]),
        ({"custom": {"city": None, "likes": ["tea"]}}, ["city"]),
        ({"custom": {"city": "", "likes": ["tea"]}}, ["city"]),
        ({"custom": {"city": "Berlin", "likes": []}}, ["likes"]),
        ({"custom": {"city": "Berlin", "likes": " ; "}}, ["likes"]),
    ],
)
def test_the_api_takes_nobody_new_without(
    business: Business, given: dict[str, Any], named: list[str]
) -> None:
    answer = business.api().post(
        PATH, {"external_id": "A", **given}, format="json", HTTP_ACCEPT_LANGUAGE="en"
    )

    assert answer.status_code == 400
    problems = answer.json()["error"]["fields"]["custom"]
    assert [each.partition(":")[0] for each in problems] == named
    with business.scope():
        assert not Contact.objects.exists()
    made = business.api().post(PATH, {"external_id": "A", "custom": GOOD}, format="json")
    assert made.status_code == 201 and made.json()["custom"] == GOOD


@pytest.mark.parametrize("empty", [{"city": None}, {"city": ""}, {"likes": []}, {"likes": None}])
def test_a_change_may_not_empty_them(business: Business, empty: dict[str, Any]) -> None:
    api = business.api()
    one = (
        f"{PATH}/{api.post(PATH, {'external_id': 'A', 'custom': GOOD}, format='json').json()['id']}"
    )

    answer = api.patch(one, {"custom": {"vip": True, **empty}}, format="json")

    assert answer.status_code == 400
    assert next(iter(empty)) in str(answer.json()["error"]["fields"]["custom"])
    assert custom(business, "A") == GOOD
    changed = api.patch(one, {"custom": {"city": "Bonn", "shoe": None}}, format="json")
    assert changed.json()["custom"] == {**GOOD, "city": "Bonn"}
    assert api.patch(one, {"name": "Anna"}, format="json").status_code == 200


def test_who_is_known_without_may_be_changed(business: Business) -> None:
    with business.scope():
        Contact.objects.create(external_id="old")
    api = business.api()
    one = f"{PATH}/{api.get(PATH).json()['results'][0]['id']}"

    assert api.patch(one, {"custom": {"vip": True}}, format="json").status_code == 200
    assert custom(business, "old") == {"vip": True}


def test_in_bulk_each_item_is_asked(business: Business) -> None:
    with business.scope():
        Contact.objects.create(external_id="old", custom=GOOD)
    items = [
        {"external_id": "A", "custom": GOOD},
        {"external_id": "B", "custom": {"city": "Berlin"}},
        {"external_id": "C", "custom": GOOD, "referrer": "B"},
        {"external_id": "old", "name": "Old"},
        {"external_id": "old", "custom": {"city": ""}},
    ]

    answer = business.api().post(f"{PATH}/bulk", {"items": items}, format="json")

    results = answer.json()["results"]
    assert [each["status"] for each in results] == [
        "created", "rejected", "rejected", "updated", "rejected",
    ]  # fmt: skip
    assert "likes" in str(results[1]) and "required" in str(results[1])
    assert "unknown_referrer" in str(results[2])
    assert custom(business, "old") == GOOD


@pytest.mark.parametrize(
    ("language", "reason"),
    [("en", "A new contact needs a value here."), ("zh-hans", "新客户必须填写此字段。")],
)
def test_a_file_brings_nobody_new_without(business: Business, language: str, reason: str) -> None:
    with business.scope():
        Contact.objects.create(external_id="old", custom=GOOD)
    text = (
        "external_id,name,city,likes of people,referrer\nA,a,Berlin,tea,\nB,b,,tea,\nC,c,Bonn,;,\n"
        "old,New name,,,\nD,d,Bonn,,\nD,,,tea,\nE,e,Ulm,tea,B\n"
    )
    for dry_run in (True, False):
        job = load(business, text, dry_run=dry_run, language=language)

        # D lacks likes in its first line and has them in the other: joined it is whole.
        assert counts(job) == (2, 1 + 1, 0, 3)
        assert reasons(job) == [
            (3, "city of people", "required"), (4, "likes of people", "blank"),
            (8, "referrer", "unknown_referrer"),
        ]  # fmt: skip
        assert rejections(job)[0]["message"] == reason
    assert custom(business, "old") == GOOD


def test_a_file_without_the_column_changes_only_who_is_known(business: Business) -> None:
    with business.scope():
        Contact.objects.create(external_id="old")

    job = load(business, "external_id,name\nnew,New\nold,Old\n", language="en")

    assert counts(job) == (0, 1, 0, 1)
    assert reasons(job) == [(2, "city of people", "required")]
