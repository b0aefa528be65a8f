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
    Identity,
    Import,
    Order,
    SavedView,
)
from contacts.privacy import decisions, erasing, holdings, takeout, traces
from tenants import audit
from tenants.fields import EncryptedField
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


# Of tables that a key leads from to a person: the columns of text that keep what was in them.
STAYS = {
    "contacts.Consent.by": "the user or key that wrote it down",
    "contacts.Consent.text_version": "which words were agreed to: the proof",
    "contacts.Event.kind": "what figures count",
    "contacts.Event.source": "a code of ours",
    "contacts.FollowLoss.stage": "the key of a stage",
    "contacts.GroupMove.state": "the code of an invitation, which all have who came by it",
    "contacts.GroupSpell.state": "the same",
    "contacts.Order.order_id": "the shop's number of the order: money is booked under it",
    "contacts.OrderItem.sku": "the code of a product",
    "contacts.ReachSpell.account": "an account of the business",
    "journeys.Enrolment.reason": "a code of ours",
    "journeys.StaffTask.notice_problem": "what the platform said of our note to a colleague",
    "journeys.StageMove.basis": "version and grade of the score",
    "journeys.Touch.key": "made of ids of ours",
    "journeys.Touch.reason": "a code of ours",
    "journeys.Touch.reminded": "moments",
}


def texts(model: type[TenantModel]) -> list[models.Field[Any, Any]]:
    """Columns that could hold words; those with a list of choices, or one letter, cannot."""
    return [
        field
        for field in model._meta.local_concrete_fields
        if isinstance(field, models.CharField | models.TextField | models.JSONField)
        and not isinstance(field, EncryptedField)
        and not field.choices
        and (field.max_length or 99) >= len(TRACE)
    ]


def found_in(words: list[str]) -> set[str]:
    """The columns of the tenant's tables in which one of these stands."""
    hits: set[str] = set()
    with connection.cursor() as cursor:
        for model in tenant_models():
            for field in model._meta.local_concrete_fields:
                cursor.execute(
                    f'SELECT EXISTS (SELECT 1 FROM "{model._meta.db_table}" t'
                    ", unnest(%s::text[]) w WHERE t.tenant_id = %s"
                    f' AND strpos(lower(t."{field.column}"::text), lower(w)) > 0)',
                    [words, current_tenant_id()],
                )
                if cursor.fetchone()[0]:
                    hits.add(f"{model._meta.label}.{field.name}")
    return hits


@pytest.fixture
def person(business: Business, settings: Any, tmp_path: Any) -> tuple[Rows, Contact]:
    """One row in every table; those that hang on the contact hold the trace wherever they can."""
    settings.MEDIA_ROOT = str(tmp_path)
    rows = furnish(business, "ours")
    with business.scope():
        contact = rows[Contact]
        contact.name, contact.phone, contact.email = TRACE, PHONE, EMAIL
        contact.save()
        for model in holdings.tables():
            written = {
                field.name: {"said": TRACE} if isinstance(field, models.JSONField) else TRACE
                for field in texts(model)
                if field.name != "external"  # of nobody who is known
            }
            if written:
                model.objects.filter(pk=rows[model].pk).update(**written)
        search.reindex([contact.pk])
        Identity.objects.create(contact=contact, kind="unionid", value=f"union-{TRACE}")
        Import.objects.update(status="done")
        return rows, contact


def test_nothing_is_left_in_the_database(business: Business, person: tuple[Rows, Contact]) -> None:
    _rows, contact = person
    with business.scope():
        Erasure.objects.all().delete()  # of somebody else: the reason stays
        before = {model: model.objects.count() for model in (Order, Consent)}
        written = found_in([TRACE])
        for model in SHELLS - {Erasure, ErasedKey}:
            names = {f"{model._meta.label}.{field.name}" for field in texts(model)}
            assert names <= written | {"contacts.GroupMember.external"}, model

        done = erasing.erase(contact.pk, by="user:1", reason="asked for it")

        left = found_in([TRACE, PHONE, PHONE[1:], EMAIL])
        assert left == set(STAYS)
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
    with business.scope():
        files = [
            default_storage.save(f"tenants/x/imports/{nr}.csv", ContentFile(text.encode("gb18030")))
            for nr, text in enumerate((f"姓名,{TRACE}", "nobody"))
        ]
        for nr, name in enumerate(files):
            Import.objects.create(token=f"{nr}" * 32, kind="contacts", file=name, status="done")
    api = business.api()

    answer = api.post(f"{path}/erase", {"reason": "asked by letter"}, format="json")

    assert answer.status_code == 200, answer.content
    assert [default_storage.exists(name) for name in files] == [False, True]
    timeline.work(business.pk)
    with business.scope():
        left = found_in([TRACE, "13912345678", "1990-02-03", "secret"])
        assert left == {"contacts.Tag.name"}  # the name of a tag is the business's own
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


@pytest.mark.usefixtures("tenant")
def test_files_are_searched_in_every_form(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("xl/sharedStrings.xml", "<t>小明</t>")
    contents = {
        "utf": "姓名,小明".encode(),
        "gb": "姓名,小明".encode("gb18030"),
        "xlsx": book.getvalue(),
        "none": "姓名,小红".encode(),
        "damaged": b"nobody",
    }
    names = {key: default_storage.save(key, ContentFile(each)) for key, each in contents.items()}
    damaged = tmp_path / names["damaged"]
    damaged.write_bytes(damaged.read_bytes()[:-1])  # nobody can say any more
    assert {key for key, name in names.items() if traces.holds(name, ["小明"])} == {
        "utf", "gb", "xlsx", "damaged",
    }  # fmt: skip
    assert not traces.holds("nowhere", ["小明"])
