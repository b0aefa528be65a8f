"""How far is a plan: its figure so far, the pace, and what it was before?

What is compared is said, and nothing about why: a figure may rise with a plan and not by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from analytics import baselines, kpis, pacing, reachable, targets
from analytics.exact import ratio
from analytics.kpis import Value
from analytics.models.goals import Kpi
from analytics.models.plans import Plan, PlanPhase
from analytics.pacing import Course
from analytics.periods import Question, Span
from analytics.plans import holidays

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Aim:
    """A figure in a window, and what it should be. Money in fen; None: not begun, or not set."""

    metric: Kpi
    span: Span
    target: Fraction | None
    value: Value
    elapsed: Fraction  # the share of the window before as_of
    due: Fraction  # that of the goal, as of targets by month
    course: Course

    @property
    def expected(self) -> Fraction | None:
        """What should be reached by now; of a rate or an average the goal itself."""
        if self.target is None or not self.elapsed:
            return None
        return self.target * self.due if self.metric in targets.ADDITIVE else self.target

    @property
    def pace(self) -> Fraction | None:
        return targets.pace(self.metric, self.value, self.target, self.due)

    @property
    def on_pace(self) -> bool | None:
        """Of a window that is over: was it reached?"""
        if self.value is None or self.expected is None:
            return None
        if self.metric in targets.LESS_IS_BETTER:
            return self.value <= self.expected
        return self.value >= self.expected

    @property
    def forecast(self) -> Fraction | None:
        """At the end of the window, if it goes on as so far; not before a day of it has passed."""
        days = (self.span.end - self.span.start).days
        if self.value is None or self.elapsed * days < 1:
            return None
        whole = Fraction(self.value)
        return ratio(whole, self.due) if self.metric in targets.ADDITIVE else whole


@dataclass(frozen=True)
class Before:
    """The same figure of earlier days: of all of them, and up to where the plan is now."""

    span: Span
    value: Value
    so_far: Value


@dataclass(frozen=True)
class People:
    """The figure of some people, and how many of them could be reached in the window."""

    value: Value
    contacts: int
    metric: Kpi

    @property
    def per_contact(self) -> Fraction | None:
        """Of sums: what makes groups of different size comparable."""
        if self.metric not in targets.ADDITIVE or self.value is None or not self.contacts:
            return None
        return Fraction(self.value) / self.contacts


@dataclass(frozen=True)
class Progress:
    plan: Plan
    state: Plan.State
    aim: Aim
    before: Before | None
    year_before: Before | None
    members: People | None  # of the plan's segment, and everybody else
    others: People | None
    phases: Sequence[tuple[PlanPhase, Aim]]


def asked(plan: Plan, question: Question) -> Question:
    """The plan's days and people, as of the moment of the question."""
    span = Span(plan.starts_on, plan.ends_on + DAY, question.span.zone)
    return Question(span, question.as_of, segment_id=plan.segment_id)


def aim(metric: str, target: Decimal | None, question: Question) -> Aim:
    """Inside a scope."""
    key = Kpi(metric)
    begun = question.end_us > question.span.start_us
    course = pacing.courses([key], question).get(key, Course(question.span))
    return Aim(
        key,
        question.span,
        None if target is None else targets.in_fen(key, Fraction(target)),
        kpis.one(key, question) if begun else None,
        question.span.passed(question.end_us),
        course.due(question.as_of),
        course,
    )


def of(plan: Plan, as_of: Question) -> Progress:
    """Inside a scope: all about a plan; of the question only its moment and zone matter."""
    question = asked(plan, as_of)
    mine = aim(plan.metric, plan.target, question)
    return Progress(
        plan,
        plan.state(question.today),
        mine,
        before(mine.metric, question, just_before(question)),
        before(mine.metric, question, a_year_before(plan, question)),
        _people(mine, question),
        _people(mine, replace(question, outside_segment=True)),
        [(phase, _of_phase(phase, question)) for phase in plan.phases.all()],
    )


