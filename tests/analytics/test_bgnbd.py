"""The mathematics of predictions: against published numbers, simulations, and slow formulas."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import beta

from analytics.prediction import bgnbd, gammagamma
from analytics.prediction.bgnbd import Histories, Purchases
from analytics.prediction.gammagamma import Spending
from tests import cdnow
from tests.test_cdnow import real_file

Rows = list[tuple[int, float, float]]


def histories(rows: Rows) -> Histories:
    x, t_x, seen = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    return Histories(x, t_x, seen, np.ones(len(rows)))


def buy(rng: np.random.Generator, model: Purchases, weeks: float) -> list[float]:
    """One customer's repeat purchases, as the model tells its story."""
    rate, leave = rng.gamma(model.r, 1 / model.alpha), rng.beta(model.a, model.b)
    bought, now = list[float](), rng.exponential(1 / rate)
    while now <= weeks:
        bought.append(now)
        if rng.random() < leave:
            break
        now += rng.exponential(1 / rate)
    return bought


# --- the published fit ---


def sample_of(master: Path) -> Path:
    return master.with_name("CDNOW_sample.txt")


def known_to_week_39(file: Path) -> tuple[Rows, list[tuple[int, float]]]:
    """(x, t_x, T) of the sample's customers after 39 weeks, and (x, mean) of who repeated."""
    until = date(1997, 9, 30)
    days: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for one in cdnow.purchases(file):
        if one.day <= until:
            days[one.customer][one.day] += int(one.dollars * 100)
    rows, spent = [], []
    for bought in days.values():
        first, *later = sorted(bought)
        last = max(bought)
        rows.append((len(later), (last - first).days / 7, (until - first).days / 7))
        total = sum(bought[day] for day in later)
        if total:
            spent.append((len(later), total / 100 / len(later)))
    return rows, spent


@pytest.mark.skipif(real_file() is None, reason="the package lifetimes is not installed")
def test_the_published_parameters_of_cdnow() -> None:
    """Fader, Hardie and Lee (2005), Fader and Hardie (2013): a tenth of the customers, 39 weeks."""
    master = real_file()
    assert master is not None

    rows, spent = known_to_week_39(sample_of(master))
    often = bgnbd.fit(histories(rows))
    worth = gammagamma.fit(*(np.array(each, dtype=float) for each in zip(*spent, strict=True)))

    assert (len(rows), len(spent)) == (2357, 946)
    assert often is not None
    assert worth is not None
    found = [round(each, 3) for each in (often.r, often.alpha, often.a, often.b)]
    assert found == [0.243, 4.414, 0.793, 2.426]
    assert [round(each, 2) for each in (worth.p, worth.q, worth.v)] == [6.25, 3.74, 15.44]
    # The customer that the paper works out: 1.226 purchases in the next 39 weeks.
    one = [np.array([each]) for each in (2.0, 30.43, 38.86)]
    assert often.expected(39, *one)[0] == pytest.approx(1.226, abs=0.001)


# --- simulations ---


def test_parameters_are_found_again() -> None:
    rng, truth = np.random.default_rng(7), Purchases(0.8, 6.0, 0.9, 3.0)
    rows: Rows = []
    for _ in range(20_000):
        seen = rng.integers(30, 600) / 7
        bought = buy(rng, truth, seen)
        rows.append((len(bought), bought[-1] if bought else 0.0, seen))

    found = bgnbd.fit(histories(rows))

    assert found is not None
    assert vars(found) == pytest.approx(vars(truth), rel=0.12)


def test_spending_is_found_again() -> None:
    rng, truth = np.random.default_rng(8), Spending(5.0, 4.0, 90.0)
    x = rng.integers(1, 9, 20_000).astype(float)
    rate = rng.gamma(truth.q, 1 / truth.v, len(x))
    mean = rng.gamma(truth.p * x, 1 / (rate * x))

    found = gammagamma.fit(x, mean)

    assert found is not None
    assert vars(found) == pytest.approx(vars(truth), rel=0.08)
    assert found.mean(np.zeros(1), np.zeros(1))[0] == pytest.approx(5 * 90 / 3, rel=0.02)


def test_equal_customers_count_together() -> None:
    rng, truth = np.random.default_rng(9), Purchases(1.0, 5.0, 1.0, 3.0)
    rows: Rows = []
    for _ in range(800):
        bought = buy(rng, truth, 40)
        rows.append((len(bought), math.ceil(bought[-1]) if bought else 0, 40))

    alike: dict[tuple[int, float, float], int] = defaultdict(int)
    for row in rows:
        alike[row] += 1
    x, t_x, seen = (np.array(column, dtype=float) for column in zip(*alike, strict=True))
    together = bgnbd.fit(Histories(x, t_x, seen, np.array([*alike.values()], dtype=float)))

    apart = bgnbd.fit(histories(rows))
    assert apart is not None
    assert together is not None
    assert vars(together) == pytest.approx(vars(apart), rel=1e-4)


def test_expectation_is_the_mean_of_what_happens() -> None:
    """Customers with one history, drawn by rejection, and what they then do."""
    rng, model = np.random.default_rng(10), Purchases(1.2, 4.0, 0.8, 2.0)
    later, active = list[int](), 0
    while len(later) < 1500:
        rate, leave = rng.gamma(model.r, 1 / model.alpha), rng.beta(model.a, model.b)
        now, bought, here = 0.0, list[float](), True
        while here:
            now += rng.exponential(1 / rate)
            if now > 10 + 26:
                break
            bought.append(now)
            here = rng.random() >= leave
        before = [each for each in bought if each <= 10]
        if len(before) == 2 and 6 <= before[-1] <= 8:
            later.append(len(bought) - 2)
            active += here or bought[-1] > 10

    one = [np.array([each]) for each in (2.0, 7.0, 10.0)]
    error = float(4 * np.std(later) / math.sqrt(len(later)))
    assert model.expected(26, *one)[0] == pytest.approx(np.mean(later), abs=error + 0.02)
    assert model.alive(*one)[0] == pytest.approx(active / len(later), abs=0.05)


