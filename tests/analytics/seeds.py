"""Which random worlds are compared with a reference: one each time, others with the slow tests."""

from __future__ import annotations

from typing import Any

import pytest

# Of these zones one has summer time, one had it, and one is off by three quarters of an hour.
ZONES = ("America/New_York", "Asia/Shanghai", "Asia/Kathmandu", "America/Sao_Paulo")


def in_zones(*seeds: int) -> list[Any]:
    """A zone for each of up to four seeds: ("seed", "zone")."""
    return [
        pytest.param(seed, zone, marks=[pytest.mark.slow] if number else [])
        for number, (seed, zone) in enumerate(zip(seeds, ZONES, strict=False))
    ]


def several(*seeds: int) -> list[Any]:
    return [
        pytest.param(seed, marks=[pytest.mark.slow] if number else [])
        for number, seed in enumerate(seeds)
    ]
