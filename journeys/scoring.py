"""How ready is a contact to buy, and why? Points of events, decayed forward; grade of who they are.

Engagement at time t is Σ points × 2^(−(t − t_event)/H). The store keeps the same sum as of a fixed
moment, Σ points × 2^((t_event − epoch)/H): it never changes by waiting, so an index holds the
order. Points are earned in earning.py; new rules come into force in score_versions.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from django.db import connection
from django.db.models import Count, DurationField, ExpressionWrapper, F, FloatField, Sum, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Extract, Greatest, Least, Power
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts import arrays, kinds
from contacts.models import Contact, Event
from journeys import fit, unscored
from journeys.models import ScoreModel, ScorePoint, ScoreRule
from tenants import rows
from tenants.scope import current_tenant_id

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# Sums of floats differ in the last digits by the order of adding; "reached" must not.
REACHED = 1 - 1e-9
_LARGEST_EXPONENT = 1000  # float8 ends at 2^1023
_DAY = timedelta(days=1)
SHOWN = 200  # events of an explanation
PLACES = 6  # decimals of what is shown


class FrozenRule(TypedDict):
    """A rule as it was published."""

    id: int
    name: str
    part: str
    kind: str
    condition: dict[str, Any]
    points: int
    daily_times: int | None
    total_points: int | None


class StartRule(NamedTuple):
    """A rule for what people do, as a new tenant has it."""

    kind: str
    name: _StrPromise | str
    points: int
    daily_times: int | None
    total_points: int | None = None


DEFAULT_RULES: tuple[StartRule, ...] = (
    StartRule("content.read", gettext_lazy("Read content"), 10, 3),
    StartRule("content.downloaded", gettext_lazy("Downloaded content"), 15, 3),
    StartRule("link.clicked", gettext_lazy("Opened a link"), 5, 3),
    StartRule("message.received", gettext_lazy("Wrote a message"), 3, 5),
    StartRule("form.answered", gettext_lazy("Filled in a form"), 15, 2),
    StartRule("quiz.answered", gettext_lazy("Answered a quiz"), 15, 2),
    StartRule("coupon.collected", gettext_lazy("Collected a coupon"), 20, 2),
    StartRule("session.attended", gettext_lazy("Attended a session"), 25, 2),
    StartRule("group.joined", gettext_lazy("Joined a group"), 10, 1, 30),
    StartRule("price.asked", gettext_lazy("Asked for the price"), 40, 2),
    StartRule("follow.ended", gettext_lazy("Deleted a member of staff"), -20, 1),
)


def begin() -> ScoreModel:
    """What a new tenant starts with: rules for what people do and who they are, published."""
    done = [
        ScoreRule(
            name=str(each.name),
            kind=each.kind,
            points=each.points,
            daily_times=each.daily_times,
            total_points=each.total_points,
        )
        for each in DEFAULT_RULES
    ]
    suits = [
        ScoreRule(name=name, part=ScoreRule.Part.FIT, condition=condition, points=points)
        for name, condition, points in (
            (_("Phone known"), {"field": "phone", "known": True}, 10),
            (_("E-mail known"), {"field": "email", "known": True}, 5),
            (_("Came by referral"), {"field": "source", "is": "referral"}, 15),
        )
    ]
    ScoreRule.objects.bulk_create([*done, *suits], ignore_conflicts=True)
    return ScoreModel.objects.create(
        version=1, state=ScoreModel.State.LIVE, rules=freeze(), published_at=timezone.now()
    )


def freeze() -> list[FrozenRule]:
    """The active rules, as a published version keeps them."""
    rules = ScoreRule.objects.filter(active=True, deleted_at=None).order_by("id")
    return [
        FrozenRule(
            id=rule.pk,
            name=rule.name,
            part=rule.part,
            kind=rule.kind,
            condition=rule.condition,
            points=rule.points,
            daily_times=rule.daily_times,
            total_points=rule.total_points,
        )
        for rule in rules
    ]


# Every page of contacts asks this.
_LIVE = f"""
SELECT {rows.columns(ScoreModel, "m")} FROM journeys_scoremodel m
WHERE m.tenant_id = %s AND m.state = 'live'
"""  # noqa: S608 - names of columns


def live() -> ScoreModel:
    """The version in use."""
    with connection.cursor() as cursor:
        cursor.execute(_LIVE, [current_tenant_id()])
        row = cursor.fetchone()
    return begin() if row is None else rows.made(ScoreModel, row)


def engagement_rules(model: ScoreModel) -> list[FrozenRule]:
    return [rule for rule in model.rules if rule["part"] == ScoreRule.Part.ENGAGEMENT]


def fit_rules(model: ScoreModel) -> list[FrozenRule]:
    return [rule for rule in model.rules if rule["part"] == ScoreRule.Part.FIT]


def growth(model: ScoreModel, at: datetime | None = None) -> float:
    """2^((at − epoch)/H): what a point of that moment weighs in a key."""
    exponent = ((at or timezone.now()) - model.epoch) / (_DAY * model.half_life_days)
    return float(2.0 ** max(-_LARGEST_EXPONENT, min(_LARGEST_EXPONENT, exponent)))


def _weighed(model: ScoreModel) -> Combinable:
    """The points of a row of ScorePoint times their `growth`, as an expression."""
    age = ExpressionWrapper(F("at") - Value(model.epoch), output_field=DurationField())
    # Postgres answers exact numbers here, whose powers take it ten times as long.
    since = Cast(Extract(age, "epoch"), FloatField())
    exponent = since / Value(_DAY.total_seconds() * model.half_life_days)
    bounded = Greatest(
        Value(float(-_LARGEST_EXPONENT)), Least(Value(float(_LARGEST_EXPONENT)), exponent)
    )
    weight = Power(Cast(Value(2.0), FloatField()), Cast(bounded, FloatField()))
    return ExpressionWrapper(F("points") * weight, output_field=FloatField())


def score_now(key: float, model: ScoreModel | None = None, at: datetime | None = None) -> float:
    """The score (or engagement) that a stored key means at a moment, now by default."""
    return max(0.0, key) / growth(model or live(), at)


def key_of(score: float, model: ScoreModel, at: datetime | None = None) -> float:
    """The smallest key that is this score now: `key >= key_of(60)` is an index range."""
    return score * growth(model, at) * REACHED


def grade_of(points: int, model: ScoreModel) -> str:
    """A…D by the version's thresholds; below all of them D."""
    for grade in ("A", "B", "C"):
        if points >= model.grade_thresholds.get(grade, 0):
            return grade
    return "D"