# --- slow formulas ---


def slow_likelihood(model: Purchases, rows: Rows) -> float:
    """The paper's L(r, α, a, b | x, t_x, T), customer by customer, with nothing rearranged."""
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    total = 0.0
    for x, t_x, seen in rows:
        all_ = math.gamma(a) * math.gamma(b) / math.gamma(a + b)
        stays = math.gamma(a) * math.gamma(b + x) / math.gamma(a + b + x) / all_
        one = stays * math.gamma(r + x) * alpha**r / math.gamma(r) / (alpha + seen) ** (r + x)
        if x:
            leaves = math.gamma(a + 1) * math.gamma(b + x - 1) / math.gamma(a + b + x) / all_
            one += leaves * math.gamma(r + x) * alpha**r / math.gamma(r) / (alpha + t_x) ** (r + x)
        total += math.log(one)
    return total


def test_the_fit_is_the_top_of_the_slow_likelihood() -> None:
    rng, truth = np.random.default_rng(11), Purchases(0.7, 5.0, 0.7, 2.0)
    rows: Rows = []
    for _ in range(600):
        bought = buy(rng, truth, 30)[:60]
        rows.append((len(bought), bought[-1] if bought else 0.0, 30.0))

    found = bgnbd.fit(histories(rows))

    assert found is not None
    top = slow_likelihood(found, rows)
    fast = bgnbd._Likelihood(histories(rows), 1.0)
    value, slope = fast(np.log([found.r, found.alpha, found.a, found.b]))
    assert -value * len(rows) == pytest.approx(top, rel=1e-12)
    assert np.abs(slope).max() < 1e-6
    for name in ("r", "alpha", "a", "b"):
        for factor in (0.97, 0.999, 1.001, 1.03):
            beside: dict[str, Any] = vars(found) | {name: vars(found)[name] * factor}
            assert slow_likelihood(Purchases(**beside), rows) < top


@pytest.mark.parametrize("a", [0.05, 0.999999, 1.0, 1.00001, 2.7, 8.0])
@pytest.mark.parametrize(("r", "alpha", "b"), [(0.24, 4.4, 2.4), (3.0, 200.0, 0.4), (0.02, 0.1, 9)])
def test_the_expectation_is_the_mean_over_those_who_might_leave(
    r: float, alpha: float, a: float, b: float
) -> None:
    """Σ over p of (1 − (past ÷ (past + p·t))^(r+x)) ÷ p: no division by a − 1, no series in it."""
    model, weeks = Purchases(r, alpha, a, b), 365 / 7
    for x, t_x, seen in ((0, 0.0, 0.0), (0, 0.0, 50.0), (1, 3.0, 9.0), (60, 99.0, 100.0)):
        past = alpha + seen

        def one(p: float, past: float = past, x: int = x) -> float:
            share = -math.expm1(-(r + x) * math.log1p(p * weeks / past))
            return share / p if p else (r + x) * weeks / past

        density = (a - 1, b + x - 1)
        slow, _error = quad(one, 0, 1, weight="alg", wvar=density, epsabs=0, limit=500)
        given = [np.array([float(each)]) for each in (x, t_x, seen)]
        slow *= float(model.alive(*given)[0]) / beta(a, b + x)
        assert model.expected(weeks, *given)[0] == pytest.approx(slow, rel=1e-6)


def test_a_sum_of_a_and_b_of_one_is_no_gap() -> None:
    nobody = [np.zeros(1)] * 3
    at, beside = Purchases(0.5, 3, 0.4, 0.6), Purchases(0.5, 3, 0.4, 0.6001)
    assert at.expected(52, *nobody)[0] == pytest.approx(beside.expected(52, *nobody)[0], rel=1e-3)


def test_the_busiest_customer_overflows_nothing() -> None:
    model = Purchases(0.24, 4.4, 0.8, 2.4)
    x, t_x, seen = (np.array([each]) for each in (50_000.0, 10.0, 500.0))
    assert model.alive(x, t_x, seen)[0] == 0
    assert model.expected(52, x, t_x, seen)[0] == 0
    assert model.expected(52, x, seen, seen)[0] > 1000
    assert model.even_chance(x, t_x, seen)[0] == math.inf


def test_even_chance_is_where_the_chance_is_even() -> None:
    model, given = Purchases(0.9, 4.0, 0.5, 3.0), [np.array([v]) for v in (6.0, 20.0, 21.0)]
    weeks = float(model.even_chance(*given)[0])
    none = ((4.0 + 21.0) / (4.0 + 21.0 + weeks)) ** (0.9 + 6)
    assert float(model.alive(*given)[0]) * (1 - none) == pytest.approx(0.5)


def test_purchases_without_a_pattern_are_no_model() -> None:
    """All alike, none ever leaves: rates that do not differ have no maximum."""
    assert bgnbd.fit(histories([(10, 10.0, 10.0)] * 300)) is None
    assert bgnbd.fit(histories([(0, 0.0, 0.0)] * 300)) is None
    assert gammagamma.fit(np.array([]), np.array([])) is None
    assert gammagamma.fit(np.full(300, 4.0), np.full(300, 25.0)) is None