def _of_phase(phase: PlanPhase, question: Question) -> Aim:
    start = question.span.start + (phase.first_day - 1) * DAY
    span = replace(
        question.span, start=start, end=start + (phase.last_day - phase.first_day + 1) * DAY
    )
    return aim(phase.metric, phase.target, replace(question, span=span))


# --- what it was ---


def just_before(question: Question) -> Span:
    """As many days just before the plan; of one that lies ahead, before today."""
    span = question.span
    end = min(span.start, question.today)
    return replace(span, start=end - (span.end - span.start), end=end)


def a_year_before(plan: Plan, question: Question) -> Span:
    """The same days of the year before; of a holiday, the days around its day of that year."""
    occasion = holidays.named(plan.occasion)
    if occasion is None:
        return question.span.a_year_before()
    earlier = occasion.earlier.day - occasion.day
    span = question.span
    return replace(span, start=span.start + earlier, end=span.end + earlier)


def before(metric: Kpi, question: Question, span: Span) -> Before | None:
    """None when the tenant had not begun by then, or these days are not over."""
    first = baselines.first_day(question)
    if first is None or first > span.start or span.end > question.today:
        return None
    earlier = replace(question, span=span)
    value = kpis.one(metric, earlier)
    begun = question.end_us > question.span.start_us
    if question.as_of_us >= question.span.end_us:
        return Before(span, value, value)
    moment = _at_same_point(question, span)
    so_far = kpis.one(metric, replace(earlier, as_of=moment)) if begun else None
    return Before(span, value, so_far)


def _at_same_point(question: Question, span: Span) -> datetime:
    """As many days and hours into the earlier days as as_of is into the plan."""
    zone = question.span.zone
    local = question.as_of.astimezone(zone).replace(tzinfo=None)
    moment = local - (question.span.start - span.start)
    return moment.replace(tzinfo=zone)


# --- who ---


def _people(mine: Aim, question: Question) -> People | None:
    """Of a plan for a segment that has begun."""
    if question.segment_id is None or question.end_us <= question.span.start_us:
        return None
    value = kpis.one(mine.metric, question) if question.outside_segment else mine.value
    return People(value, reachable.heads(question), mine.metric)


# --- day by day ---


@dataclass(frozen=True)
class Point:
    """At the end of a day: the figure since the plan's first day, what of the goal is due by then,
    and the figure of as many days before.
    """

    day: date
    value: Value
    pace: Fraction | None
    before: Value


_POINTS = 8  # of a rate or an average: each is a question of its own


def curve(found: Progress, as_of: Question) -> list[Point]:
    """Inside a scope: sums day by day, other figures at a few days."""
    question = asked(found.plan, as_of)
    if found.aim.metric in targets.ADDITIVE:
        return _of_sum(found, question)
    days = found.plan.days
    marks = sorted({max(1, round(days * n / _POINTS)) for n in range(1, _POINTS + 1)})
    return [_of_share(found, question, number) for number in marks]


def _of_sum(found: Progress, question: Question) -> list[Point]:
    span, metric, target = question.span, found.aim.metric, found.aim.target
    due = found.aim.course.by_day()
    mine = kpis.by_day(metric, question) if found.aim.value is not None else {}
    earlier = found.before.span if found.before else None
    theirs = kpis.by_day(metric, replace(question, span=earlier)) if earlier else {}
    points = []
    value = past = 0
    days = (span.end - span.start).days
    for number in range(days):
        day = span.start + number * DAY
        value += mine.get(day, 0)
        past += theirs.get(earlier.start + number * DAY, 0) if earlier else 0
        points.append(
            Point(
                day,
                value if found.aim.value is not None and day <= question.today else None,
                None if target is None else target * due[number],
                past if earlier else None,
            )
        )
    return points


def _of_share(found: Progress, question: Question, number: int) -> Point:
    """The figure of the first days of the plan, however many."""
    start = question.span.start
    day = start + (number - 1) * DAY
    span = replace(question.span, end=day + DAY)
    reached = found.aim.value is not None and day <= question.today
    value = kpis.one(found.aim.metric, replace(question, span=span)) if reached else None
    return Point(day, value, found.aim.target, found.before.value if found.before else None)
