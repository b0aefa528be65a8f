"""What will a purchase be worth? Gamma-Gamma (Fader, Hardie and Lee 2005), by maximum likelihood.

A customer's purchases vary around a mean of their own, Gamma(p, rate); the rates are Gamma(q, v)
over customers. Of a customer x purchases with the mean m are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import digamma, gammaln

Numbers = NDArray[np.float64]

_BORDER: Final = 12.0
_FLAT: Final = 1e-6
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
    best: Any = None
    for start in _STARTS:
        found = minimize(
            scaled,
            np.log(start),
            jac=True,
            method="L-BFGS-B",
            bounds=[(-_BORDER, _BORDER)] * 3,
            options={"maxiter": 1000, "maxfun": 5000, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 20},
        )
        if best is None or found.fun < best.fun:
            best = found
    if np.abs(best.jac).max() > _FLAT or np.abs(best.x).max() >= _BORDER:
        return None
    p, q, v = np.exp(best.x).tolist()
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
