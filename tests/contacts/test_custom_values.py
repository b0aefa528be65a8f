"""Filters on a business's own fields look in rows: these say what the documents say, always."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Signal
from typing import Any

import pytest
from django.db import connection, connections
from django.urls import reverse

from contacts import custom_fields, custom_values, people, profile
from contacts.models import Contact, ContactValue, CustomField
from contacts.privacy import erasing
from tenants import ids
from tests.conftest import Business
from tests.contacts.imports.conftest import Load, counts, load, media
from tests.contacts.merging.test_merging import merge, unmerge
from tests.contacts.test_custom_fields import typed_of
from tests.test_admin_acts import open_as

__all__ = ["load", "media"]

CONTACTS = "/api/v1/contacts"
LONG = "长" * 70
CHOICES = ["dry", "oily", "dry; oily"]
# What documents may hold: values of each kind, and what lay there before the field was defined.
HELD: list[Any] = [
    None, "", "上海", LONG, LONG[:64], LONG[:64] + "x", 0, 7, -7, 0.5, "12.5", "007", "-0.000001",
    999_999_999_999_999, "1e3", "much", "2026-01-05", "2026-01-05T10:00:00Z", "05.01.2026", True,
    False, "true", "dry", ["dry"], ["oily", "dry"], [], ["oily", 7], {"dry": 1}, 10**20,
]  # fmt: skip
ASKED: dict[str, list[Any]] = {
    "text": ["上海", LONG, LONG[:64], "dry", "7", ""],
    "number": [0, 7, -7, 0.5, 12.5, -0.000001, 999_999_999_999_999],
    "date": ["2026-01-05", "2026-01-06"],
    "choice": ["dry", "oily"],
    "multi": ["dry", "oily"],
    "boolean": [True, False],
}


@pytest.fixture
def fields(business: Business) -> dict[str, CustomField]:
    with business.scope():
        return {
            kind: CustomField.objects.create(key=kind, label=kind, kind=kind, choices=CHOICES)
            for kind in CustomField.Kind.values
        }


def file_all(business: Business) -> None:
    custom_values.work(business.pk)
    with business.scope():
        assert custom_values.next_due() is None
        assert not CustomField.objects.exclude(filed_up_to=None).exists()


def filed() -> set[tuple[int, str, int]]:
    return set(ContactValue.objects.values_list("field_id", "value", "contact_id"))


def assert_filed_anew_is_the_same(business: Business) -> set[tuple[int, str, int]]:
    with business.scope():
        kept = filed()
        ContactValue.objects.all().delete()
        CustomField.objects.update(filed_up_to=0)
    file_all(business)
    with business.scope():
        assert filed() == kept
    return kept


@pytest.mark.parametrize("kind", ASKED)
def test_rows_find_whom_documents_find(
    kind: str, business: Business, fields: dict[str, CustomField]
) -> None:
    with business.scope():
        for held in HELD:
            Contact.objects.create(custom={kind: held, "other": "dry"})
        Contact.objects.create(custom={})
    file_all(business)

    with business.scope():
        of = CustomField.objects.get(kind=kind)
        for test in custom_fields.TESTS[CustomField.Kind(kind)]:
            asked = [True, False] if test == "known" else ASKED[kind]
            for value in asked if test else [*([each] for each in asked), asked]:
                by_rows, by_document = (
                    set(Contact.objects.filter(where(of, test, value)).values_list("id", flat=True))
                    for where in (custom_values.where, custom_fields.where)
                )
                assert by_rows == by_document, (test, value)


def test_the_very_first_contact_is_filed(
    business: Business, fields: dict[str, CustomField], monkeypatch: pytest.MonkeyPatch
) -> None:
    with business.scope():
        first = Contact.objects.create(custom={"text": "上海"})
    monkeypatch.setattr(custom_values, "_BEGUN", first.pk)  # as if it were the first of all tenants
    file_all(business)

    with business.scope():
        assert filed() == {(fields["text"].pk, "上海", first.pk)}


def test_numbers_and_days_are_filed_in_their_order(
    business: Business, fields: dict[str, CustomField]
) -> None:
    dice = random.Random(3)
    numbers = [round(dice.uniform(-1e6, 1e6), dice.randint(0, 6)) for _ in range(200)]
    numbers += [0, -1, 1, 999_999_999_999_999, -999_999_999_999_999]

    keys = [custom_values.key(fields["number"], number) for number in numbers]

    assert sorted(keys) == [key for _number, key in sorted(zip(numbers, keys, strict=True))]
    assert {len(key) for key in keys} == {23}


def test_whoever_writes_a_contact_files_it(
    business: Business, fields: dict[str, CustomField], load: Load
) -> None:
    file_all(business)
    api = business.api()
    values = {"number": 12.5, "multi": ["dry", "oily"], "text": "上海", "free": "x"}

    made = api.post(CONTACTS, {"custom": values}, format="json").json()
    assert len(assert_filed_anew_is_the_same(business)) == 4
    api.patch(f"{CONTACTS}/{made['id']}", {"custom": {"number": 3, "text": None}}, format="json")
    assert len(assert_filed_anew_is_the_same(business)) == 3
    items = [{"external_id": "b1", "custom": {"boolean": True}}]
    for changed in ({}, {"boolean": False, "date": "2026-01-05"}):
        items[0]["custom"] |= changed  # type: ignore[operator] # a dictionary
        answer = api.post(f"{CONTACTS}/bulk", {"items": items}, format="json").json()
        assert answer["results"][0]["status"] in {"created", "updated"}
        assert_filed_anew_is_the_same(business)
    assert counts(load("contacts", "external_id,number,choice\nf1,7,dry\nf2,,\n")) == (2, 0, 0, 0)
    assert counts(load("contacts", "external_id,number,choice\nf1,8,\nf2,9,oily\n")) == (0, 2, 0, 0)
    with business.scope():
        numbers = ContactValue.objects.filter(field=fields["number"]).order_by("value")
        assert [float(value) - 10**15 for value in numbers.values_list("value", flat=True)] == [
            3, 8, 9,
        ]  # fmt: skip
    assert len(assert_filed_anew_is_the_same(business)) == 9


def test_merging_erasing_and_deleting_file_anew(
    business: Business, fields: dict[str, CustomField]
) -> None:
    file_all(business)
    api = business.api()
    one, two = (
        api.post(CONTACTS, {"custom": custom}, format="json").json()["id"]
        for custom in ({"number": 1, "text": "a"}, {"number": 2, "choice": "dry"})
    )

    merge(business, one, two)
    assert len(assert_filed_anew_is_the_same(business)) == 3
    unmerge(business, one)
    assert len(assert_filed_anew_is_the_same(business)) == 4
    with business.scope():
        number = ids.decode(one)
        assert number is not None
        erasing.erase(number, by="api", reason="")
    assert len(assert_filed_anew_is_the_same(business)) == 2
    assert api.delete(f"{CONTACTS}/{two}").status_code == 204
    with business.scope():
        assert filed() == set()


def test_the_admin_files_too_and_a_field_takes_its_rows_along(
    business: Business, fields: dict[str, CustomField]
) -> None:
    file_all(business)
    browser = open_as(business, "operator")
    typed = typed_of(business, **{f"custom_{fields['number'].pk}": "4"})

    assert browser.post(reverse("admin:contacts_contact_add"), typed).status_code == 302
    assert len(assert_filed_anew_is_the_same(business)) == 1
    with business.scope():
        page = reverse("admin:contacts_contact_change", args=[Contact.objects.get().pk])
    typed |= {f"custom_{fields['number'].pk}": "5", f"custom_{fields['choice'].pk}": "dry"}
    assert browser.post(page, typed).status_code == 302
    assert len(assert_filed_anew_is_the_same(business)) == 2
    listed = reverse("admin:contacts_contact_changelist")
    for low, there in ((5, True), (6, False)):
        found = browser.get(f"{listed}?custom_{fields['number'].pk}_from={low}")
        assert (page in found.content.decode()) is there

    assert business.api().delete(f"/api/v1/custom-fields/{ids.encode(fields['number'].pk)}")
    with business.scope():
        assert {field for field, _value, _contact in filed()} == {fields["choice"].pk}


def test_a_new_field_is_filed_batch_by_batch(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = custom_values._FILE_NEXT.replace(f"LIMIT {custom_values.BATCH}", "LIMIT 2")
    monkeypatch.setattr(custom_values, "_FILE_NEXT", statement)
    with business.scope():
        for number in range(5):
            Contact.objects.create(custom={"city": f"c{number}"} if number != 3 else {})
        of = CustomField.objects.create(key="city", label="City", kind="text")

        steps = []
        while custom_values.step():
            of.refresh_from_db()
            steps.append(of.filed_up_to)
            assert set(Contact.objects.filter(custom_values.where(of, "", ["c4"]))) != set()

        pks = list(Contact.objects.order_by("id").values_list("id", flat=True))
        assert steps == [1, pks[1] + 1, pks[4] + 1, None]
        assert {contact for _field, _value, contact in filed()} == {*pks} - {pks[3]}


def test_who_writes_while_a_field_comes_is_filed(business: Business) -> None:
    """A writer who did not know the field is waited for; one who holds a contact is not."""
    wrote, may_end = Signal(), Signal()
    with business.scope():
        contact = Contact.objects.create(custom={"city": "old"})

    def writer() -> None:
        with business.scope():
            people.tell_changed([(contact, ["custom"])])  # files before the field is there
            profile.change(contact, {"custom": {"city": "new"}})
            wrote.set()
            assert may_end.wait(20)
        connections.close_all()

    def filing() -> None:
        custom_values.work(business.pk)
        connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        writing = pool.submit(writer)
        assert wrote.wait(20)
        with business.scope():
            of = CustomField.objects.create(key="city", label="City", kind="text")
        waiting = pool.submit(filing)
        while not waits_for_lock():
            assert not waiting.done()
        may_end.set()
        writing.result(20)
        waiting.result(20)

    with business.scope():
        assert filed() == {(of.pk, "new", contact.pk)}


def waits_for_lock() -> bool:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database())"
        )
        return bool(cursor.fetchone()[0])


def test_filing_gives_way_to_who_holds_a_contact(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(custom={"city": "c"})
        CustomField.objects.create(key="city", label="City", kind="text")
    held, may_end = Signal(), Signal()

    def holder() -> None:
        with business.scope():
            Contact.objects.select_for_update(of=("self",)).get(pk=contact.pk)
            held.set()
            assert may_end.wait(20)
        connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(holder)
        assert held.wait(20)
        custom_values.work(business.pk)
        with business.scope():
            assert custom_values.next_due() is not None
            assert filed() == set()
        may_end.set()
        holding.result(20)

    file_all(business)
    with business.scope():
        assert len(filed()) == 1


def test_rows_are_found_in_an_index_under_row_level_security(
    business: Business, fields: dict[str, CustomField]
) -> None:
    with business.scope(), connection.cursor() as cursor:
        Contact.objects.bulk_create(
            [Contact(custom={"choice": "oily" if n % 400 else "dry"}) for n in range(2000)]
        )
    file_all(business)

    with business.scope(), connection.cursor() as cursor:
        of = CustomField.objects.get(kind="choice")
        rows = Contact.objects.filter(custom_values.where(of, "", ["dry"]))
        found = rows.order_by("-id").values_list("id")[:50]
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = found.explain()
        assert len(found) == 5

    assert "using contact_value " in plan, plan
    assert "custom" not in plan, plan
