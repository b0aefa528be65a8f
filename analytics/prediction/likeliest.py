"""Which parameters of a model are the most likely? Positive ones, found by their logarithms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Numbers = NDArray[np.float64]
# Of the logarithms: −mean log-likelihood of a customer, and its slope.
Likelihood = Callable[[Numbers], tuple[float, Numbers]]

_BORDER: Final = 12.0  # of a logarithm: whoever ends there has run away
_FLAT: Final = 1e-6  # slope at a maximum


def parameters(likelihood: Likelihood, starts: Sequence[Sequence[float]]) -> list[float] | None:
    """The best that is found from any of the starts; None: no maximum within reason."""
    best: Any = None
    for start in starts:
        found = minimize(
            likelihood,
            np.log(start),
            jac=True,
            method="L-BFGS-B",
            bounds=[(-_BORDER, _BORDER)] * len(start),
            options={"maxiter": 1000, "maxfun": 5000, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 20},
        )
        if best is None or found.fun < best.fun:
            best = found
    if np.abs(best.jac).max() > _FLAT or np.abs(best.x).max() >= _BORDER:
        return None
    likeliest: list[float] = np.exp(best.x).tolist()
    return likeliest
