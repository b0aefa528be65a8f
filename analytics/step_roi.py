"""What does each step of the journey cost, and does it pay? ROI of a step, DOMAIN.md §6.

Costs are booked by kind, not by step. Each kind pays for one step, found by the content purpose of
the tenant's stages, in their order (`PAYS_FOR`); what pays for no one step is a row of its own, so
that the steps' costs sum up to the cost in `reports/value`.

- passed: contacts that first reached the step, or one beyond it, in the period (FIGURES R35).
- margin: of their paid orders in the period (R3, R4). Who passed several steps in it counts in
  each of them: margins of steps overlap, costs do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from django.db.models import Sum

from analytics import buying, hindsight, order_days, value
from analytics.exact import ratio
from analytics.periods import Question, among, filters, midnight
from contacts.models import Cost
from journeys.models import Purpose, Stage

# Kind of cost → which stage of which purpose: 0 the first one, −1 the last one.
PAYS_FOR: Final[Mapping[str, tuple[str, int]]] = {
    Cost.Kind.AD: (Purpose.AWARENESS, 0),
    Cost.Kind.BAIT: (Purpose.AWARENESS, -1),
    Cost.Kind.AGENCY: (Purpose.NURTURE, 0),
    Cost.Kind.STAFF: (Purpose.CHOICE, -1),
    Cost.Kind.COUPON: (Purpose.ADVOCACY, 0),
}

_STEPS = f"""
WITH passed AS (
  SELECT stage_id, contact_id FROM analytics_stagereach
  WHERE tenant_id = %(tenant)s AND reached_us >= %(start_us)s AND reached_us < %(end_us)s
    {{who}}
), earned AS (
  SELECT contact_id, {buying.summed(buying.MARGIN)} AS margin FROM contacts_order
  WHERE tenant_id = %(tenant)s AND paid AND paid_at >= %(start)s AND paid_at < %(end)s
  GROUP BY contact_id
)
"""  # noqa: S608 - our own names
_PASSED = f"""{_STEPS}
SELECT p.stage_id, count(*), count(e.contact_id), COALESCE(sum(e.margin), 0)::bigint
FROM passed p LEFT JOIN earned e ON e.contact_id = p.contact_id GROUP BY 1
"""  # noqa: S608 - our own names
# Those who passed it once: facts hold a contact and step once.
_IDS = """
SELECT stage_id, string_agg(int8send(contact_id), '') FROM analytics_stagereach
WHERE tenant_id = %(tenant)s AND reached_us >= %(start_us)s AND reached_us < %(end_us)s {who}
GROUP BY 1
"""


@dataclass(frozen=True)
class Step:
    """`stage` None: what was spent for no one step. Money in fen; no cost is known of a part of
    the contacts by staff (FIGURES R49).
    """

    stage: Stage | None
    cost: int | None
    kinds: Sequence[str] = ()
    passed: int | None = None
    buyers: int | None = None
    margin: int | None = None

    @property
    def cost_per_passed(self) -> Fraction | None:
        return ratio(self.cost, self.passed)

    @property
    def roi(self) -> Fraction | None:
        if self.cost is None or self.margin is None:
            return None
        return ratio(self.margin - self.cost, self.cost)


def report(question: Question) -> list[Step]:
    """Inside a scope: the stages in their order, then what no one step was paid with."""
    stages = list(Stage.objects.order_by("position"))
    places = kinds_by_stage(stages)
    spent = None if question.by_person else _spent(question)
    passed = {stage: figures for stage, *figures in _passed(question)}
    steps = []
    for stage in stages:
        kinds = places.get(stage.pk, [])
        cost = None if spent is None else sum(spent.get(kind, 0) for kind in kinds)
        steps.append(Step(stage, cost, kinds, *passed.get(stage.pk, (0, 0, 0))))
    rest = places[None]
    cost = None if spent is None else sum(spent.get(kind, 0) for kind in rest)
    return [*steps, Step(None, cost, rest)]


def total_cost(steps: Sequence[Step]) -> int | None:
    known = [step.cost for step in steps if step.cost is not None]
    return sum(known) if known else None


def kinds_by_stage(stages: Sequence[Stage]) -> dict[int | None, list[str]]:
    found: dict[int | None, list[str]] = {None: []}
    for kind in Cost.Kind.values:
        purpose, place = PAYS_FOR.get(kind, ("", 0))
        fed = [stage.pk for stage in stages if stage.purpose == purpose]
        found.setdefault(fed[place] if fed else None, []).append(kind)
    return found


def _spent(question: Question) -> dict[str, int]:
    """Fen by kind."""
    sums = value.costs_of(question).values_list("kind").annotate(sum=Sum("amount_fen"))
    return {kind: int(total) for kind, total in sums}


def _passed(question: Question) -> list[tuple[Any, ...]]:
    if hindsight.begun():
        from analytics import step_buyers  # noqa: PLC0415 - NumPy takes a while to load

        passed = buying.rows(_IDS.format(who=among(question)), _given(question))
        return [*step_buyers.of_steps(passed, order_days.read(question, ["margins"]))]
    return buying.of_many(_PASSED.format(who=among(question)), _given(question))


def behind(question: Question, stage_id: int, *, bought: bool) -> tuple[str, dict[str, Any]]:
    """SQL of the contacts that passed a step, or of its buyers, and its parameters."""
    sql = f"{_STEPS.format(who=among(question))} SELECT contact_id FROM passed"  # noqa: S608 - our own names
    if bought:
        sql += " JOIN earned USING (contact_id)"
    return f"{sql} WHERE stage_id = %(stage)s", _given(question) | {"stage": stage_id}


def _given(question: Question) -> dict[str, Any]:
    span = question.span
    return filters(question) | {
        "start_us": span.start_us,
        "end_us": question.end_us,
        "start": midnight(span.start, span.zone),
        "end": min(midnight(span.end, span.zone), question.as_of),
    }
