"""Which days does a question about figures cover?"""

from collections.abc import Mapping

from scrm.sandbox import days, fields
from scrm.sandbox.errors import BadFieldError
from scrm.sandbox.world import World

LONGEST_SPAN_S = 30 * days.DAY_S
OLDEST_S = 180 * days.DAY_S


def newest(world: World) -> int:
    """The last day that has figures: they come a day later."""
    return days.start(world.clock.now()) - world.settings.statistics_lag_days * days.DAY_S


def asked_for(
    world: World, body: Mapping[str, object], first: str, last: str, *, until: int
) -> list[int]:
    """The midnights from `first` to `last`, both included; times of day are rounded down. `last`
    may be left out, and `until` is the latest day that may be named."""
    begins = days.start(fields.integer(body, first))
    ends = days.start(fields.integer(body, last)) if body.get(last) else begins
    if not 0 <= ends - begins <= LONGEST_SPAN_S:
        raise BadFieldError(f"{first} to {last} is at most 30 days")
    if begins < days.start(world.clock.now()) - OLDEST_S or ends > until:
        raise BadFieldError(f"{first} and {last} must lie in the last 180 days that have figures")
    return list(range(begins, ends + 1, days.DAY_S))
