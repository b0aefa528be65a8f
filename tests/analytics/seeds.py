"""Which random worlds are compared with a reference: one each time, others with the slow tests."""

from __future__ import annotations

from typing import Any

import pytest

# Of these zones one has summer time, one had it, and one is off by three quarters of an hour.
ZONES = ("America/New_York", "Asia/Shanghai", "Asia/Kathmandu", "America/Sao_Paulo")


def in_zones(*seeds: int) -> list[Any]:
    """A zone for each of up to four seeds: ("seed", "zone")."""
    return [_case(n, seed, ZONES[n]) for n, seed in enumerate(seeds)]


def several(*seeds: int) -> list[Any]:
    return [_case(n, seed) for n, seed in enumerate(seeds)]


def _case(number: int, *values: object) -> Any:
    return pytest.param(*values, marks=[pytest.mark.slow] if number else [])
