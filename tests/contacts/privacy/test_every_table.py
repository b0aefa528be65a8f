"""No table is forgotten: each says what erasing does, and nothing of the person is found after."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, models

from contacts import search, timeline
from contacts.models import (
    Consent,
    Contact,
    ContactToken,
    ErasedKey,
    Erasure,
    Event,
    Export,
    Identity,
    Import,
    Order,
    SavedView,
)
from contacts.privacy import decisions, erasing, holdings, takeout, traces
from tenants import audit
from tenants.isolation import tenant_models
from tenants.models import AuditEntry
from tenants.scope import TenantModel, current_tenant_id
from tests.conftest import Business
from tests.contacts.merging.test_every_table import PLAIN
from tests.factories import Rows, furnish

TRACE = "spurensuche"
PHONE, EMAIL = "+8613912345678", f"{TRACE}@example.com"
# Tables that hold no words of contacts, whatever furnish() writes there: names of the business's
# own things. A new table with a key to a contact is never among them.
SHELLS: set[type[TenantModel]] = set(holdings.tables())


def test_every_table_with_a_key_to_contacts_has_a_decision() -> None:
    assert decisions.undecided(list(holdings.tables())) == []
    assert all(each.why for each in decisions.of_tables.values())


def test_what_stays_has_no_words_but_codes() -> None:
    """A text that people write may not be in a table that is kept as it is."""
    coded = {
        "contacts.Order": {"order_id", "status"},
        "contacts.OrderItem": {"sku"},
        "contacts.ReachSpell": {"account", "opened_by", "ended_by"},
        "contacts.GroupMember": {"external", "name"},  # of unknown accounts only
        "contacts.GroupMove": {"way", "state"},
        "contacts.GroupSpell": {"join_way", "state", "quit_way"},
        "contacts.Erasure": {"by", "reason", "counts"},
        "contacts.ErasedKey": {"kind"},
        "journeys.Enrolment": {"state", "reason"},
        "journeys.ContactStage": set(),
    }
    for model, decision in decisions.of_tables.items():
        if decision.fate is not decisions.Fate.KEPT:
            continue
        words = {
            field.name
            for field in model._meta.local_concrete_fields
            if isinstance(field, models.CharField | models.TextField | models.JSONField)
        }
        assert words == coded.get(model._meta.label, set()), model


def test_numbers_beside_keys_are_known() -> None:
    """The walk follows keys; who keeps contacts as plain numbers is listed, and holds no words."""
    plain = [m for m in tenant_models() if m._meta.db_table in PLAIN]
    assert len(plain) == len(PLAIN)
    for model in plain:
        for field in model._meta.local_concrete_fields:
            assert not isinstance(field, models.CharField | models.TextField | models.JSONField)


def found_in(words: list[str]) -> dict[str, int]:
    """In which tables of the tenant stands one of these, in any column?"""
    hits: dict[str, int] = {}
    with connection.cursor() as cursor:
        for model in tenant_models():
            cursor.execute(
                f'SELECT count(*) FROM "{model._meta.db_table}" t WHERE t.tenant_id = %s'
                " AND EXISTS (SELECT 1 FROM unnest(%s::text[]) w WHERE strpos(t::text, w) > 0)",
                [current_tenant_id(), words],
            )
            (number,) = cursor.fetchone()
            if number:
                hits[model._meta.label] = number
    return hits


@pytest.fixture
def person(business: Business, settings: Any, tmp_path: Any) -> tuple[Rows, Contact]:
    """One row in every table, each holding the trace wherever it has words."""
    settings.MEDIA_ROOT = str(tmp_path)
    rows = furnish(business, TRACE)
    with business.scope():
        contact = rows[Contact]
        contact.name, contact.phone, contact.email = TRACE, PHONE, EMAIL
        contact.custom = {"note": TRACE}
        contact.save()
        search.reindex([contact.pk])
        Identity.objects.create(contact=contact, kind="unionid", value=f"union-{TRACE}")
        return rows, contact


def test_nothing_is_left_in_the_database(business: Business, person: tuple[Rows, Contact]) -> None:
    _rows, contact = person
    with business.scope():
        Import.objects.update(status="done")
        Export.objects.all().delete()
        Erasure.objects.all().delete()
        before = {model: model.objects.count() for model in (Order, Consent)}
        own = {model._meta.label for model in SHELLS}
        assert own - {"contacts.ErasedKey"} & set(found_in([TRACE]))

        done = erasing.erase(contact.pk, by="user:1", reason="asked for it")

        left = found_in([TRACE, PHONE, PHONE[1:], EMAIL])
        # Names that furnish() gave to the business's own things are no words of the person; money
        # stays, with the number that the shop gave it; so does what erasures before said of theirs.
        assert set(left) & own <= {"contacts.Order", "contacts.OrderItem", "contacts.Erasure",
                                   "contacts.ReachSpell", "contacts.Follow", "contacts.GroupMove",
                                   "contacts.GroupSpell", "journeys.Enrolment", "contacts.Consent",
                                   "contacts.ErasedKey", "journeys.Touch", "contacts.Event",
                                   "contacts.GroupMember", "contacts.FollowLoss",
                                   "journeys.StageMove", "journeys.Lead"}  # fmt: skip
        contact = Contact.objects.get(pk=contact.pk)
        assert (contact.name, contact.phone, contact.email, contact.custom) == ("", None, None, {})
        assert contact.excluded
        assert {model: model.objects.count() for model in before} == before
        assert not ContactToken.objects.filter(contact=contact).exists()
        assert ErasedKey.objects.filter(erasure=done).count() >= 3


def come(business: Business) -> str:
    """A person as people really come: by the API, with remarks, chats, accounts. Their address."""
    api = business.api()
    item = {
        "external_id": f"id-{TRACE}", "name": f"Frau {TRACE}", "phone": "13912345678",
        "email": EMAIL, "birthday": "1990-02-03", "tags": ["secret"], "custom": {"note": TRACE},
        "owner": "sales1", "acquired_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    made = api.post("/api/v1/contacts", item, format="json", headers={"Idempotency-Key": "1"})
    assert made.status_code == 201
    event = {
        "event_id": f"e-{TRACE}", "contact": f"id-{TRACE}", "kind": "form.answered",
        "at": "2026-02-01T00:00:00Z",
        "properties": {"phone": "13912345678", "answer": TRACE, "staff": "sales1"},
    }  # fmt: skip
    assert api.post("/api/v1/events", event, format="json").status_code == 201
    path = f"/api/v1/contacts/{made.json()['id']}"
    assert api.patch(path, {"name": f"{TRACE} Müller"}, format="json").status_code == 200
    with business.scope():
        contact = Contact.objects.get()
        contact.follows.update(remark=TRACE, description=TRACE)
        Identity.objects.create(contact=contact, kind="unionid", value=f"u-{TRACE}", nickname=TRACE)
        audit.record("contact.changed", contact)
        owner = business.users["owner"]
        SavedView.objects.create(user=owner, page="p", name="v", query=f"q={TRACE}")
    timeline.work(business.pk)
    return path


def test_a_seeded_person_leaves_no_trace(business: Business, settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    path = come(business)
    files = [
        default_storage.save(f"tenants/x/imports/{nr}.csv", ContentFile(words.encode("gb18030")))
        for nr, words in enumerate((f"姓名,{TRACE}", "nobody"))
    ]
    with business.scope():
        for nr, name in enumerate(files):
            Import.objects.create(token=f"{nr}" * 32, kind="contacts", file=name, status="done")
    api = business.api()

    answer = api.post(f"{path}/erase", {"reason": "asked by letter"}, format="json")

    assert answer.status_code == 200, answer.content
    assert [default_storage.exists(name) for name in files] == [False, True]
    timeline.work(business.pk)
    with business.scope():
        left = found_in([TRACE, "13912345678", "1990-02-03", "secret"])
        assert set(left) == {"contacts.Tag"}, left  # the name of a tag is the business's own
        assert Event.objects.get(kind="form.answered").properties == {"staff": "sales1"}
        assert not AuditEntry.objects.filter(summary__contains=TRACE).exists()
    again = api.post(f"{path}/erase", {"reason": "again"}, format="json")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "erased")


def test_everything_is_taken_out(business: Business, person: tuple[Rows, Contact]) -> None:
    _rows, contact = person
    with business.scope():
        told = takeout.everything(contact)
        for model in holdings.tables():
            if model.__name__ in {"Consent", "Follow", "Event", "Order", "Lead", "Touch"}:
                assert told["tables"][model._meta.label_lower], model
        (row,) = told["tables"]["contacts.contact"]
        assert (row["name"], row["phone"], row["email"]) == (TRACE, PHONE, EMAIL)
        assert "phone_hash" not in row
        packed = takeout.zipped(told)
        assert packed[:2] == b"PK"


def test_files_are_searched_in_every_form(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("xl/sharedStrings.xml", "<t>小明</t>")
    names = {
        "utf": default_storage.save("a", ContentFile("姓名,小明".encode())),
        "gb": default_storage.save("b", ContentFile("姓名,小明".encode("gb18030"))),
        "xlsx": default_storage.save("c", ContentFile(book.getvalue())),
        "none": default_storage.save("d", ContentFile("姓名,小红".encode())),
    }
    assert {key for key, name in names.items() if traces.holds(name, ["小明"])} == {
        "utf", "gb", "xlsx",
    }  # fmt: skip
    assert not traces.holds("nowhere", ["小明"])
