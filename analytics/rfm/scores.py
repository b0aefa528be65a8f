"""Who bought lately, often and much? Scores from 1 to 5 against the others. FIGURES R31.

A score is 1 + ⌊5 × customers strictly worse ÷ all⌋: 5 is best, and equals share a score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from django.utils.translation import gettext_lazy as _

from analytics import buying
from analytics.periods import Question, among
from contacts.models import Contact

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Score = Literal["r", "f", "m"]
SCORES: Final[tuple[Score, ...]] = ("r", "f", "m")
BEST: Final = 5
HIGH: Final = 4  # better than at least three fifths of the customers
PAGE: Final = 50


@dataclass(frozen=True)
class Group:
    """Customers whose scores are high (4, 5) or not, by name. The eight groups are all of them."""

    key: str
    name: _StrPromise
    advice: _StrPromise
    high: tuple[bool, bool, bool]  # lately, often, much

    def ranges(self) -> dict[Score, tuple[int, int]]:
        """The lowest and highest score of each kind."""
        return {
            score: (HIGH, BEST) if high else (1, HIGH - 1)
            for score, high in zip(SCORES, self.high, strict=True)
        }


GROUPS: Final[Sequence[Group]] = (
    Group("champions", _("Champions"),
          _("Bought lately, often and much: thank them, ask them to bring others."),
          (True, True, True)),
    Group("promising", _("Big spenders to develop"),
          _("Bought lately and much, not often yet: give them a reason for the next order."),
          (True, False, True)),
    Group("to_keep", _("Loyal, gone quiet"),
          _("Bought often and much, not lately: write to them before they are gone."),
          (False, True, True)),
    Group("at_risk", _("Big spenders at risk"),
          _("Bought much, neither lately nor often: a call by their guide may win them back."),
          (False, False, True)),
    Group("regulars", _("Regulars"),
          _("Buy lately and often, for little: offer them more at a time."),
          (True, True, False)),
    Group("newcomers", _("Newcomers"),
          _("Bought lately, not often, for little: welcome them and show them the range."),
          (True, False, False)),
    Group("drifting", _("Drifting regulars"),
          _("Bought often for little, not lately: remind them of what they liked."),
          (False, True, False)),
    Group("dormant", _("Dormant"),
          _("Neither lately nor often nor much: only what costs next to nothing."),
          (False, False, False)),
)  # fmt: skip


def group_of(r: int, f: int, m: int) -> Group:
    high = (r >= HIGH, f >= HIGH, m >= HIGH)
    return next(group for group in GROUPS if group.high == high)


def group_named(key: str) -> Group | None:
    return next((group for group in GROUPS if group.key == key), None)


_SCORED = f"""
WITH buyer AS (
  SELECT contact_id, max(paid_at) AS last, count(*) AS orders,
    sum({buying.REVENUE})::bigint AS worth
  FROM contacts_order WHERE {buying.PAID} GROUP BY contact_id
), scored AS (
  SELECT contact_id, last, orders, worth,
    1 + {BEST} * (rank() OVER (ORDER BY last) - 1) / count(*) OVER () AS r,
    1 + {BEST} * (rank() OVER (ORDER BY orders) - 1) / count(*) OVER () AS f,
    1 + {BEST} * (rank() OVER (ORDER BY worth) - 1) / count(*) OVER () AS m
  FROM buyer
)
"""  # noqa: S608 - our own names
_MEMBERS = (
    _SCORED
    + """
SELECT contact_id, r::int, f::int, m::int, last, orders, worth FROM scored
WHERE r BETWEEN %(r_low)s AND %(r_high)s AND f BETWEEN %(f_low)s AND %(f_high)s
  AND m BETWEEN %(m_low)s AND %(m_high)s
ORDER BY worth DESC, contact_id OFFSET %(offset)s LIMIT %(limit)s
"""
)


@dataclass(frozen=True)
class Cell:
    """The customers with these scores, and their revenue in fen."""

    r: int
    f: int
    m: int
    contacts: int
    revenue: int


@dataclass(frozen=True)
class Member:
    """A customer with what the scores are made of; `worth` in fen."""

    contact: Contact
    r: int
    f: int
    m: int
    last: datetime
    orders: int
    worth: int


def report(question: Question) -> list[Cell]:
    """Inside a scope: the cells that have customers."""
    if question.span.start_us >= question.end_us:
        return []
    from analytics import ranks  # noqa: PLC0415 - NumPy takes a while to load

    last, orders, worth = ranks.of_buyers(question, "last", "orders", "worth")
    r, f, m = (ranks.scores(each, BEST) for each in (last, orders, worth))
    ten = BEST * 2
    found = ranks.counted((r * ten + f) * ten + m, worth)
    return [
        Cell(key // ten**2, key // ten % ten, key % ten, heads, revenue)
        for key, heads, revenue in found
    ]


def members(
    question: Question, ranges: Mapping[Score, tuple[int, int]], page: int = 1
) -> tuple[list[Member], bool]:
    """A page of those with scores in these ranges, the best first; and whether more follow."""
    if question.span.start_us >= question.end_us:
        return [], False
    bounds = {
        f"{score}_{end}": value
        for score in SCORES
        for end, value in zip(("low", "high"), ranges.get(score, (1, BEST)), strict=True)
    }
    found = buying.rows(
        _MEMBERS.format(among=among(question)),
        buying.given(question) | bounds | {"offset": (page - 1) * PAGE, "limit": PAGE + 1},
    )
    people = _people(row[0] for row in found)
    return [Member(people[pk], *row) for pk, *row in found[:PAGE] if pk in people], len(
        found
    ) > PAGE


def _people(ids: Iterable[int]) -> dict[int, Contact]:
    return Contact.objects.in_bulk(list(ids))
