"""What does a worker hold while it takes one step of a transfer?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice

from tenants.wechat.credentials import Credentials


class Step(StrEnum):
    SETTLE = "settle"
    ASK = "ask"
    POLL = "poll"


@dataclass
class Leg:
    """Customers, or groups, that go to one taker: the platform's id → the item."""

    taker: str
    of_groups: bool
    targets: dict[str, int] = field(default_factory=dict)

    def first(self, count: int) -> Leg:
        return Leg(self.taker, self.of_groups, dict(islice(self.targets.items(), count)))


@dataclass(frozen=True)
class Job:
    """A claimed step of a batch; asking has one leg."""

    batch_id: int
    step: Step
    giver: str
    resigned: bool
    message: str
    legs: list[Leg]
    attempt: int
    leased_until: datetime
    credentials: Credentials

    @property
    def item_ids(self) -> list[int]:
        return [pk for leg in self.legs for pk in leg.targets.values()]
