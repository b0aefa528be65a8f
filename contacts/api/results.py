"""Outcomes of an upsert as the API says them."""

from __future__ import annotations

from collections.abc import Iterable

from contacts.upserts import Outcome
from tenants.rest.bulk import Result, rejected


def as_results(outcomes: Iterable[Outcome]) -> list[Result]:
    return [
        Result(outcome.status, outcome.row_id)
        if outcome.error is None
        else rejected(outcome.error.code, outcome.error.message, outcome.field)
        for outcome in outcomes
    ]