@dataclass(frozen=True)
class Standing:
    """A contact's score at a moment."""

    score: float
    engagement: float
    fit: int
    grade: str


_STANDINGS = """
SELECT c.id, s.key, s.engagement_key, s.fit, s.grade,
  CASE WHEN s.contact_id IS NULL AND silent.contact_id IS NULL THEN c.fit_points ELSE 0 END
FROM ({judged}) c
LEFT JOIN journeys_score s ON s.tenant_id = %s AND s.model_id = %s AND s.contact_id = c.id
LEFT JOIN ({unscored}) silent ON silent.contact_id = c.id
WHERE c.id = ANY(%s::bigint[])
"""


def standings(
    contact_ids: Sequence[int], at: datetime | None = None, *, model: ScoreModel | None = None
) -> Mapping[int, Standing]:
    """The scores of a page of contacts: everyone has one, if nothing happened yet, by fit alone."""
    model = model or live()
    now = growth(model, at)
    judged, of_rules = fit.query(fit_rules(model))
    silent, of_silent = unscored.query(contact_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            _STANDINGS.format(judged=judged, unscored=silent),
            [
                *of_rules, current_tenant_id(), model.pk, *of_silent,
                arrays.literal(list(contact_ids)),
            ],
        )  # fmt: skip
        return {
            pk: Standing(0.0, 0.0, by_rules, grade_of(by_rules, model))
            if key is None
            else Standing(
                round(key / now, PLACES), round(max(0.0, engaged) / now, PLACES), points, grade
            )
            for pk, key, engaged, points, grade, by_rules in cursor.fetchall()
        }


@dataclass(frozen=True)
class Earned:
    """Points of one event by one rule."""

    event: Event
    rule: str
    points: int
    points_now: float


@dataclass(frozen=True)
class OfRule:
    """All that a rule gave a contact."""

    rule: str
    events: int
    points_now: float

    @property
    def title(self) -> str:
        """The first rules are called like the kinds that they reward: those read as sentences."""
        return kinds.short_of(self.rule)


@dataclass(frozen=True)
class Explanation:
    """Why a score is what it is. `engagement` is the sum of `rules`, shown never below 0."""

    at: datetime
    standing: Standing
    weight: float
    half_life_days: float
    version: int
    fit_reasons: list[tuple[str, int]]
    rules: list[OfRule]
    events: list[Earned]  # the newest first


def explain(contact: Contact, at: datetime | None = None) -> Explanation:
    """The events and rules behind a contact's score, with points now; or as it was `at` a time."""
    model = live()
    moment = at or timezone.now()
    points = ScorePoint.objects.filter(model=model, contact=contact)
    if at is not None:
        points = points.filter(at__lt=at)
    names = {rule["id"]: rule["name"] for rule in model.rules}
    now = growth(model, moment)
    # Summed where the points lie: there may be tens of thousands of them.
    by_rule = points.values_list("rule_id").annotate(number=Count("*"), sum=Sum(_weighed(model)))
    sums = {rule_id: (count, total / now) for rule_id, count, total in by_rule}
    row = standings([contact.pk], moment, model=model)[contact.pk]
    grade = row.grade
    weight = float(model.grade_weights[grade])
    engagement = max(0.0, sum(total for _count, total in sums.values()))
    newest = list(points.order_by("-at", "-event_id")[:SHOWN])
    # By themselves: joined before they are the newest, ten thousand events would be read.
    events = Event.objects.in_bulk([point.event_id for point in newest])
    return Explanation(
        at=moment,
        standing=Standing(
            round(engagement * weight, PLACES), round(engagement, PLACES), row.fit, grade
        ),
        weight=weight,
        half_life_days=model.half_life_days,
        version=model.version,
        fit_reasons=fit.reasons(fit_rules(model), contact),
        rules=sorted(
            (
                OfRule(names.get(pk, ""), count, round(total, PLACES))
                for pk, (count, total) in sums.items()
            ),
            key=lambda rule: -abs(rule.points_now),
        ),
        events=[
            Earned(
                events[point.event_id],
                names.get(point.rule_id, ""),
                point.points,
                round(point.points * growth(model, point.at) / now, PLACES),
            )
            for point in newest
        ],
    )
