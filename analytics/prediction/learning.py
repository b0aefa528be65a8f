"""What will customers bring within a year? The model of a tenant's purchases (FIGURES R25).

BG/NBD says how many purchases to expect, Gamma-Gamma what each is worth, the tenant's margin what
is left of it. Where there is too little to learn from, the mean margin of customers by age stands
in, and says so. Nothing here knows of a database.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Final

import numpy as np

from analytics.prediction import bgnbd, gammagamma
from analytics.prediction import purchases as bought
from analytics.prediction.fits import (
    AGES,
    CUSTOMERS,
    HISTORY_DAYS,
    HORIZON_DAYS,
    OFTEN,
    REPEATERS,
    Fit,
    Reason,
)
from analytics.prediction.purchases import Buyers, Days, Numbers, Whole

WEEK: Final = 7
_HOLD_OUT: Final = 26  # weeks at most; else a third of the history


@dataclass(frozen=True)
class Forecasts:
    """Of each customer: P(alive), purchases and margin (fen) of the next 365 days, and days until
    a purchase is as likely as not (infinite: never).
    """

    contact: Whole
    alive: Numbers
    orders: Numbers
    margin: Numbers
    next_days: Numbers


def learn(days: Days, today: date) -> tuple[Fit, Forecasts | None]:
    """The model as of a day, and what it says of every customer."""
    last_day = bought.number(today)
    people = bought.buyers(days)
    told = Fit(
        customers=len(people.contact),
        repeaters=int(np.count_nonzero(people.x)),
        history_days=int(last_day - people.first.min()) if len(people.first) else 0,
        revenue=int(days.fen.sum()),
        margin=int(days.margin.sum()),
        curve=curve(days, people, last_day),
    )
    missing = _missing(people, told.history_days, told.revenue)
    often = None if missing else _often(people, last_day)
    spending = None if missing or often is None else _spending(people)
    if often is None or spending is None:
        return replace(told, reason=missing or Reason.NO_CONVERGENCE), None
    fit = replace(told, purchases=vars(often), spending=vars(spending))
    found = foretell(fit, people, today)
    heads, _edges = np.histogram(found.alive, bins=10, range=(0.0, 1.0))
    fit = replace(
        fit,
        backtest=_backtest(days, last_day, told.history_days),
        worth=float(found.margin.sum()),
        orders=float(found.orders.sum()),
        alive=[int(number) for number in heads],
    )
    return fit, found


def foretell(fit: Fit, people: Buyers, today: date) -> Forecasts:
    """What a fitted model says of these customers on a day."""
    last_day = bought.number(today)
    often = bgnbd.Purchases(**fit.purchases)
    spending = gammagamma.Spending(**fit.spending)
    alike, place = np.unique(
        np.stack((people.x, people.last - people.first, last_day - people.first)),
        axis=1,
        return_inverse=True,
    )
    x, t_x, observed = alike[0].astype(np.float64), alike[1] / WEEK, alike[2] / WEEK
    place = place.reshape(-1)
    orders = often.expected(HORIZON_DAYS / WEEK, x, t_x, observed)[place]
    mean = people.repeated / 100 / np.maximum(people.x, 1)
    worth = spending.mean(people.x.astype(np.float64), mean)
    return Forecasts(
        people.contact,
        often.alive(x, t_x, observed)[place],
        orders,
        orders * worth * 100 * (fit.margin / fit.revenue),
        often.even_chance(x, t_x, observed)[place] * WEEK,
    )


def _missing(people: Buyers, history_days: int, revenue: int) -> Reason | None:
    if not len(people.x):
        return Reason.NO_CUSTOMERS
    lacks = {
        Reason.FEW_CUSTOMERS: len(people.x) < CUSTOMERS,
        Reason.SHORT_HISTORY: history_days < HISTORY_DAYS,
        Reason.NONE_OFTEN: people.x.max() < OFTEN - 1,
        Reason.FEW_REPEATERS: np.count_nonzero(people.x) < REPEATERS,
        Reason.NO_REVENUE: not revenue or not people.repeated.any(),
    }
    return next((reason for reason, lacking in lacks.items() if lacking), None)


def _often(people: Buyers, last_day: int) -> bgnbd.Purchases | None:
    """Customers alike are one row with their number."""
    alike, heads = np.unique(
        np.stack((people.x, people.last - people.first, last_day - people.first)),
        axis=1,
        return_counts=True,
    )
    return bgnbd.fit(
        bgnbd.Histories(
            alike[0].astype(np.float64), alike[1] / WEEK, alike[2] / WEEK, heads.astype(np.float64)
        )
    )


def _spending(people: Buyers) -> gammagamma.Spending | None:
    some = people.repeated > 0
    x = people.x[some].astype(np.float64)
    return gammagamma.fit(x, people.repeated[some] / 100 / x)


def curve(days: Days, people: Buyers, last_day: int) -> dict[str, list[int]]:
    """Margin within d days of the first purchase, of those observed so long; and their number."""
    begin = bought.starts(days)
    of_row = np.repeat(np.arange(len(begin)), np.diff(np.append(begin, len(days.day))))
    age = days.day - people.first[of_row]
    seen = last_day - people.first
    found = {}
    for d in AGES:
        heads = int(np.count_nonzero(seen >= d))
        within = days.margin[(age <= d) & (seen[of_row] >= d)]
        found[str(d)] = [int(within.sum()), heads]
    return found


def _backtest(days: Days, last_day: int, history_days: int) -> dict[str, list[float]] | None:
    """Hide the last weeks, learn from what is before them, and compare."""
    weeks = min(_HOLD_OUT, history_days // WEEK // 3)
    border = last_day - weeks * WEEK
    people = bought.buyers(days.until(border))
    if not weeks or np.count_nonzero(people.x) < REPEATERS:
        return None
    often = _often(people, border)
    if often is None:
        return None
    later = (days.day > border) & np.isin(days.contact, people.contact)
    week = (days.day[later] - border - 1) // WEEK
    return {
        "expected": _by_week(often, people, border, weeks),
        "actual": np.bincount(week, minlength=weeks).tolist(),
    }


def _by_week(often: bgnbd.Purchases, people: Buyers, border: int, weeks: int) -> list[float]:
    """Purchases expected of all in each week to come.

    What depends on x and T alone is computed once for all who share them.
    """
    x, seen = people.x.astype(np.float64), (border - people.first) / WEEK
    alive = often.alive(x, (people.last - people.first) / WEEK, seen)
    alike, place = np.unique(
        np.stack((people.x, border - people.first)), axis=1, return_inverse=True
    )
    share = np.bincount(place.reshape(-1), weights=alive)
    x, seen = alike[0].astype(np.float64), alike[1] / WEEK
    total = [float(share @ often.while_alive(week, x, seen)) for week in range(1, weeks + 1)]
    return [after - before for before, after in pairwise([0.0, *total])]
