"""Imports that are paused, resumed, undone, and whose files are removed."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone, translation

from contacts import orders, timeline
from contacts.imports import attempt, control, keeping, run, undo
from contacts.imports.contacts import Contacts
from contacts.models import (
    Contact,
    ContactTag,
    ContactToken,
    Cost,
    Event,
    Follow,
    Import,
    ImportedRows,
    Order,
    Product,
)
from contacts.validation import Item
from journeys.models import ContactStage, Score
from tenants.models import AuditEntry
from tests.conftest import Business
from tests.contacts.imports.conftest import Load, counts, settle

HEAD = "external_id,name,phone,owner,acquired_at,tags\n"
ROWS = "".join(f"{n},Name {n},1380000{n:04d},li,2024-01-01,vip\n" for n in range(35))


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "BATCH", 10)
    monkeypatch.setattr(undo, "CHUNK", 7)


def bring(business: Business, **options: Any) -> Import:
    with business.scope():
        return run.bring("contacts", io.BytesIO((HEAD + ROWS).encode()), "c.csv", **options)


def pause_at(monkeypatch: pytest.MonkeyPatch, business: Business, key: str) -> list[int]:
    """Somebody presses pause (in another transaction) while the batch with this key is written."""
    write, written = Contacts.write, []

    def pausing(self: Contacts, rows: Any, *, last: bool) -> Any:
        written.append(len(rows))
        if key in {row.key for row in rows}:
            attempt._aside(lambda: _pause(business))
        return write(self, rows, last=last)

    monkeypatch.setattr(Contacts, "write", pausing)
    return written


def _pause(business: Business) -> None:
    with business.scope():
        control.pause(Import.objects.latest("id"))


def test_pause_keeps_whole_batches_and_resume_doubles_nothing(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = bring(business)
    with monkeypatch.context() as patch:
        pause_at(patch, business, "15")
        run.work(business.pk)

    with business.scope():
        job.refresh_from_db()
        assert (job.status, job.lines_done, job.lines_total) == ("paused", 20, 35)
        assert (job.created, job.lease_until) == (20, None)
        assert Contact.objects.count() == 20
        assert run.next_due() is None
        control.resume(job)
    run.work(business.pk)

    with business.scope():
        job.refresh_from_db()
        assert counts(job) == (35, 0, 0, 0)
        assert (job.lines_done, job.lines_total) == (35, 35)
        assert Contact.objects.count() == Follow.objects.count() == 35
        assert sum(len(rows.ids) for rows in ImportedRows.objects.all()) == 35


def test_a_dry_run_says_how_far_it_is_and_can_be_paused(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = bring(business, dry_run=True)
    with monkeypatch.context() as patch:
        written = pause_at(patch, business, "15")
        run.work(business.pk)

    assert written == [10, 10]
    with business.scope():
        job.refresh_from_db()
        assert (job.status, job.lines_done) == ("paused", 20)
        assert not Contact.objects.exists()
        control.resume(job)
    run.work(business.pk)

    with business.scope():
        job.refresh_from_db()
        assert counts(job) == (35, 0, 0, 0)
        assert not Contact.objects.exists()
        assert not ImportedRows.objects.exists()


def undone(business: Business, job: Import) -> Import:
    with business.scope():
        control.undo_all(job)
    run.work(business.pk)
    with business.scope():
        job.refresh_from_db()
    return job


def test_undo_takes_everything_of_created_contacts_along(business: Business, load: Load) -> None:
    with business.scope():
        Contact.objects.create(external_id="before", name="Known before")
    job = load("contacts", HEAD + ROWS + "before,Renamed,,,,\n")
    assert counts(job) == (35, 1, 0, 0)
    settle(business)

    undone(business, job)

    assert (job.status, job.undone, job.undo_kept) == ("undone", 35, 0)
    assert job.undone_at is not None
    with business.scope():
        timeline.drain_all()
        assert Contact.objects.get().name == "Renamed"  # what was updated stays
        for model in (ContactTag, ContactToken, Follow, Score, ContactStage):
            assert not model.objects.exclude(contact__external_id="before").exists(), model
        assert not Event.objects.exclude(contact__external_id="before").exists()
        assert not ImportedRows.objects.exists()
        assert run.next_due() is None
    assert counts(load("contacts", HEAD + ROWS)) == (35, 0, 0, 0)


def test_what_something_else_hangs_on_stays(business: Business, load: Load) -> None:
    job = load("contacts", HEAD + ROWS)
    settle(business)
    with business.scope():
        ids = dict(Contact.objects.values_list("external_id", "id"))
        orders.upsert([orders.Row("O1", ids["3"], 500, timezone.now())])
        timeline.record(
            [timeline.NewEvent(ids["4"], "price.asked", timezone.now(), "given", "e1", {})]
        )
    load("contacts", "external_id,name\n5,Other name\n")
    load("contacts", "external_id,referrer\nnew,6\n")
    with business.scope(), translation.override("en"):
        shown = undo.preview(job)
    assert (shown.total, shown.kept) == (35, 4)
    assert [line.kept for line in shown.lines[3:8]] == [
        "has orders", "something happened since", "was changed since", "referred others", "",
    ]  # fmt: skip

    undone(business, job)

    assert (job.undone, job.undo_kept) == (31, 4)
    with business.scope():
        left = Contact.objects.values_list("external_id", flat=True)
        assert set(left) == {"3", "4", "5", "6", "new"}


def test_a_crash_while_undoing_goes_on(
    business: Business, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = load("contacts", HEAD + ROWS)
    chunk, calls = undo._chunk, []

    def dies(*args: Any) -> bool:
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return chunk(*args)

    with business.scope():
        control.undo_all(job)
    with monkeypatch.context() as patch:
        patch.setattr(undo, "_chunk", dies)
        with pytest.raises(KeyboardInterrupt):
            run.work(business.pk)
    with business.scope():
        assert Contact.objects.count() == 35 - 2 * 5 - 2  # batches end with 5, so chunks do
        Import.objects.update(lease_until=timezone.now())
    run.work(business.pk)

    with business.scope():
        job.refresh_from_db()
        assert (job.status, job.undone) == ("undone", 35)
        assert not Contact.objects.exists()


def test_undo_of_the_other_kinds(business: Business, load: Load) -> None:
    load("contacts", "external_id\nA\nB\n")
    products = load("products", "sku,name,cost\nP1,Soap,2\nP2,Cup,3\n")
    brought = load(
        "orders",
        "order_id,contact,paid_at,amount,items\nO1,A,2024-01-02,50,P1×1\nO2,B,2024-01-03,5,\n",
    )
    events = load("events", "event_id,contact,kind,at\nE1,A,price.asked,2024-01-02\n")
    costs = load("costs", "date,channel,kind,amount\n2024-01-01,x,ad,5\n")
    settle(business)
    with business.scope():
        orders.upsert(
            [orders.Row("O2", Contact.objects.get(external_id="B").pk, 700, items=(Item("P2", 1),))]
        )

    for job in (events, costs, brought, products):
        undone(business, job)

    assert [(job.undone, job.undo_kept) for job in (events, costs, brought, products)] == [
        (1, 0), (1, 0), (1, 1), (1, 1),
    ]  # fmt: skip
    with business.scope():
        timeline.drain_all()
        assert list(Order.objects.values_list("order_id", flat=True)) == ["O2"]
        assert list(Product.objects.values_list("sku", flat=True)) == ["P2"]
        assert not Cost.objects.exists()
        assert set(Event.objects.filter(contact__external_id="A").values_list("kind")) == {
            ("contact.created",)
        }
        won = ContactStage.objects.filter(contact__external_id="A", stage__key="won")
        assert not won.exists()


def test_by_the_api(business: Business, load: Load) -> None:
    job = bring(business)
    api = business.api()
    one = f"/api/v1/imports/{api.get('/api/v1/imports').json()['results'][0]['id']}"

    for verb, status in (("resume", 409), ("undo", 409), ("pause", 200), ("pause", 409)):
        answer = api.post(f"{one}/{verb}", HTTP_ACCEPT_LANGUAGE="en")
        assert answer.status_code == status, (verb, answer.json())
    assert "can be paused" in answer.json()["error"]["message"]
    assert api.post(f"{one}/resume").json()["status"] == "queued"
    run.work(business.pk)
    done = api.get(one).json()
    assert done["progress"] == {"done": 35, "total": 35}
    assert done["undo"] is None
    assert api.post(f"{one}/undo").json()["status"] == "undoing"
    run.work(business.pk)

    found = api.get(one).json()
    assert (found["status"], found["undo"]["removed"], found["undo"]["kept"]) == ("undone", 35, 0)
    assert api.post(f"{one}/undo").status_code == 409
    with business.scope():
        log = AuditEntry.objects.filter(target__endswith=f":{one.rpartition('/')[2]}")
        assert set(log.values_list("action", flat=True)) == {
            "import.paused", "import.resumed", "import.undone",
        }  # fmt: skip
    assert job.pk


def test_after_a_day_it_is_too_late(business: Business, load: Load) -> None:
    job = load("contacts", HEAD + ROWS)
    with business.scope():
        Import.objects.update(finished_at=timezone.now() - timedelta(hours=24, seconds=1))
        job.refresh_from_db()
        with translation.override("en"):
            assert "24 hours" in control.why_not_undo(job)
        with pytest.raises(control.NotNow):
            control.undo_all(job)


def test_files_go_after_some_days(business: Business, load: Load, settings: Any) -> None:
    job = load("contacts", HEAD + "A,a,bad,,,\n")
    draft = bring(business, draft=True)
    files = [Path(job.file.path), Path(job.error_file.path), Path(draft.file.path)]
    with business.scope():
        due = keeping.next_due()
        assert due is not None and due > timezone.now() + timedelta(days=6)
        assert keeping.remove() == 0
    assert all(file.exists() for file in files)
    settings.IMPORT_FILES_DAYS = 0

    keeping.work(business.pk)

    assert not any(file.exists() for file in files)
    with business.scope():
        job.refresh_from_db()
        draft.refresh_from_db()
        assert (str(job), bool(job.error_file), job.status) == ("file.csv", False, "done")
        assert (draft.status, draft.error_code) == ("failed", "abandoned")
        assert keeping.next_due() is None
        assert not ImportedRows.objects.exists()


def test_an_undoing_that_breaks_off_can_be_tried_again(
    business: Business, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = load("contacts", HEAD + ROWS)
    with monkeypatch.context() as patch:
        patch.setattr(undo, "_chunk", lambda *_: 1 // 0)
        undone(business, job)
    assert (job.status, job.error_code, job.lease_until) == ("done", "undo", None)

    undone(business, job)

    assert (job.status, job.error_code, job.undone) == ("undone", "", 35)
