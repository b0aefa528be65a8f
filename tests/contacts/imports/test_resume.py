"""Going on after a pause or a crash: no row is written twice or lost, each is counted once."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from contacts.imports import attempt, run
from contacts.imports.contacts import Contacts
from contacts.models import Contact, Cost, CustomField, Event, Import, ImportedRows, Order
from tests.conftest import Business
from tests.contacts.imports.conftest import Load, counts, reasons


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "BATCH", 10)


class Killed(BaseException):
    """The process dies: nothing of ours may catch it."""


@dataclass
class Work:
    """One import that dies again and again."""

    business: Business
    patch: pytest.MonkeyPatch

    def bring(self, kind: str, text: str, **options: Any) -> None:
        with self.business.scope():
            self.pk = run.bring(kind, io.BytesIO(text.encode()), "file.csv", **options).pk

    def job(self) -> Import:
        with self.business.scope():
            return Import.objects.get(pk=self.pk)

    def go(self, *, die_before: int | None = None) -> list[list[int]]:
        """Work until the end, or die before the commit of that batch; answers the lines written."""
        with self.business.scope():
            Import.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        written: list[list[int]] = []
        keep = attempt.Attempt._keep

        def dies(job: attempt.Attempt, batch: Any, step: Any) -> None:
            written.append([row.line for row in batch.rows])
            keep(job, batch, step)
            if len(written) == die_before:
                raise Killed

        with self.patch.context() as patch:
            patch.setattr(attempt.Attempt, "_keep", dies)
            if die_before is None:
                run.work(self.business.pk)
            else:
                with pytest.raises(Killed):
                    run.work(self.business.pk)
        return written


@pytest.fixture
def work(business: Business, monkeypatch: pytest.MonkeyPatch) -> Work:
    return Work(business, monkeypatch)


def total(job: Import) -> int:
    return job.created + job.updated + job.unchanged + job.rejected


def test_what_somebody_changed_meanwhile_stays_changed(business: Business, work: Work) -> None:
    work.bring("contacts", "external_id,name\n" + "".join(f"{n},Name {n}\n" for n in range(35)))
    work.go(die_before=3)
    with business.scope():
        assert (work.job().reached, work.job().created) == (20, 20)
        Contact.objects.filter(external_id="3").update(name="By hand")
        Contact.objects.filter(external_id="4").delete()
        Contact.objects.create(external_id="30", name="Somebody's")

    written = work.go()

    assert written == [list(range(22, 32)), list(range(32, 37))]
    job = work.job()
    assert counts(job) == (34, 1, 0, 0)
    assert (job.lines_done, job.lines_total) == (35, 35)
    assert (job.reached, job.later, job.alone) == (0, [], [])
    with business.scope():
        names = dict(Contact.objects.values_list("external_id", "name"))
        assert names == {
            str(n): f"Name {n}" for n in range(35) if n != 4
        } | {"3": "By hand"}  # fmt: skip


def test_what_was_refused_before_comes_back_as_it_was(
    business: Business, load: Load, work: Work
) -> None:
    load("contacts", "external_id\nA\n")
    bad = {3: "Z", 8: "Z", 17: "Z", 24: "Z"}  # lines with an unknown contact
    lines = [
        f"O{n},{bad.get(n, 'A')},2024-01-02,{'x' if n in (5, 26) else 5}" for n in range(2, 32)
    ]
    work.bring("orders", "order_id,contact,paid_at,amount\n" + "\n".join(lines) + "\n")
    work.go(die_before=2)
    with business.scope():
        Contact.objects.create(external_id="Z")  # what was refused stays refused
        kept = ImportedRows.objects.filter(of_id=work.pk).values_list("refused", flat=True)
        assert "O5" not in str(list(kept)) and len(kept) == 1

    work.go()

    job = work.job()
    assert counts(job) == (26, 0, 0, 4)
    assert reasons(job) == [
        (3, "contact", "unknown_contact"), (5, "amount", "amount"),
        (8, "contact", "unknown_contact"), (26, "amount", "amount"),
    ]  # fmt: skip
    with business.scope():
        assert Order.objects.count() == 26
        assert not ImportedRows.objects.filter(of_id=work.pk).exclude(refused=[]).exists()


def test_joined_rows_go_on_being_joined(business: Business, work: Work) -> None:
    # 2 comes before and after the crash, 3 is complete before it; the second of 4 is bad.
    rows = [f"{n},,t{n}" for n in range(20)] + ["2,New name,late", "3,Late,late", "4,,"]
    rows[5:5] = ["3,Early,early"]
    rows[22:22] = ["4,\x00bad,"]
    work.bring("contacts", "external_id,name,tags\n" + "\n".join(rows) + "\n")
    work.go(die_before=2)
    assert work.job().created < 12

    work.go()

    job = work.job()
    assert job.status == "done" and total(job) == len(rows)
    assert (job.created, job.rejected) == (20, 1)
    with business.scope():
        two, three, four = (Contact.objects.get(external_id=key) for key in "234")
        assert (two.name, three.name, four.name) == ("New name", "Late", "")
        assert {tag.name for tag in two.tags.all()} == {"t2", "late"}
        assert {tag.name for tag in three.tags.all()} == {"t3", "early", "late"}


def test_rows_that_wait_for_their_referrer_are_remembered(business: Business, work: Work) -> None:
    rows = [f"{n},{n + 30 if n % 7 == 0 and n < 20 else ''}" for n in range(55)]
    work.bring("contacts", "external_id,referrer\n" + "\n".join(rows) + "\nlost,nobody\n")
    work.go(die_before=5)
    assert work.job().later == [2, 9, 16]

    work.go()

    job = work.job()
    assert counts(job) == (55, 0, 0, 1)
    with business.scope():
        referred = dict(
            Contact.objects.exclude(referrer=None)
            .values_list("external_id", "referrer__external_id")
        )  # fmt: skip
        assert referred == {"0": "30", "7": "37", "14": "44"}


def test_rows_that_could_not_be_joined_are_tried_once(
    business: Business, load: Load, work: Work
) -> None:
    load("contacts", "external_id\nA\n")
    rows = [f"O{n},A,2024-01-02,5" for n in range(20)]
    rows += [f"D{n},{'A' if n % 2 else 'Z'},2024-01-02,{n}" for n in range(6)]
    rows += [f"D{n},Z,2024-01-03," for n in range(6)]
    work.bring("orders", "order_id,contact,paid_at,amount\n" + "\n".join(rows) + "\n")
    work.go(die_before=4)  # the first round of those that are tried one by one
    assert len(work.job().alone) == 12
    work.go(die_before=2)
    assert len(work.job().alone) == 6

    work.go()

    job = work.job()
    assert counts(job) == (23, 0, 0, 9)
    assert [line for line, _column, _code in reasons(job)] == [22, 24, 26, *range(28, 34)]


def test_the_rules_of_the_business_may_change_meanwhile(business: Business, work: Work) -> None:
    with business.scope():
        grade = CustomField.objects.create(
            key="grade", label="Grade", kind="choice", choices=["a", "b"]
        )
    rows = [f"{n},a" for n in range(20)] + ["2,a", "19,a"]
    rows[3:3] = ["5,b", "2,b"]
    work.bring("contacts", "external_id,grade\n" + "\n".join(rows) + "\n")
    work.go(die_before=2)
    with business.scope():
        grade.choices = ["a"]
        grade.save()

    work.go()

    job = work.job()
    assert job.status == "done" and total(job) == len(rows)
    # 5 was complete and is written; that of 2 waited for the last row of its key.
    assert reasons(job) == [(6, "grade", "choice")]
    with business.scope():
        assert Contact.objects.get(external_id="5").custom == {"grade": "a"}


def test_a_worker_that_was_thought_dead_writes_no_batch_twice(
    business: Business, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.bring("contacts", "external_id\n" + "".join(f"{n}\n" for n in range(25)))
    write = Contacts.write
    others: list[Any] = []

    def slow(self: Contacts, rows: Any, *, last: bool) -> Any:
        if rows[0].key == "10" and not others:
            others.append(1)
            attempt._aside(take_over)
        return write(self, rows, last=last)

    def take_over() -> None:
        with business.scope():
            Import.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        run.work(business.pk)

    monkeypatch.setattr(Contacts, "write", slow)
    run.work(business.pk)

    assert counts(work.job()) == (25, 0, 0, 0)
    with business.scope():
        assert Contact.objects.count() == 25


KINDS: dict[str, Callable[[random.Random], str]] = {
    "contacts": lambda chance: (
        "external_id,name,referrer\n"
        + "".join(
            f"{chance.randrange(60)},{chance.choice(['x', 'y', '=z', ''])},"
            f"{chance.choice(['', '', '', str(chance.randrange(70))])}"
            f"{chance.choice([''] * 9 + [',extra'])}\n"
            for _ in range(90)
        )
    ),
    "orders": lambda chance: (
        "order_id,contact,paid_at,amount\n"
        + "".join(
            f"O{chance.randrange(60)},{chance.choice('AAAZ')},2024-01-0{chance.randrange(1, 9)},"
            f"{chance.choice(['1', '2', '', 'bad'])}\n"
            for _ in range(90)
        )
    ),
    "costs": lambda chance: (
        "date,channel,kind,amount\n"
        + "".join(
            f"2024-01-{chance.randrange(10, 30)},x,{chance.choice(['ad', 'bait', 'no'])},"
            f"{chance.randrange(9)}\n"
            for _ in range(90)
        )
    ),
    "events": lambda chance: (
        "event_id,contact,kind,at\n"
        + "".join(
            f"E{chance.randrange(60)},{chance.choice('AAAZ')},price.asked,2024-01-02\n"
            for _ in range(90)
        )
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_any_number_of_crashes_count_as_none(
    business: Business,
    other_business: Business,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    seed: int,
) -> None:
    chance = random.Random(f"{kind}{seed}")
    text = KINDS[kind](chance)
    work, calm = Work(business, monkeypatch), Work(other_business, monkeypatch)
    for each in (work, calm):
        each.bring("contacts", "external_id\nA\n")
        each.go()
        each.bring(kind, text)

    calm.go()
    crashes = 0
    while work.job().status != "done":
        before = work.job()
        try:
            work.go(die_before=chance.randrange(1, 4))
        except pytest.fail.Exception:  # it came to its end first
            assert work.job().status == "done"
        else:
            crashes += 1
            assert work.job().reached >= before.reached

    job = work.job()
    assert crashes
    assert total(job) == job.lines_total == 90
    assert counts(job) == counts(calm.job())
    assert sorted(reasons(job)) == sorted(reasons(calm.job()))
    assert contents(business) == contents(other_business)


def contents(business: Business) -> list[list[tuple[object, ...]]]:
    with business.scope():
        return [
            sorted(rows, key=str)
            for rows in (
                Contact.objects.values_list("external_id", "name", "referrer__external_id"),
                Order.objects.values_list("order_id", "amount_fen", "paid_at"),
                Cost.objects.values_list("date", "kind", "amount_fen"),
                Event.objects.filter(kind="price.asked").values_list("key", "at"),
            )
        ]
