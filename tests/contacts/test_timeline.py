"""The log that is its own outbox: once each, in order, together with what listeners wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction

from contacts import kinds, timeline
from contacts.models import Contact, Event
from contacts.timeline import NewEvent
from tenants import doorbell
from tenants.models import DueTenant
from tests.conftest import Business

AT = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """The keys that a listener of `test.happened` took, in the order in which it took them."""
    keys: list[str] = []
    before = list(timeline._listeners)
    timeline.listen(lambda events: keys.extend(e.key for e in events), ["test.happened"])
    yield keys
    timeline._listeners[:] = before


def event(contact: Contact, key: str, kind: str = "test.happened") -> NewEvent:
    return NewEvent(contact.pk, kind, AT, "test", key, {"n": key})


def somebody(business: Business) -> Contact:
    with business.scope():
        return Contact.objects.create()


def test_an_event_is_stored_once(business: Business) -> None:
    contact = somebody(business)
    with business.scope():
        first = timeline.record([event(contact, "a"), event(contact, "b")])
        again = timeline.record([event(contact, "b"), event(contact, "c")])

        stored = dict(Event.objects.values_list("key", "id"))
        assert first == [stored["a"], stored["b"]]
        assert again == [stored["c"]]
        assert len(stored) == 3
        assert timeline.record([]) == []


def test_listeners_hear_each_event_once_in_order(business: Business, heard: list[str]) -> None:
    contact = somebody(business)
    with business.scope():
        timeline.record(event(contact, str(n)) for n in range(5))
        timeline.record([event(contact, "other", kind="test.other")])

    timeline.work(business.pk)
    timeline.work(business.pk)

    assert heard == ["0", "1", "2", "3", "4"]
    with business.scope():
        assert not Event.objects.filter(handled_at=None).exists()
        assert timeline.next_due() is None


def test_a_poisoned_event_keeps_its_problem_and_others_pass(
    business: Business, heard: list[str]
) -> None:
    def refuse(events: Sequence[Event]) -> None:
        if any(one.key == "bad" for one in events):
            raise ValueError("cannot")

    contact = somebody(business)
    timeline.listen(refuse)
    with business.scope():
        timeline.record([event(contact, key) for key in ("a", "bad", "b")])

    timeline.work(business.pk)

    with business.scope():
        problems = dict(Event.objects.values_list("key", "problem"))
    assert problems == {"a": "", "bad": "ValueError: cannot", "b": ""}
    assert [key for key in heard if key != "bad"][-2:] == ["a", "b"]


def test_what_a_listener_wrote_goes_with_its_event(business: Business) -> None:
    def write_and_fail(events: Sequence[Event]) -> None:
        Contact.objects.create(name="by the listener")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1/0")

    contact = somebody(business)
    before = list(timeline._listeners)
    timeline.listen(write_and_fail)
    with business.scope():
        timeline.record([event(contact, "a")])
    timeline.work(business.pk)
    timeline._listeners[:] = before

    with business.scope():
        assert not Contact.objects.filter(name="by the listener").exists()
        assert Event.objects.get().problem.startswith("DataError")


def test_one_drainer_at_a_time(business: Business, heard: list[str]) -> None:
    contact = somebody(business)
    with business.scope():
        timeline.record([event(contact, "a")])
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtext('timeline'), %s::int)", [business.pk]
            )
            timeline.work(business.pk)
            assert heard == []
            cursor.execute("COMMIT")
    finally:
        other.close()

    timeline.work(business.pk)

    assert heard == ["a"]


def test_a_transaction_rings_once_and_only_when_it_commits(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(doorbell, "wake", lambda tenant_id, queue: rung.append(queue))
    contact = somebody(business)

    with business.scope():
        timeline.record([event(contact, "never")])
        transaction.set_rollback(True)
    assert rung == []
    with business.scope():
        with transaction.atomic():
            timeline.record([event(contact, "undone")])
            transaction.set_rollback(True)
        for n in range(5):
            timeline.record([event(contact, str(n))])

    assert rung == [timeline.QUEUE]
    assert DueTenant.objects.filter(tenant_id=business.pk, queue=timeline.QUEUE).exists()


def test_kinds_read_as_sentences() -> None:
    ended = {"staff": "Amy", "by": "customer"}

    assert "Amy" in kinds.sentence_of("follow.opened", {"staff": "Amy"})
    assert kinds.sentence_of("follow.ended", ended) != kinds.sentence_of(
        "follow.ended", {**ended, "by": "staff"}
    )
    assert kinds.sentence_of("follow.opened", {})
    assert kinds.sentence_of("own.kind", {"a": 1}) == "own.kind"
    assert kinds.sentence_of("tag.added", {"tag": "{staff.x}"}).count("{staff.x}") == 1
    assert kinds.icon_of("follow.opened") == "person_add"
    assert kinds.icon_of("own.kind")
    assert len(kinds.INBOUND) == 10
