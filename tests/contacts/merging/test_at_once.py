"""Merges at the same moment as other merges, callbacks, requests: one person in the end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connections

from analytics import facts
from contacts import timeline
from contacts.identity import Account, Origin, claim
from contacts.merging import merge, undo
from contacts.models import Contact, Event, Identity, Merge
from contacts.timeline import NewEvent
from journeys import dispatch
from journeys.models import Enrolment
from tenants import ids
from tests.conftest import Business
from tests.contacts.merging.test_merging import URL, event, make
from tests.journeys import ground


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    start = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            start.wait(20)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def post(business: Business, survivor: str, absorbed: str) -> Callable[[], int]:
    def act() -> int:
        body = {"with": absorbed}
        url = f"{URL}/{survivor}/merge"
        return business.api().post(url, body, format="json").status_code

    return act


def test_each_into_the_other(business: Business) -> None:
    for number in range(4):
        a, b = (make(business, f"{name}{number}") for name in "ab")
        answers = at_once(post(business, a, b), post(business, b, a))
        # The second finds the first one gone: it is led on, or told that they are one already.
        assert sorted(answers)[0] == 200
        assert sorted(answers)[1] in (308, 400, 409)
    with business.scope():
        assert Contact.objects.count() == Merge.objects.count() == 4


def test_many_merges_of_one_group(business: Business) -> None:
    a, *others = (make(business, f"c{number}", tags=["all"]) for number in range(6))
    ring = [a, *others]

    at_once(*(post(business, ring[i], ring[i - 1]) for i in range(len(ring))))

    with business.scope():
        left = list(Contact.objects.values_list("id", flat=True))
        assert len(left) + Merge.objects.count() == len(ring)
        for number in (ids.decode(name) or 0 for name in ring):
            led = Merge.objects.filter(absorbed_id=number, undone_at=None)
            assert (number in left) != led.exists()
            assert number in left or led.get().survivor_id in left
        timeline.drain_all()
        assert facts.prove() == []


def test_events_told_while_a_merge_runs_are_not_lost(business: Business) -> None:
    a, b = (make(business, name) for name in "ab")

    def tell(number: int) -> Callable[[], int]:
        return lambda: event(business, "b", f"e{number}")

    answers = at_once(*(tell(number) for number in range(7)), post(business, a, b))

    assert answers.pop() == 200
    # Who came in between is told to try again; nothing is half done.
    for number, status in enumerate(answers):
        assert status in (201, 409)
        if status == 409:
            assert event(business, "b", f"e{number}") == 201
    with business.scope():
        told = Event.objects.filter(kind="price.asked")
        assert set(told.values_list("contact_id", flat=True)) == {ids.decode(a)}
        assert told.count() == 7


def test_an_account_met_while_its_contact_is_merged(business: Business) -> None:
    account = Account("external_userid", "wm1")
    for _ in range(4):
        with business.scope():
            Identity.objects.all().delete()
            other = claim(account, Origin()).contact_id
            one = Contact.objects.create().pk

        def meet() -> int:
            with business.scope():
                return claim(account, Origin()).contact_id

        def unite(one: int = one, other: int = other) -> None:
            with business.scope():
                merge.merge(one, other, by="test")

        found = at_once(meet, unite, meet)
        assert {found[0], found[2]} <= {one, other}
        with business.scope():
            assert Identity.objects.get(value="wm1").contact_id == one


def test_merges_while_the_workers_work(business: Business) -> None:
    """Whoever counts points, moves stages and sends is neither stopped nor misled."""
    with business.scope():
        ground.no_pace()
        ground.script("Welcome", *(ground.step(minutes) for minutes in (0, 1, 2)))
    pairs = [(make(business, f"a{n}"), make(business, f"b{n}")) for n in range(4)]
    with business.scope():
        friend = {"staff": business.staff["sales"].userid}
        at = ground.an_hour_ago()
        timeline.record(
            NewEvent(ids.decode(each) or 0, kind, at, "test", f"{each}{kind}", {**friend})
            for pair in pairs
            for each in pair
            for kind in ("follow.opened", "price.asked", "content.read")
        )

    def drain() -> None:
        timeline.work(business.pk)
        dispatch.run(business.pk)

    answers = at_once(*(post(business, *pair) for pair in pairs), drain, drain, drain)

    assert answers[:4] == [200] * 4
    drain()
    with business.scope():
        assert not Event.objects.exclude(problem="").exists()
        runs = Enrolment.objects.values_list("contact_id", flat=True)
        assert set(runs) == set(Contact.objects.values_list("id", flat=True))
        running = list(runs.filter(state="running"))
        assert len(running) == len(set(running))
        assert facts.prove() == []


def test_undoing_twice_at_once_undoes_once(business: Business) -> None:
    a, b = (make(business, name) for name in "ab")
    assert post(business, a, b)() == 200

    def undo_it() -> int:
        return business.api().post(f"{URL}/{a}/unmerge", {}, format="json").status_code

    answers = at_once(undo_it, undo_it, undo_it)

    assert sorted(answers)[0] == 200
    assert set(answers) - {200} <= {400, 409}
    assert answers.count(200) == 1
    with business.scope():
        assert Contact.objects.count() == 2
        assert not undo.undoable(Merge.objects.get())
