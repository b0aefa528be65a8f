"""Keeps the answers to the questionnaire, each with who gave it."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest
from rest_framework.request import Request

from analytics.models.seven_factor_fit import FitAnswer, Industry
from analytics.seven_factor_fit import rule
from tenants.models import User


def keep(
    industry: Industry, answers: Mapping[str, int], request: HttpRequest | Request
) -> FitAnswer:
    """Inside a scope. The same answers again are news too: somebody looked, and nothing changed."""
    user = getattr(request, "user", None)
    return FitAnswer.objects.create(
        industry=industry,
        user=user if isinstance(user, User) else None,
        **{key: answers[key] for key in rule.KEYS},
    )


def answers_of(row: FitAnswer) -> dict[str, int]:
    return {key: getattr(row, key) for key in rule.KEYS}
