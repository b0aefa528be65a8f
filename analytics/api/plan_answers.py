"""How is the progress of a plan told over HTTP?"""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from analytics import answers, targets
from analytics.api.kpis import Figure, shown
from analytics.models.goals import Kpi
from analytics.models.plans import Plan
from analytics.periods import Question, Span
from analytics.plans import attached, progress
from analytics.plans.progress import Aim, Before, People, Progress
from tenants.ids import encode


class _Period(serializers.Serializer):
    """`from` is no name of Python; `to` is the day after the last one."""

    def get_fields(self) -> dict[str, Any]:
        days = {"from": serializers.DateField(), "to": serializers.DateField()}
        return {**days, **super().get_fields()}


class _AimAnswer(_Period):
    metric = serializers.ChoiceField(Kpi.values)
    value = Figure(allow_null=True)
    target = Figure(allow_null=True)
    elapsed = serializers.FloatField(help_text="The share of the window that has passed.")
    expected = Figure(allow_null=True, help_text="What of the target is due by now.")
    by_weekday = serializers.BooleanField(
        help_text="Days count as their weekday usually does; else all the same."
    )
    pace = serializers.FloatField(allow_null=True)
    on_pace = serializers.BooleanField(allow_null=True)
    forecast = Figure(allow_null=True)

    class Meta:
        ref_name = "PlanAim"


class _PhaseAnswer(_AimAnswer):
    name = serializers.CharField()

    class Meta:
        ref_name = "PlanMilestoneProgress"


class _BeforeAnswer(_Period):
    value = Figure(allow_null=True)
    so_far = Figure(allow_null=True, help_text="As far into these days as the plan is.")

    class Meta:
        ref_name = "PlanBaseline"


class _PeopleAnswer(serializers.Serializer):
    value = Figure(allow_null=True)
    contacts = serializers.IntegerField(help_text="Reachable at any moment of the window.")
    per_contact = Figure(allow_null=True, help_text="Of sums; money with six decimals.")

    class Meta:
        ref_name = "PlanPeople"


class _AttachedAnswer(serializers.Serializer):
    kind = serializers.ChoiceField(["sop", "broadcast"])
    id = serializers.CharField()
    name = serializers.CharField()
    sent = serializers.IntegerField()
    contacts = serializers.IntegerField()
    responded = serializers.IntegerField()

    class Meta:
        ref_name = "PlanAttached"


class _PointAnswer(serializers.Serializer):
    date = serializers.DateField()
    value = Figure(allow_null=True)
    pace = Figure(allow_null=True)
    before = Figure(allow_null=True)

    class Meta:
        ref_name = "PlanPoint"


class ProgressAnswer(serializers.Serializer):
    as_of = serializers.DateTimeField()
    state = serializers.ChoiceField(Plan.State.choices)
    aim = _AimAnswer()
    before = _BeforeAnswer(allow_null=True, help_text="As many days just before.")
    year_before = _BeforeAnswer(allow_null=True)
    members = _PeopleAnswer(allow_null=True, help_text="Of the segment, as it is now.")
    others = _PeopleAnswer(allow_null=True, help_text="Everybody else.")
    phases = _PhaseAnswer(many=True)
    attached = _AttachedAnswer(many=True)
    points = _PointAnswer(many=True)

    class Meta:
        ref_name = "PlanProgress"


def answer(plan: Plan, question: Question) -> dict[str, object]:
    """Inside a scope."""
    found = progress.of(plan, question)
    metric = found.aim.metric
    mine = progress.asked(plan, question)
    return {
        "as_of": answers.text_of_moment(question.as_of, question.span.zone),
        "state": found.state,
        "aim": _aim(found.aim),
        "before": _before(metric, found.before),
        "year_before": _before(metric, found.year_before),
        "members": _people(metric, found.members),
        "others": _people(metric, found.others),
        "phases": [{"name": phase.name, **_aim(aim)} for phase, aim in found.phases],
        "attached": [
            {
                "kind": each.kind,
                "id": encode(each.id),
                "name": each.name,
                "sent": each.sent,
                "contacts": each.contacts,
                "responded": each.responded,
            }
            for each in attached.of(list(plan.sops.all()), list(plan.broadcasts.all()), mine)
        ],
        "points": _points(found, question),
    }


def _points(found: Progress, question: Question) -> list[dict[str, object]]:
    metric = found.aim.metric
    return [
        {
            "date": point.day.isoformat(),
            "value": shown(metric, point.value),
            "pace": shown(metric, point.pace),
            "before": shown(metric, point.before),
        }
        for point in progress.curve(found, question)
    ]


def _period(span: Span) -> dict[str, object]:
    return {"from": span.start.isoformat(), "to": span.end.isoformat()}


def _aim(aim: Aim) -> dict[str, object]:
    return {
        "metric": aim.metric,
        **_period(aim.span),
        "value": shown(aim.metric, aim.value),
        "target": shown(aim.metric, aim.target),
        "elapsed": float(aim.elapsed),
        "expected": shown(aim.metric, aim.expected),
        "by_weekday": aim.course.by_weekday,
        "pace": None if aim.pace is None else float(aim.pace),
        "on_pace": aim.on_pace,
        "forecast": shown(aim.metric, aim.forecast),
    }


def _before(metric: Kpi, before: Before | None) -> dict[str, object] | None:
    if before is None:
        return None
    return {
        **_period(before.span),
        "value": shown(metric, before.value),
        "so_far": shown(metric, before.so_far),
    }


def _people(metric: Kpi, people: People | None) -> dict[str, object] | None:
    if people is None:
        return None
    return {
        "value": shown(metric, people.value),
        "contacts": people.contacts,
        "per_contact": (answers.amount_of_six if metric in targets.MONEY else answers.number)(
            people.per_contact
        ),
    }
