"""The overview in a few sentences, each with the dashboard that says more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics import shown
from analytics.brief import UNREACHED, Before, Brief
from analytics.overview import Overview
from analytics.pages.formula import titles as factors

# Answers in each period: of fewer no colour warns.
ENOUGH: Final = 10


@dataclass(frozen=True)
class Sentence:
    """`tone` is good, warn, bad, or nothing; `dashboard` the name of a route."""

    text: str
    dashboard: str
    tone: str = ""


def sentences(brief: Brief, found: Overview, currency: str) -> list[Sentence]:
    return [
        *_revenue(found, brief.before, currency),
        *_worth_it(found, currency),
        *_deletes(found, brief.before),
        *_mix(brief),
        *_satisfaction(brief),
        *_foretold(brief, currency),
    ]


def _revenue(found: Overview, before: Before | None, currency: str) -> Iterator[Sentence]:
    now = found.revenue
    amounts = {"now": shown.money_at_a_glance(now, currency)}
    if before is None or not before.revenue:
        if now:
            yield Sentence(_("Revenue is %(now)s.") % amounts, "dashboard-formula")
        return
    amounts["share"] = shown.rate(Fraction(abs(now - before.revenue), abs(before.revenue)))
    if now == before.revenue:
        text = _("Revenue is %(now)s, as in the period before.")
    elif now > before.revenue:
        text = _("Revenue is %(now)s, %(share)s more than in the period before.")
    else:
        text = _("Revenue is %(now)s, %(share)s less than in the period before.")
    told = [text % amounts, *_why(before, currency)]
    tone = "good" if now > before.revenue else "bad" if now < before.revenue else ""
    yield Sentence(_joined(told), "dashboard-formula", tone)


def _why(before: Before, currency: str) -> Iterator[str]:
    if before.cause is None:
        return
    given = {
        "factor": factors().get(before.cause.name, ""),
        "amount": shown.money_at_a_glance(abs(before.cause.fen), currency),
    }
    if before.cause.name == UNREACHED:
        text = (
            _("Most of it is what was bought without a message before: %(amount)s more.")
            if before.cause.fen > 0
            else _("Most of it is what was bought without a message before: %(amount)s less.")
        )
    elif before.cause.fen > 0:
        text = _("%(factor)s did most of it: it added %(amount)s.")
    else:
        text = _("%(factor)s did most of it: it took away %(amount)s.")
    yield text % given


def _worth_it(found: Overview, currency: str) -> Iterator[Sentence]:
    times = found.money.ltv_cac
    if times is None:
        return
    tone = "good" if times >= 3 else "warn" if times >= 1 else "bad"
    text = _("Each %(one)s spent on winning customers brought back %(times)s (%(observed)s).") % {
        "one": shown.money(100, currency).removesuffix(".00"),
        "times": shown.money(times * 100, currency),
        "observed": shown.observed(found.money.ltv_cac_days, found.money.observed),
    }
    yield Sentence(text, "dashboard-value", tone)


def _deletes(found: Overview, earlier: Before | None) -> Iterator[Sentence]:
    now = sum(found.days["deletes"].values())
    if earlier is None or not (now or earlier.deletes):
        return
    before = earlier.deletes
    text = ngettext(
        "%(n)s friend deleted us; it was %(before)s in the period before.",
        "%(n)s friends deleted us; it was %(before)s in the period before.",
        now,
    ) % {"n": shown.count(now), "before": shown.count(before)}
    tone = "bad" if now > before else "good" if now < before else ""
    yield Sentence(text, "dashboard-losses", tone)


def _mix(brief: Brief) -> Iterator[Sentence]:
    if brief.mix.under(brief.floor):
        text = _(
            "Too much promotion: %(share)s of the last 30 days' messages were service or "
            "greetings, your floor is %(floor)s%%."
        ) % {"share": shown.rate(brief.mix.share), "floor": brief.floor}
        yield Sentence(text, "dashboard-trust", "warn")


def _satisfaction(brief: Brief) -> Iterator[Sentence]:
    level, earlier = brief.satisfaction, brief.before.satisfaction if brief.before else None
    if level.mean is None or earlier is None or earlier.mean is None:
        return
    more = level.mean - earlier.mean
    if not more:
        text = _("Satisfaction is %(now)s, as before (answers: %(answers)s, before %(earlier)s).")
    elif more > 0:
        text = _(
            "Satisfaction is %(now)s, %(points)s points more than before "
            "(answers: %(answers)s, before %(earlier)s)."
        )
    else:
        text = _(
            "Satisfaction is %(now)s, %(points)s points less than before "
            "(answers: %(answers)s, before %(earlier)s)."
        )
    given = {
        "now": shown.rate(level.mean),
        "points": f"{abs(float(more)) * 100:.1f}",
        "answers": level.answers,
        "earlier": earlier.answers,
    }
    enough = min(level.answers, earlier.answers) >= ENOUGH
    tone = "" if not more or not enough else "good" if more > 0 else "bad"
    yield Sentence(text % given, "dashboard-satisfaction", tone)


def _foretold(brief: Brief, currency: str) -> Iterator[Sentence]:
    if brief.foretold is not None:
        text = _("Today's customers will bring about %(worth)s of margin in the next 12 months.")
        worth = shown.money_at_a_glance(Fraction(brief.foretold), currency)
        yield Sentence(text % {"worth": worth}, "dashboard-prediction")


def _joined(told: list[str]) -> str:
    """Chinese has no space between sentences."""
    return (" " if told[0].endswith(".") else "").join(told)
