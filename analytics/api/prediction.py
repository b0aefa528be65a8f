"""Predictions over HTTP: `reports/prediction`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers
from analytics.api.base import PERIOD, Report
from analytics.prediction import known
from analytics.prediction.fits import AGES, COHORT, FITTED, HORIZON_DAYS, Fit, Reason, Sums, why
from tenants.rest.filters import Filter

_PARAMETERS = ("r", "alpha", "a", "b", "p", "q", "v")


class _Params(serializers.Serializer):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {name: serializers.FloatField() for name in _PARAMETERS}

    class Meta:
        ref_name = "PredictionParams"


class _Backtest(serializers.Serializer):
    weeks = serializers.ListField(child=serializers.IntegerField())
    expected = serializers.ListField(child=serializers.FloatField())
    actual = serializers.ListField(child=serializers.IntegerField())

    class Meta:
        ref_name = "PredictionBacktest"


class _Curve(serializers.Serializer):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {str(d): serializers.CharField(allow_null=True) for d in AGES}

    class Meta:
        ref_name = "PredictionCurve"


class PredictionAnswer(serializers.Serializer):
    as_of = serializers.DateTimeField()
    model = serializers.ChoiceField([FITTED, COHORT], allow_null=True)
    reason = serializers.ChoiceField(
        list(Reason), allow_null=True, help_text="Why BG/NBD and Gamma-Gamma were not fitted."
    )
    reason_text = serializers.CharField(allow_null=True)
    params = _Params(allow_null=True, help_text="Weeks, and the tenant's currency.")
    fitted_customers = serializers.IntegerField(
        help_text="All: params, margin_rate and backtest are theirs, whatever the filters."
    )
    customers = serializers.IntegerField(
        help_text="Those whom the filters mean; the sums and the curve are theirs."
    )
    repeaters = serializers.IntegerField(help_text="Customers who bought on two days or more.")
    margin_rate = serializers.FloatField(
        allow_null=True, help_text="Margin ÷ revenue of all paid orders."
    )
    horizon_days = serializers.IntegerField()
    predicted_orders = serializers.FloatField(allow_null=True)
    predicted_ltv = serializers.CharField(allow_null=True, help_text="Of these customers together.")
    curve = _Curve(help_text="Mean margin of a customer within so many days of the first purchase.")
    backtest = _Backtest(allow_null=True, help_text="Repeat purchases in the weeks held out.")


class PredictionReports(Report):
    """What customers are expected to bring within 365 days, and how well that was foretold."""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "prediction": PERIOD,
    }
    serializer_class = PredictionAnswer

    @extend_schema(responses=PredictionAnswer)
    @action(detail=False, methods=["get"])
    def prediction(self, request: Request) -> Response:
        """The model as of a moment, fitted to all customers, and what it says of those whom the
        filters mean; `from` and `to` have no meaning here.

        Without as_of, a large tenant's last fit of the background answers, and says its moment.
        """
        question = self.asked()
        found = known.known(question.as_of, exact="as_of" in self.given())
        told = shown(found.fit, known.sums(found, question))
        return self.answer(replace(question, as_of=found.as_of), **told)


def shown(fit: Fit, sums: Sums) -> dict[str, object]:
    fitted = not fit.reason
    return {
        "model": fit.model,
        "reason": fit.reason or None,
        "reason_text": why(fit) or None,
        "params": {**fit.purchases, **fit.spending} if fitted else None,
        "fitted_customers": fit.customers,
        "customers": sums.customers,
        "repeaters": sums.repeaters,
        "margin_rate": answers.number(fit.margin_rate),
        "horizon_days": HORIZON_DAYS,
        "predicted_orders": sums.orders if fitted else None,
        "predicted_ltv": answers.amount(Fraction(sums.worth)) if fitted else None,
        "curve": {age: answers.amount(each) for age, each in sums.means.items()},
        "backtest": None
        if fit.backtest is None
        else {"weeks": [*range(1, len(fit.backtest["actual"]) + 1)], **fit.backtest},
    }
