"""Points, decay, caps, grades: DOMAIN §4 to the digit."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from contacts import timeline
from contacts.models import Contact, ContactTag, Event, Tag
from contacts.timeline import NewEvent
from journeys import earning, fit, score_versions, scoring
from journeys.models import Score, ScoreModel, ScorePoint, ScoreRule
from tenants.scope import scope
from tests.conftest import Business

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # noon in Shanghai


def tell(contact: Contact, *happened: tuple[str, datetime], source: str = "given") -> None:
    """Record events (once each), without handing them on."""
    timeline.record(
        [
            NewEvent(contact.pk, kind, at, source, f"{contact.pk}:{kind}:{at.isoformat()}:{nr}")
            for nr, (kind, at) in enumerate(happened)
        ]
    )


def days(number: float) -> timedelta:
    return timedelta(days=number)


def only_rules(*rules: ScoreRule, **settings: object) -> ScoreModel:
    """Publish these rules and no others, and let the worker finish."""
    ScoreRule.objects.update(active=False)
    for rule in rules:
        rule.save()
    score_versions.publish(settings)
    finish()
    return scoring.live()


def finish() -> None:
    while score_versions.step():
        pass
    while score_versions.review_step():
        pass


def rule(kind: str, points: int, **fields: object) -> ScoreRule:
    return ScoreRule(name=f"{kind} {points}", kind=kind, points=points, **fields)


@pytest.fixture
def contact(tenant: object) -> Contact:
    return Contact.objects.create(name="Li Lei", external_id="c1")


def engagement(contact: Contact, at: datetime) -> float:
    return scoring.standings([contact.pk], at)[contact.pk].engagement


def test_worked_example(contact: Contact) -> None:
    day_14 = START + days(14)

    tell(
        contact,
        ("content.read", START),
        ("content.read", START + days(7)),
        ("price.asked", START + days(10)),
    )
    timeline.drain_all()

    found = scoring.standings([contact.pk], day_14)[contact.pk]
    assert (round(found.score, 4), round(found.engagement, 4), found.fit, found.grade) == (
        44.8845,
        44.8845,
        0,
        "C",
    )
    explained = scoring.explain(contact, day_14)
    assert [(e.event.kind, e.points, round(e.points_now, 4)) for e in explained.events] == [
        ("price.asked", 40, 32.8134),
        ("content.read", 10, 7.0711),
        ("content.read", 10, 5.0),
    ]
    assert [(r.rule, r.events, round(r.points_now, 4)) for r in explained.rules] == [
        ("询问了价格", 1, 32.8134),
        ("阅读内容", 2, 12.0711),
    ]


def test_worked_example_with_grade_b(contact: Contact) -> None:
    fitting = ScoreRule(name="VIP", part=ScoreRule.Part.FIT, condition={"tag": "VIP"}, points=30)
    only_rules(rule("content.read", 10), rule("price.asked", 40), fitting)
    ContactTag.objects.create(contact=contact, tag=Tag.objects.create(name="VIP"))

    tell(
        contact,
        ("tag.added", START),
        ("content.read", START),
        ("content.read", START + days(7)),
        ("price.asked", START + days(10)),
    )
    timeline.drain_all()

    found = scoring.standings([contact.pk], START + days(14))[contact.pk]
    assert found.score == pytest.approx(53.8613, abs=1e-4)  # 53.86138
    assert (round(found.engagement, 4), found.fit, found.grade) == (44.8845, 30, "B")
    assert scoring.explain(contact).fit_reasons == [("VIP", 30)]


def test_grade_follows_a_change_of_the_contact(contact: Contact) -> None:
    tell(contact, ("price.asked", START))
    timeline.drain_all()
    assert scoring.standings([contact.pk], START)[contact.pk].score == 40

    contact.phone = "+8613800000000"
    contact.email = "a@example.com"
    contact.source = "referral"
    contact.save()
    tell(contact, ("contact.changed", START))
    timeline.drain_all()

    assert scoring.standings([contact.pk], START)[contact.pk] == scoring.Standing(
        48.0, 40.0, 30, "B"
    )


def test_daily_cap_counts_local_days_and_the_earliest(contact: Contact) -> None:
    only_rules(rule("content.read", 10, daily_times=2))
    midnight = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)  # of Shanghai

    times = [midnight - timedelta(hours=n) for n in (1, 2, 3)] + [midnight]
    tell(contact, *(("content.read", at) for at in times))
    timeline.drain_all()

    earned = ScorePoint.objects.filter(contact=contact).order_by("at")
    assert list(earned.values_list("at", "points")) == [
        (midnight - timedelta(hours=3), 10),
        (midnight - timedelta(hours=2), 10),
        (midnight, 10),
    ]


def test_total_cap_is_filled_exactly_and_a_late_event_takes_its_place(contact: Contact) -> None:
    only_rules(rule("content.read", 10, total_points=25))
    tell(contact, *(("content.read", START + days(n)) for n in (1, 2, 3, 4)))
    timeline.drain_all()
    earned = ScorePoint.objects.filter(contact=contact).order_by("at")
    assert list(earned.values_list("points", flat=True)) == [10, 10, 5]

    tell(contact, ("content.read", START))
    timeline.drain_all()

    assert list(earned.values_list("at", "points")) == [
        (START, 10),
        (START + days(1), 10),
        (START + days(2), 5),
    ]
    assert engagement(contact, START + days(2)) == pytest.approx(
        10 * 2 ** (-2 / 14) + 10 * 2 ** (-1 / 14) + 5, abs=1e-4
    )


def test_negative_points_never_show_below_zero(contact: Contact) -> None:
    only_rules(rule("price.asked", 40), rule("follow.ended", -100))
    tell(contact, ("follow.ended", START))
    timeline.drain_all()
    assert engagement(contact, START) == 0

    tell(contact, ("price.asked", START))
    timeline.drain_all()

    assert engagement(contact, START) == 0
    row = Score.objects.get(contact=contact, model=scoring.live())
    assert row.key == 0
    assert scoring.score_now(-row.engagement_key, at=START) == pytest.approx(60)


def test_replay_changes_nothing(contact: Contact) -> None:
    tell(contact, ("price.asked", START), ("content.read", START))
    timeline.drain_all()
    before = list(Score.objects.values())

    Event.objects.update(handled_at=None)
    timeline.drain_all()

    assert list(Score.objects.values()) == before


def test_properties_filter(contact: Contact) -> None:
    only_rules(rule("form.answered", 7, condition={"properties": {"form": "trial"}}))
    timeline.record(
        [
            NewEvent(contact.pk, "form.answered", START, "given", "1", {"form": "trial", "x": 1}),
            NewEvent(contact.pk, "form.answered", START, "given", "2", {"form": "other"}),
        ]
    )
    timeline.drain_all()
    assert engagement(contact, START) == 7


def test_order_of_arrival_does_not_matter(business: Business) -> None:
    chance = random.Random(4)
    rules = [
        ("content.read", 10, 2, None),
        ("message.received", 3, None, 20),
        ("price.asked", 40, 1, 100),
        ("follow.ended", -15, 1, 40),
        ("link.clicked", 1, None, None),
    ]
    happened = [
        (chance.choice(rules)[0], START + timedelta(minutes=chance.randrange(40_000)))
        for _ in range(150)
    ]
    keys = []
    with business.scope():
        only_rules(*(rule(kind, p, daily_times=d, total_points=t) for kind, p, d, t in rules))
    for nr in range(4):
        order = sorted(happened, key=lambda e: e[1]) if nr == 0 else chance.sample(happened, 150)
        with business.scope():
            one = Contact.objects.create(name=f"c{nr}", external_id=f"c{nr}")
            for start in range(0, 150, 30 if nr else 150):
                tell(one, *order[start : start + (30 if nr else 150)], source=f"s{start}")
                timeline.drain_all()
            keys.append(Score.objects.get(model=scoring.live(), contact=one).engagement_key)
            earning.recompute(scoring.live(), [one.pk])
            keys.append(Score.objects.get(model=scoring.live(), contact=one).engagement_key)

    assert keys == [pytest.approx(keys[0], rel=1e-9)] * 8


def test_publishing_keeps_old_scores_until_the_switch(business: Business) -> None:
    with business.scope():
        one = Contact.objects.create(name="a", external_id="a")
        tell(one, ("price.asked", START))
        timeline.drain_all()
        ScoreRule.objects.filter(kind="price.asked").update(points=80)

        score_versions.publish({"half_life_days": 7})
        assert score_versions.step()  # contacts
        tell(one, ("content.read", START))
        timeline.drain_all()
        assert engagement(one, START + days(14)) == 25.0

    with scope(business.tenant):
        finish()

        assert engagement(one, START + days(14)) == 22.5  # (80 + 10) / 4
        assert ScoreModel.objects.get(state="live").version == 2
        assert Score.objects.count() == 1
        assert set(ScorePoint.objects.values_list("model__version", flat=True)) == {2}
        assert score_versions.next_due() == scoring.live().epoch + days(7 * 500)


def test_preview_says_what_would_change_and_changes_nothing(business: Business) -> None:
    with business.scope():
        one = Contact.objects.create(name="a", external_id="a")
        two = Contact.objects.create(name="b", external_id="b")
        now = datetime.now(UTC)
        tell(one, ("price.asked", now))
        tell(two, ("content.read", now))
        timeline.drain_all()
        ScoreRule.objects.filter(kind="price.asked").update(points=70)

        seen = score_versions.preview()

        assert (seen.contacts, seen.complete, seen.changed, seen.up, seen.down) == (
            2,
            True,
            1,
            1,
            0,
        )
        assert (seen.leads_gained, seen.leads_lost, seen.grades) == (1, 0, {})
        assert [sample["contact"] for sample in seen.samples] == [one.pk]
        assert ScoreModel.objects.count() == 1
        assert engagement(one, now) == 40


@pytest.mark.parametrize("condition", [{"tag": "VIP"}, {"field": "phone", "is": "+8613800138000"}])
def test_the_same_rule_judges_the_contacts_of_each_business(
    condition: dict[str, str], business: Business, other_business: Business
) -> None:
    rules = [{"condition": condition, "points": 30}]
    for each in (business, other_business):
        with scope(each.tenant):
            fitting = Contact.objects.create(name="Li Lei", phone="+8613800138000")
            ContactTag.objects.create(contact=fitting, tag=Tag.objects.create(name="VIP"))
            other = Contact.objects.create(name="Han Meimei", phone="+8613800138001")

            assert fit.points_of(rules, [fitting.pk, other.pk]) == {fitting.pk: 30, other.pk: 0}
            assert fit.points_of(rules, []) == {}
