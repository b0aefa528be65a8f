"""A short run of tests/chaos/hostile.py; the long one is `python -m tests.chaos.hostile`."""

from __future__ import annotations

import pytest

from tests.chaos import hostile
from tests.chaos.machine import Machine

pytestmark = pytest.mark.chaos


def test_nothing_is_lost_or_doubled_in_hard_times(machine: Machine) -> None:
    outcome = hostile.run(machine, hostile.Plan(seconds=50, people=120, kill_every_s=12))

    assert outcome.kills >= 3
    assert outcome.acts["scan"] > 120
    assert outcome.is_good, outcome.as_markdown()
