"""What will a purchase be worth? Gamma-Gamma (Fader, Hardie and Lee 2005), by maximum likelihood.

A customer's purchases vary around a mean of their own, Gamma(p, rate); the rates are Gamma(q, v)
over customers. Of a customer x purchases with the mean m are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import digamma, gammaln

from analytics.prediction import likeliest
from analytics.prediction.likeliest import Numbers

_STARTS: Final = ((5.0, 3.0, 1.0), (1.0, 2.0, 1.0), (20.0, 2.0, 0.1))


@dataclass(frozen=True)
class Spending:
    """The fitted model; `v` is in the unit of the means."""

    p: float
    q: float
    v: float

    def mean(self, x: Numbers, m: Numbers) -> Numbers:
        """The worth of a purchase that is expected of them. Without a purchase: of anybody."""
        return np.asarray(self.p * (self.v + x * m) / (self.p * x + self.q - 1), dtype=np.float64)


def fit(x: Numbers, m: Numbers) -> Spending | None:
    """The most likely parameters of customers with x > 0 and m > 0; None when there is no maximum
    within reason, or people differ so much that their mean is infinite (q ≤ 1).
    """
    if not len(x):
        return None
    scale = float(np.average(m, weights=x))
    scaled = _Likelihood(x, m / scale)
    found = likeliest.parameters(scaled, _STARTS)
    if found is None:
        return None
    p, q, v = found
    return Spending(p, q, v * scale) if q > 1 else None


class _Likelihood:
    """−mean log-likelihood and its slope, by the logarithms of p, q, v."""

    def __init__(self, x: Numbers, m: Numbers) -> None:
        self.row_x, self.total = x, x * m
        self.x, heads = np.unique(x, return_counts=True)
        self.share = heads / len(x)
        self.heads = 1 / len(x)
        self.of_p = float(np.mean(x * np.log(self.total)))
        self.constant = -float(np.mean(np.log(m)))

    def __call__(self, logs: Numbers) -> tuple[float, Numbers]:
        p, q, v = np.exp(logs)
        x, share = self.x, self.share
        log_sum = np.log(self.total + v)
        weight = p * self.row_x + q
        value = (
            share @ (gammaln(p * x + q) - gammaln(p * x)) - gammaln(q) + q * np.log(v)
            + p * self.of_p + self.constant - self.heads * (weight @ log_sum)
        )  # fmt: skip
        both = digamma(p * x + q)
        of_p = (
            share @ (x * (both - digamma(p * x))) + self.of_p - self.heads * (self.row_x @ log_sum)
        )
        of_q = share @ both - digamma(q) + np.log(v) - self.heads * log_sum.sum()
        of_v = q / v - self.heads * (weight @ (1 / (self.total + v)))
        return -float(value), -np.array([of_p * p, of_q * q, of_v * v])
