"""What was done, and did it pay: `reports/touches`, `reports/trust-mix`, `reports/step-roi`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers, steps, touches, trust
from analytics.api.base import PERIOD, Report, one_of
from tenants.rest.filters import Filter

_DAYS = 90


class _Row(serializers.Serializer):
    group = serializers.CharField(
        allow_null=True, help_text="A name; an hour 0–23; a weekday 1–7 from Monday; null: others."
    )
    planned = serializers.IntegerField(help_text="sent + failed + skipped + cancelled + open")
    sent = serializers.IntegerField()
    delivered = serializers.IntegerField(help_text="Those of the sent of which it is known.")
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    open = serializers.IntegerField()
    reasons = serializers.DictField(
        child=serializers.IntegerField(), help_text="Of the failed and skipped, by reason."
    )
    contacts = serializers.IntegerField(help_text="Contacts who were sent at least one.")
    responded = serializers.IntegerField()
    response_rate = serializers.FloatField(allow_null=True)
    clicked = serializers.IntegerField()
    click_rate = serializers.FloatField(allow_null=True)
    ordered = serializers.IntegerField(help_text="Touches with an order after them.")
    order_rate = serializers.FloatField(allow_null=True)
    orders = serializers.IntegerField()
    revenue_after = serializers.CharField()
    margin_after = serializers.CharField()
    lost = serializers.IntegerField(help_text="Friends who ended it within 72 hours.")
    loss_rate = serializers.FloatField(allow_null=True)

    class Meta:
        ref_name = "TouchRow"


class TouchAnswer(serializers.Serializer):
    as_of = serializers.DateTimeField()
    days = serializers.IntegerField(help_text="Orders within so many days after a touch.")
    rows = _Row(many=True)
    total = _Row()
    best = serializers.CharField(
        allow_null=True, help_text="The group answered most, of those with 30 sent."
    )


class _Bin(serializers.Serializer):
    at_least = serializers.FloatField()
    contacts = serializers.IntegerField()

    class Meta:
        ref_name = "TrustBin"


class _Sender(serializers.Serializer):
    group = serializers.CharField(
        allow_null=True, help_text="Who sent it; null: official accounts."
    )
    touches = serializers.IntegerField()
    gentle = serializers.IntegerField(help_text="Service and greeting.")
    mix = serializers.FloatField(allow_null=True)

    class Meta:
        ref_name = "TrustRow"


class TrustAnswer(serializers.Serializer):
    as_of = serializers.DateTimeField()
    since = serializers.DateTimeField(help_text="30 days before the end of the period.")
    floor = serializers.FloatField(help_text="The least mix, a share of 1: a setting.")
    touches = serializers.IntegerField()
    gentle = serializers.IntegerField()
    mix = serializers.FloatField(allow_null=True, help_text="gentle ÷ touches, as in kpis.")
    contacts = serializers.IntegerField(help_text="Contacts who were sent at least one.")
    mean = serializers.FloatField(allow_null=True, help_text="Mean of the contacts' own mixes.")
    below = serializers.IntegerField(help_text="Contacts whose mix is under the floor.")
    distribution = _Bin(many=True)
    rows = _Sender(many=True)


class _Step(serializers.Serializer):
    key = serializers.CharField(allow_null=True, help_text="null: costs of no one step.")
    name = serializers.CharField(allow_null=True)
    kinds = serializers.ListField(
        child=serializers.CharField(), help_text="Kinds of cost that pay for the step."
    )
    cost = serializers.CharField(allow_null=True)
    passed = serializers.IntegerField(allow_null=True)
    cost_per_passed = serializers.CharField(allow_null=True)
    buyers = serializers.IntegerField(allow_null=True, help_text="Of the passed, in the period.")
    margin = serializers.CharField(allow_null=True, help_text="Of the buyers, in the period.")
    roi = serializers.FloatField(allow_null=True, help_text="(margin − cost) ÷ cost")

    class Meta:
        ref_name = "StepRoi"


class StepAnswer(serializers.Serializer):
    as_of = serializers.DateTimeField()
    steps = _Step(many=True)
    cost = serializers.CharField(allow_null=True, help_text="Of all rows, as in reports/value.")


class EffectReports(Report):
    """What came after messages, how much of them is service, and what each step costs and earns."""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "touches": {
            "group": one_of(*touches.GROUPS),
            "days": one_of(*map(str, touches.DAYS)),
            **PERIOD,
        },
        "trust_mix": PERIOD,
        "step_roi": PERIOD,
    }
    serializer_class = TouchAnswer

    @extend_schema(responses=TouchAnswer)
    @action(detail=False, methods=["get"])
    def touches(self, request: Request) -> Response:
        """By SOP, step, broadcast, content, route, hour or weekday of sending."""
        given = self.given()
        question = self.asked(days=_DAYS, fresh=False)
        days = int(given.get("days") or touches.DAYS[0])
        found = touches.report(question, given.get("group", touches.GROUPS[0]), days)
        return self.answer(
            question,
            days=days,
            rows=[_shown(row) for row in found.rows],
            total=_shown(found.total),
            best=found.best.name if found.best else None,
        )

    @extend_schema(responses=TrustAnswer)
    @action(detail=False, methods=["get"], url_path="trust-mix")
    def trust_mix(self, request: Request) -> Response:
        """Service and greetings ÷ all touches of the period's last 30 days."""
        question = self.asked(fresh=False)
        found = trust.report(question)
        return self.answer(
            question,
            since=answers.text_of_moment(found.since, question.span.zone),
            floor=found.floor / 100,
            touches=found.mix.touches,
            gentle=found.mix.gentle,
            mix=answers.number(found.mix.share),
            contacts=found.contacts,
            mean=answers.number(found.mean),
            below=found.below,
            distribution=[
                {"at_least": place / trust.BINS, "contacts": heads}
                for place, heads in enumerate(found.distribution)
            ],
            rows=[
                {
                    "group": row.name,
                    "touches": row.mix.touches,
                    "gentle": row.mix.gentle,
                    "mix": answers.number(row.mix.share),
                }
                for row in found.rows
            ],
        )

    @extend_schema(responses=StepAnswer)
    @action(detail=False, methods=["get"], url_path="step-roi")
    def step_roi(self, request: Request) -> Response:
        """By stage of the journey: what was spent for it, who passed, what these brought."""
        question = self.asked(days=_DAYS)
        found = answers.steadily(lambda: steps.report(question))
        return self.answer(
            question,
            steps=[_step(step) for step in found],
            cost=answers.amount(steps.total_cost(found)),
        )


