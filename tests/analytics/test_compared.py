"""Each report answers with another period too, and says of it what it says of those days alone."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from typing import Any

import pytest

from analytics.api.base import COMPARE, Report
from analytics.periods import month_of
from scrm.api import router
from tests.analytics.test_behind import crowd
from tests.analytics.test_reports import NOW, REPORTS, ask, questions
from tests.conftest import Business

__all__ = ["crowd"]
ASKED: list[tuple[str, dict[str, str]]] = [
    ("overview", {}),
    ("funnel", {}),
    ("value", {}),
    ("value", {"group": "month"}),
    ("attribution", {"group": "content", "days": "30"}),
    ("benchmark", {}),
    ("satisfaction", {}),
    ("losses", {"group": "staff"}),
    ("user-assets", {}),
    ("user-assets", {"group": "team"}),
    ("formula", {}),
    ("wecom-rates", {}),
    ("cohorts", {"value": "margin"}),
    ("concentration", {}),
    ("rfm", {}),
    ("kpis", {"purpose": "warmth"}),
    ("baselines", {}),
    ("touches", {"group": "weekday", "days": "30"}),
    ("trust-mix", {}),
    ("step-roi", {}),
]
NOT_OF_DAYS = {"prediction"}  # it knows a moment only


def test_all_reports_of_days_are_asked_here() -> None:
    reports = [view for _prefix, view, _name in router.registry if issubclass(view, Report)]
    parameters = {name: of for view in reports for name, of in view.parameters.items()}
    compared = {
        name.replace("_", "-") for name, of in parameters.items() if of.keys() >= COMPARE.keys()
    }

    assert compared == {report for report, _given in ASKED}
    assert {name.replace("_", "-") for name in parameters} - compared == NOT_OF_DAYS


def without_days(figures: dict[str, Any]) -> str:
    days = {"period_from", "period_to", "since"}
    return json.dumps({name: told for name, told in figures.items() if name not in days})


@pytest.mark.parametrize(("report", "given"), ASKED)
def test_the_other_period_is_as_the_report_of_its_days(
    crowd: Business, report: str, given: dict[str, str]
) -> None:
    told = 0
    for place, question in enumerate(questions(random.Random(6), 4)):
        asked = question | given
        answer = ask(crowd, report, compare=("previous", "year")[place % 2], **asked)
        other = answer.pop("compared")
        answer.pop("change", None)  # of the formula
        days = {"from": other["period_from"], "to": other["period_to"]}
        assert days["from"] < question["from"]
        known = asked | {"as_of": answer["as_of"]}
        theirs = ask(crowd, report, **known | days)
        assert theirs["compared"] is None
        assert other == {name: theirs[name] for name in other}
        assert theirs.keys() - other.keys() <= {
            "as_of", "compared", "days", "phase", "purpose", "focus", "metrics", "alerts",
            "open_alerts",
        }  # fmt: skip
        assert ask(crowd, report, **known) == answer | {"compared": None}
        told += without_days(other) != without_days({name: answer[name] for name in other})
    assert told


@pytest.mark.parametrize(("report", "given"), ASKED)
def test_without_dates_the_days_just_before_are_compared(
    crowd: Business, report: str, given: dict[str, str]
) -> None:
    answer = ask(crowd, report, compare="previous", as_of=NOW.isoformat(), **given)

    other = answer["compared"]
    lengths = []
    for figures in (answer, other):
        first, end = (date.fromisoformat(figures[f"period_{name}"]) for name in ("from", "to"))
        lengths.append(end - first)
    assert other["period_to"] == answer["period_from"]
    assert lengths[0] == lengths[1] > timedelta(days=29)


@pytest.mark.parametrize(("report", "given"), ASKED)
def test_what_is_no_other_period_is_said(
    crowd: Business, report: str, given: dict[str, str]
) -> None:
    for wish in ("before", "", "Previous"):
        answer = crowd.api().get(REPORTS + report, given | {"compare": wish})
        assert answer.status_code == 400, wish
        assert list(answer.json()["error"]["fields"]) == ["compare"]


def test_a_moment_has_no_other_period(crowd: Business) -> None:
    standing = {"mode": "snapshot"}
    assert ask(crowd, "funnel", compare="none", **standing)["compared"] is None

    for path, given in (("funnel", standing), ("prediction", {})):
        answer = crowd.api().get(REPORTS + path, given | {"compare": "previous"})
        assert answer.status_code == 400
        assert list(answer.json()["error"]["fields"]) == ["compare"]


def test_the_formula_compares_with_days_of_ones_own_too(crowd: Business) -> None:
    end = (NOW.date() - timedelta(days=60)).replace(day=1)
    start = month_of(end - timedelta(days=1))
    before = month_of(start - timedelta(days=1))
    days = {"from": f"{start}", "to": f"{end}", "as_of": NOW.isoformat()}
    own = {"compare_from": f"{before}", "compare_to": f"{start}"}

    answer = ask(crowd, "formula", **days, **own)

    assert answer == ask(crowd, "formula", compare="previous", **days)
    assert answer["compared"]["assets"] > 0
    assert answer["change"]["total"]
    assert "change" not in ask(crowd, "formula", **days)
    both = crowd.api().get(REPORTS + "formula", days | own | {"compare": "year"})
    assert both.status_code == 400
    assert list(both.json()["error"]["fields"]) == ["compare"]
