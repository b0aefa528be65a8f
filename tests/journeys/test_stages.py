"""Stages: entries at the time of their fact, whatever arrives first."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta

import pytest

from contacts import timeline
from contacts.models import Contact, Order
from contacts.timeline import NewEvent
from journeys import score_versions, stages
from journeys.models import ContactStage, FollowUp, Lead, Stage, StageMove
from tenants.models import Staff
from tests.conftest import Business

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
_number = itertools.count(1)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def somebody(*, ripe: bool = True) -> Contact:
    name = f"p{next(_number)}"
    phone = "+8613800000000" if ripe else None
    return Contact.objects.create(name=name, external_id=name, phone=phone)


def tell(contact: Contact, kind: str, at: datetime, **properties: object) -> None:
    timeline.record(
        [NewEvent(contact.pk, kind, at, "given", f"e{next(_number)}", dict(properties))]
    )


def buy(contact: Contact, at: datetime, **fields: object) -> Order:
    order = Order.objects.create(
        order_id=f"o{next(_number)}", contact=contact, paid_at=at, amount_fen=100, **fields
    )
    tell(contact, "order.paid", at)
    return order


def path(contact: Contact) -> list[tuple[str, datetime]]:
    moves = StageMove.objects.filter(contact=contact).order_by("at", "to_stage__position")
    return list(moves.values_list("to_stage__key", "at"))


def stage_of(contact: Contact) -> str | None:
    row = ContactStage.objects.filter(contact=contact).select_related("stage").first()
    return row.stage.key if row else None


def test_a_life(tenant: object) -> None:
    staff = Staff.objects.get(userid="sales1")
    one = somebody()
    tell(one, "livecode.scanned", day(0))
    timeline.drain_all()
    assert path(one) == [("visitor", day(0))]

    tell(one, "follow.opened", day(1), staff=staff.userid)
    timeline.drain_all()
    tell(one, "quiz.answered", day(2))
    timeline.drain_all()
    tell(one, "price.asked", day(3))
    timeline.drain_all()
    assert stage_of(one) == "profiled"

    tell(one, "price.asked", day(4))
    timeline.drain_all()
    lead = Lead.objects.create(contact=one, state="claimed", owner=staff)
    FollowUp.objects.create(lead=lead, staff=staff, note="x", need_confirmed=True, at=day(5))
    tell(one, "lead.followed_up", day(5))
    timeline.drain_all()
    buy(one, day(6))
    timeline.drain_all()

    assert path(one) == [
        ("visitor", day(0)),
        ("prospect", day(1)),
        ("profiled", day(2)),
        ("intent", day(4)),
        ("pending", day(5)),
        ("won", day(6)),
    ]
    assert stage_of(one) == "won"
    first, *_rest, last = StageMove.objects.filter(contact=one).order_by("at")
    assert (first.from_stage, last.from_stage and last.from_stage.key) == (None, "pending")
    assert {move.rule_version for move in (first, last)} == {1}


def test_late_facts_correct_the_entry(tenant: object) -> None:
    one = somebody()
    tell(one, "quiz.answered", day(9))
    timeline.drain_all()
    assert path(one) == [("visitor", day(9)), ("profiled", day(9))]

    tell(one, "content.read", day(1))
    timeline.drain_all()
    tell(one, "form.answered", day(5))
    timeline.drain_all()

    assert path(one) == [("visitor", day(1)), ("profiled", day(5))]
    assert ContactStage.objects.get(contact=one).entered_at == day(5)


def test_impulse_purchase_skips_and_stays(tenant: object) -> None:
    one = somebody()
    buy(one, day(1))
    tell(one, "quiz.answered", day(3))
    timeline.drain_all()
    assert path(one) == [("visitor", day(1)), ("won", day(1))]
    assert stage_of(one) == "won"


def test_refund_restates_the_past(tenant: object) -> None:
    one = somebody()
    order = buy(one, day(2))
    tell(one, "content.read", day(1))
    timeline.drain_all()
    assert stage_of(one) == "won"

    Order.objects.filter(pk=order.pk).update(status="refunded", refunded_fen=100)
    tell(one, "order.refunded", day(4))
    timeline.drain_all()

    assert path(one) == [("visitor", day(1))]
    assert stage_of(one) == "visitor"


def test_known_to_nobody_is_in_no_stage(tenant: object) -> None:
    one = somebody()
    tell(one, "contact.created", day(1))
    tell(one, "tag.added", day(1), tag="x")
    timeline.drain_all()
    assert stage_of(one) is None


def test_a_phone_number_dates_from_when_it_became_known(tenant: object) -> None:
    one = somebody(ripe=False)
    tell(one, "price.asked", day(1))
    tell(one, "price.asked", day(1.1))
    timeline.drain_all()
    assert stage_of(one) == "visitor"

    one.phone = "+8613800000001"
    one.save()
    tell(one, "contact.changed", day(7))
    timeline.drain_all()
    assert path(one)[-1] == ("intent", day(7))

    tell(one, "content.read", day(8))
    tell(one, "contact.changed", day(9))
    timeline.drain_all()
    assert path(one)[-1] == ("intent", day(7))


def test_exclusion_keeps_the_stage_but_bars_new_entries(tenant: object) -> None:
    one, two = somebody(), somebody()
    tell(one, "price.asked", day(1))
    tell(one, "price.asked", day(1.1))
    timeline.drain_all()
    Contact.objects.all().update(excluded=True)
    tell(one, "contact.changed", day(2))
    tell(two, "price.asked", day(1))
    tell(two, "price.asked", day(1.1))
    timeline.drain_all()
    assert (stage_of(one), stage_of(two)) == ("intent", "visitor")


def test_by_hand_backward_and_what_happens_then(tenant: object) -> None:
    one = somebody()
    now = datetime.now(UTC)
    buy(one, now - timedelta(days=2))
    timeline.drain_all()
    assert stage_of(one) == "won"

    move = stages.move_by_hand(one, Stage.objects.get(key="prospect"), user=None, reason="error")
    timeline.drain_all()
    assert move is not None
    assert (move.why, move.from_stage.key if move.from_stage else "") == ("person", "won")
    assert stage_of(one) == "prospect"

    tell(one, "content.read", now - timedelta(days=1))
    tell(one, "quiz.answered", now - timedelta(days=1))
    timeline.drain_all()
    assert stage_of(one) == "prospect"

    buy(one, datetime.now(UTC) + timedelta(minutes=1))
    timeline.drain_all()
    assert stage_of(one) == "won"
    assert [key for key, _at in path(one)] == ["visitor", "won", "prospect", "won"]


def test_editing_a_rule_moves_contacts_and_keeps_earlier_moves(tenant: object) -> None:
    one, two = somebody(), somebody()
    tell(one, "quiz.answered", day(1))
    tell(two, "coupon.collected", day(2))
    timeline.drain_all()

    stages.edit(Stage.objects.get(key="profiled"), {"event": "coupon.collected"})
    while score_versions.review_step():
        pass

    assert (path(one)[-1], path(two)[-1]) == (("profiled", day(1)), ("profiled", day(2)))
    versions = StageMove.objects.filter(to_stage__key="profiled").order_by("at")
    assert list(versions.values_list("rule_version", flat=True)) == [1, 2]


def test_a_rule_may_lead_back(tenant: object) -> None:
    stage = Stage.objects.get(key="profiled")
    stages.edit(
        stage,
        {"any": [{"event": "quiz.answered"}, {"event": "deal.broken"}], "back_from": ["intent"]},
    )
    one = somebody()
    tell(one, "deal.broken", day(3))
    tell(one, "price.asked", day(1))
    tell(one, "price.asked", day(1.1))
    timeline.drain_all()
    assert [key for key, _at in path(one)] == ["visitor", "intent", "profiled"]

    tell(one, "price.asked", day(5))
    timeline.drain_all()
    assert [key for key, _at in path(one)] == ["visitor", "intent", "profiled", "intent"]


@pytest.mark.parametrize(("seed", "lives"), [(7, 2), pytest.param(8, 10, marks=pytest.mark.slow)])
def test_order_of_arrival_does_not_matter(business: Business, seed: int, lives: int) -> None:
    chance = random.Random(seed)
    kinds = [
        "content.read",
        "quiz.answered",
        "follow.opened",
        "price.asked",
        "group.joined",
        "follow.ended",
        "order.paid",
        "coupon.collected",
    ]
    for _life in range(lives):
        life = [(chance.choice(kinds), day(chance.randrange(60_000) / 1000)) for _ in range(25)]
        outcomes = []
        for attempt in range(4):
            order = sorted(life, key=lambda e: e[1]) if attempt == 0 else chance.sample(life, 25)
            with business.scope():
                one = somebody()
                step = (25, 1, 7, 3)[attempt]
                for start in range(0, 25, step):
                    for kind, at in order[start : start + step]:
                        if kind == "order.paid":
                            buy(one, at)
                        elif kind.startswith("follow"):
                            tell(one, kind, at, staff="sales1", by="customer")
                        else:
                            tell(one, kind, at)
                    timeline.drain_all()
                outcomes.append(
                    [
                        (move.to_stage.key, move.from_stage and move.from_stage.key, move.at)
                        for move in StageMove.objects.filter(contact=one)
                        .select_related("to_stage", "from_stage")
                        .order_by("at", "to_stage__position")
                    ]
                )
                assert stage_of(one) == outcomes[-1][-1][0]
        assert outcomes == [outcomes[0]] * 4