def _step(step: steps.Step) -> dict[str, object]:
    return {
        "key": step.stage.key if step.stage else None,
        "name": str(step.stage) if step.stage else None,
        "kinds": list(step.kinds),
        "cost": answers.amount(step.cost),
        "passed": step.passed,
        "cost_per_passed": answers.amount(step.cost_per_passed),
        "buyers": step.buyers,
        "margin": answers.amount(step.margin),
        "roi": answers.number(step.roi),
    }


def _shown(row: touches.Row) -> dict[str, object]:
    return {
        "group": row.name,
        "planned": row.planned,
        "sent": row.sent,
        "delivered": row.delivered,
        "failed": row.failed,
        "skipped": row.skipped,
        "cancelled": row.cancelled,
        "open": row.open,
        "reasons": row.reasons,
        "contacts": row.contacts,
        "responded": row.responded,
        "response_rate": answers.number(row.rate(row.responded)),
        "clicked": row.clicked,
        "click_rate": answers.number(row.rate(row.clicked)),
        "ordered": row.ordered,
        "order_rate": answers.number(row.rate(row.ordered)),
        "orders": row.orders,
        "revenue_after": answers.amount(row.revenue),
        "margin_after": answers.amount(row.margin),
        "lost": row.lost,
        "loss_rate": answers.number(row.rate(row.lost)),
    }
