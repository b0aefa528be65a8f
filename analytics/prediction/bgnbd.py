"""How often will customers buy again? BG/NBD (Fader, Hardie and Lee 2005), by maximum likelihood.

While active a customer buys at a rate of their own, Gamma(r, alpha) over customers; after each
purchase they leave with a probability of their own, Beta(a, b). Of a customer three numbers are
known: x repeat purchases, the last of them t_x after the first purchase, T observed. Times are in
weeks here, but any unit will do. All is in logarithms: nothing overflows, however often one buys.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import digamma, expit, gammaln, hyp2f1

from analytics.prediction import likeliest
from analytics.prediction.likeliest import Numbers

_STARTS: Final = ((0.3, 0.2, 0.8, 2.5), (1.0, 1.0, 1.0, 1.0), (0.5, 0.1, 0.1, 5.0))
# Formulas divide by a − 1 and a + b − 1 what is 0 there, too: beside them, both sides' mean is as
# good as the limit.
_NEAR: Final = 1e-5


@dataclass(frozen=True)
class Histories:
    """Customers alike once, and how many there are of each."""

    x: Numbers
    t_x: Numbers
    observed: Numbers
    heads: Numbers


@dataclass(frozen=True)
class Purchases:
    """The fitted model."""

    r: float
    alpha: float
    a: float
    b: float

    def alive(self, x: Numbers, t_x: Numbers, observed: Numbers) -> Numbers:
        """P(still a customer). Who bought but once had no occasion to leave: 1."""
        left = self._log_odds_left(x, t_x, observed)
        return np.where(x > 0, expit(-left), 1.0)

    def _log_odds_left(self, x: Numbers, t_x: Numbers, observed: Numbers) -> Numbers:
        again = np.maximum(x, 1.0)
        since = np.log(self.alpha + observed) - np.log(self.alpha + t_x)
        odds: Numbers = np.log(self.a) - np.log(self.b + again - 1) + (self.r + x) * since
        return odds

    def expected(self, weeks: float, x: Numbers, t_x: Numbers, observed: Numbers) -> Numbers:
        """Purchases expected within `weeks` from now."""
        alive = self.alive(x, t_x, observed)
        return alive * self.while_alive(weeks, x, observed)

    def while_alive(self, weeks: float, x: Numbers, observed: Numbers) -> Numbers:
        """Purchases expected of somebody who is still a customer:
        (a+b+x−1)/(a−1) · (1 − (1−z)^(r+x) · 2F1(r+x, b+x; a+b+x−1; z)), z = t/(alpha+T+t).

        By Euler's transformation x stands in one argument only: no power of it grows.
        """
        if min(abs(self.a - 1), abs(self.a + self.b - 1)) < _NEAR:
            below, above = (replace(self, a=self.a + step) for step in (-2 * _NEAR, 2 * _NEAR))
            both = (side.while_alive(weeks, x, observed) for side in (below, above))
            middle: Numbers = np.mean([*both], axis=0)
            return middle
        past = self.alpha + observed
        z = weeks / (past + weeks)
        c = self.a + self.b + x - 1
        power = np.exp((self.a - 1) * (np.log(past) - np.log(past + weeks)))
        series = hyp2f1(self.a - 1, self.a + self.b - 1 - self.r, c, z)
        return np.asarray(c / (self.a - 1) * (1 - power * series), dtype=np.float64)

    def even_chance(self, x: Numbers, t_x: Numbers, observed: Numbers) -> Numbers:
        """Weeks until it is as likely as not that they have bought again; infinite when never."""
        alive = self.alive(x, t_x, observed)
        with np.errstate(divide="ignore", over="ignore"):  # infinite is meant
            still = np.log(np.maximum(1 - 0.5 / alive, 0.0))
            return (self.alpha + observed) * np.expm1(-still / (self.r + x))


def fit(histories: Histories) -> Purchases | None:
    """The most likely parameters; None when there is no maximum within reason."""
    scale = float(np.average(histories.observed, weights=histories.heads))
    if not scale > 0:
        return None
    scaled = _Likelihood(histories, scale)
    found = likeliest.parameters(scaled, _STARTS)
    if found is None:
        return None
    r, alpha, a, b = found
    return Purchases(r, alpha * scale, a, b)


class _Likelihood:
    """−mean log-likelihood and its slope, by the logarithms of r, alpha ÷ scale, a, b."""

    def __init__(self, histories: Histories, scale: float) -> None:
        self.heads = histories.heads / histories.heads.sum()
        self.t_x, self.observed = histories.t_x / scale, histories.observed / scale
        self.row_x = histories.x
        # Functions of x alone are computed once for each x.
        self.x, self.place = np.unique(histories.x, return_inverse=True)
        self.share = np.bincount(self.place, weights=self.heads)
        self.repeated = self.row_x > 0

    def __call__(self, logs: Numbers) -> tuple[float, Numbers]:
        r, alpha, a, b = np.exp(logs)
        x, share = self.x, self.share
        again = np.maximum(x, 1.0)
        own = (
            gammaln(r + x) - gammaln(r) + r * np.log(alpha)
            + gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
        )  # fmt: skip
        log_t, log_last = np.log(alpha + self.observed), np.log(alpha + self.t_x)
        stayed = -(r + self.row_x) * log_t
        left = (np.log(a) - np.log(b + again - 1))[self.place] - (r + self.row_x) * log_last
        either = np.where(self.repeated, np.logaddexp(stayed, left), stayed)
        value = share @ own + self.heads @ either

        gone = np.where(self.repeated, expit(left - stayed), 0.0)
        lost = np.bincount(self.place, weights=self.heads * gone)
        of_r = share @ (digamma(r + x) - digamma(r) + np.log(alpha)) - self.heads @ (
            (1 - gone) * log_t + gone * log_last
        )
        of_alpha = r / alpha - self.heads @ (
            (r + self.row_x)
            * ((1 - gone) / (alpha + self.observed) + gone / (alpha + self.t_x))
        )  # fmt: skip
        both = digamma(a + b) - digamma(a + b + x)
        of_a = share @ both + lost.sum() / a
        of_b = share @ (both + digamma(b + x) - digamma(b)) - lost @ (1 / (b + again - 1))
        slope = np.array([of_r * r, of_alpha * alpha, of_a * a, of_b * b])
        return -float(value), -slope
