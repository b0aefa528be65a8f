"""How much margin had the customers of a cohort brought in after d days, for every d up to 365?

With first = a customer's first paid order, age = the smallest whole d with paid_at ≤ first + d
days, and seen = the whole days from first to as_of: LTV_d sums the orders with age ≤ d of the
customers with seen ≥ d (FIGURES R19, R21). So margin enters the curve at its order's age, and a
customer leaves it, with all margin so far, at seen + 1. Both are plain sums: entering is kept in
cells by month, leaving is read from the customers of the last 365 days.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate
from typing import Any

from django.db import connection

from analytics.periods import Question, filters, holders, month_of
from analytics.readings import DAY_US, OBSERVED_DAYS, REWARD_FEN

DAYS = (30, 60, 90, 180, 365)
Key = int | date
# Customers with orders at or after as_of are put right one by one, if they are not more than this.
_FEW = 3000

Record = tuple[int, ...]

_REFERRALS = """
SELECT {group},
  COALESCE(sum(d30) FILTER (WHERE observed_us <= %(as_of)s - 30 * %(day)s), 0)::bigint,
  COALESCE(sum(d60) FILTER (WHERE observed_us <= %(as_of)s - 60 * %(day)s), 0)::bigint,
  COALESCE(sum(d90) FILTER (WHERE observed_us <= %(as_of)s - 90 * %(day)s), 0)::bigint,
  COALESCE(sum(d180) FILTER (WHERE observed_us <= %(as_of)s - 180 * %(day)s), 0)::bigint,
  COALESCE(sum(d365) FILTER (WHERE observed_us <= %(as_of)s - 365 * %(day)s), 0)::bigint
FROM analytics_referralpart
WHERE tenant_id = %(tenant)s AND reach_us >= %(start)s AND reach_us < %(end)s{part filter}
GROUP BY 1
"""

_ORDERS_AT_AS_OF = """
SELECT {group}, first_us, o.margin FROM (
  SELECT contact_id AS customer, amount_fen - refund_fen - cost_fen AS margin FROM contacts_order
  WHERE tenant_id = %(tenant)s AND paid AND paid_at = %(moment)s) o
JOIN analytics_customerfact ON contact_id = o.customer
WHERE tenant_id = %(tenant)s AND reach_us >= %(start)s AND reach_us < %(end)s
  AND first_us < %(as_of)s AND (%(as_of)s - first_us) %% %(day)s = 0{filter}
"""

_REFERRED_AT_AS_OF = """
SELECT {group}, observed_us, o.margin FROM (
  SELECT f.contact_id AS customer, f.first_us, amount_fen - refund_fen - cost_fen AS margin
  FROM contacts_order o JOIN analytics_customerfact f
    ON f.tenant_id = o.tenant_id AND f.contact_id = o.contact_id
  WHERE o.tenant_id = %(tenant)s AND o.paid AND o.paid_at = %(moment)s
    AND f.first_us < %(as_of)s AND (%(as_of)s - f.first_us) %% %(day)s = 0) o
JOIN analytics_referralpart ON contact_id = o.customer AND observed_us = o.first_us AND NOT reward
WHERE tenant_id = %(tenant)s AND reach_us >= %(start)s AND reach_us < %(end)s{part filter}
"""

_REWARDS_AT_AS_OF = """
SELECT {group}, first_us, r.fen FROM (
  SELECT e.contact_id AS customer, REWARD_FEN AS fen FROM contacts_event e
  WHERE e.tenant_id = %(tenant)s AND e.kind = 'reward.paid' AND e.at = %(moment)s) r
JOIN analytics_customerfact ON contact_id = r.customer
WHERE tenant_id = %(tenant)s AND reach_us >= %(start)s AND reach_us < %(end)s
  AND first_us < %(as_of)s AND (%(as_of)s - first_us) %% %(day)s = 0{filter}
""".replace("REWARD_FEN", REWARD_FEN)


def _zeros() -> list[int]:
    return [0] * (OBSERVED_DAYS + 2)


@dataclass
class Curve:
    """Of one cohort: fen that enter and leave by day, and customers that leave by day."""

    customers: int = 0
    enters: list[int] = field(default_factory=_zeros)
    leaves: list[int] = field(default_factory=_zeros)
    left: list[int] = field(default_factory=_zeros)
    at_as_of: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    referral: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def enter(self, age: int, margin: int, customers: int = 0) -> None:
        self.enters[age] += margin
        self.customers += customers

    def leave(self, seen: int, margin: int, customers: int) -> None:
        if seen < OBSERVED_DAYS:
            self.leaves[seen + 1] += margin
            self.left[seen + 1] += customers

    def plus(self, other: Curve) -> Curve:
        for mine, theirs in ((self.enters, other.enters), (self.leaves, other.leaves)):
            mine[:] = map(sum, zip(mine, theirs, strict=True))
        self.left[:] = map(sum, zip(self.left, other.left, strict=True))
        self.customers += other.customers
        for own, more in ((self.at_as_of, other.at_as_of), (self.referral, other.referral)):
            for d, fen in more.items():
                own[d] += fen
        return self

    def by_day(self) -> tuple[list[int], list[int]]:
        """For d = 0 … 365: the margin within d days, and the customers observed for d days."""
        change = (enters - leaves for enters, leaves in zip(self.enters, self.leaves, strict=True))
        margins = list(accumulate(change))[: OBSERVED_DAYS + 1]
        for d, fen in self.at_as_of.items():
            margins[d] -= fen
        left = list(accumulate(self.left))[: OBSERVED_DAYS + 1]
        return margins, [self.customers - gone for gone in left]


class Curves:
    """The curves of a report's rows: by channel, or by month of the first reachable moment."""

    def __init__(self, question: Question, group: str) -> None:
        self.question = question
        self.found: dict[Key, Curve] = defaultdict(Curve)
        self.months = [month.start_us for month in question.span.months()]
        self.keys: list[Key] = [month_of(month.start) for month in question.span.months()]
        self.by_month = group == "month"
        self.filter = holders(question)
        self.part_filter = holders(question, "customer_id")
        self.parameters = filters(question) | {
            "start": question.span.start_us,
            "end": question.end_us,
            "as_of": question.as_of_us,
            "moment": question.as_of,
            "day": DAY_US,
            "observed": OBSERVED_DAYS,
            "months": self.months,
        }
        self.group = self.month = "channel_id"
        if self.by_month:
            self.group = "width_bucket(reach_us, %(months)s::bigint[]) - 1"
            self.month = "array_position(%(dates)s::date[], month) - 1"

    def curve(self, group: int) -> Curve:
        return self.found[self.keys[group] if self.by_month else group]

    def rows(self, sql: str, **more: Any) -> Iterator[Record]:
        with connection.cursor() as cursor:
            cursor.execute(self._filled(sql), self.parameters | more)
            yield from cursor.fetchall()

    def _filled(self, sql: str) -> str:
        sql = sql.replace("{group}", self.group).replace("{month}", self.month)
        return sql.replace("{filter}", self.filter).replace("{part filter}", self.part_filter)

    def read(self) -> dict[Key, Curve]:
        if self.question.span.start_us < self.question.end_us:
            later = None if self.question.by_person else self._later()
            if later is None:
                self._read_customers()
            else:
                self._read_cells()
                self._read_leaving(later)
                self._put_right(later)
            self._read_referrals()
            self._take_out_as_of()
        return dict(self.found)

    def _later(self) -> list[int] | None:
        """Contacts with a paid order at or after as_of; None, when they are many."""
        found = list(
            self.rows(
                "SELECT DISTINCT contact_id FROM (SELECT contact_id FROM contacts_order"
                " WHERE tenant_id = %(tenant)s AND paid AND paid_at >= %(moment)s"
                " LIMIT %(few)s) later",
                few=_FEW + 1,
            )
        )
        return None if len(found) > _FEW / 2 else [row[0] for row in found]

    def _read_customers(self) -> None:
        """Entering and leaving, customer by customer, as known at as_of."""
        for group, age, seen, margin, customers in self.rows(
            "SELECT grp, age, seen, sum(margin)::bigint, count(*) FILTER (WHERE age = 0) FROM ("
            # In the list of columns: joined to each customer they take half as long again.
            " SELECT {group} AS grp, unnest(ages) AS age, unnest(margins) AS margin,"
            " least((%(as_of)s - first_us) / %(day)s, %(observed)s) AS seen"
            " FROM analytics_customerfact"
            " WHERE tenant_id = %(tenant)s AND reach_us >= %(start)s AND reach_us < %(end)s"
            " AND first_us < %(as_of)s{filter}) part"
            " WHERE age <= seen GROUP BY GROUPING SETS ((grp, age), (grp, seen))"
        ):
            if seen is None:
                self.curve(group).enter(age, margin, customers)
            else:
                self.curve(group).leave(seen, margin, customers)

    def _read_cells(self) -> None:
        """Entering: whole months from their cells, parts of months from their customers."""
        stretches = list(self.question.stretches())
        whole = [month for month, _start, _end in stretches if month is not None]
        if whole:
            self._read_months(whole[0], whole[-1])
        for month, start, end in stretches:
            if month is None:
                self._enter(
                    self.rows(
                        "SELECT grp, age, sum(margin)::bigint, count(*) FILTER (WHERE age = 0)"
                        " FROM (SELECT {group} AS grp, unnest(ages) AS age,"
                        " unnest(margins) AS margin FROM analytics_customerfact"
                        " WHERE tenant_id = %(tenant)s AND reach_us >= %(from)s"
                        " AND reach_us < %(to)s{filter}) part GROUP BY 1, 2",
                        **{"from": start, "to": end},
                    )
                )

    def _read_months(self, first: date, last: date) -> None:
        self._enter(
            self.rows(
                "SELECT {month}, age, sum(margin)::bigint, sum(customers)::bigint"
                " FROM analytics_cohortcell"
                " WHERE tenant_id = %(tenant)s AND month BETWEEN %(first)s AND %(last)s"
                "{filter} GROUP BY 1, 2",
                first=first,
                last=last,
                dates=self.keys,
            )
        )

    def _enter(self, rows: Iterable[Record]) -> None:
        for group, age, margin, customers in rows:
            self.curve(group).enter(age, margin, customers)

    def _read_leaving(self, later: list[int]) -> None:
        for group, seen, margin, customers in self.rows(
            "SELECT {group}, (%(as_of)s - first_us) / %(day)s, sum(margin_365)::bigint, count(*)"
            " FROM analytics_customerfact"
            " WHERE tenant_id = %(tenant)s AND reach_us >= %(start)s AND reach_us < %(end)s"
            " AND first_us > %(as_of)s - %(observed)s * %(day)s AND first_us < %(as_of)s"
            "{filter} AND contact_id <> ALL(%(later)s::bigint[]) GROUP BY 1, 2",
            later=later,
        ):
            self.curve(group).leave(seen, margin, customers)

    def _put_right(self, later: list[int]) -> None:
        """Those with orders at or after as_of entered whole: keep what was seen of them."""
        if not later:
            return
        for group, first, ages, margins in self.rows(
            "SELECT {group}, first_us, ages, margins FROM analytics_customerfact"
            " WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(later)s::bigint[])"
            " AND reach_us >= %(start)s AND reach_us < %(end)s{filter}",
            later=later,
        ):
            curve = self.curve(group)
            orders = list(zip(ages, margins, strict=True))  # type: ignore[call-overload] # arrays
            if first >= self.question.as_of_us:
                curve.customers -= 1
                for age, margin in orders:
                    curve.enter(age, -margin)
                continue
            seen = (self.question.as_of_us - first) // DAY_US
            for age, margin in orders:
                if age > seen:
                    curve.enter(age, -margin)
            curve.leave(seen, sum(margin for age, margin in orders if age <= seen), 1)

    def _read_referrals(self) -> None:
        for group, *values in self.rows(_REFERRALS):
            for d, value in zip(DAYS, values, strict=True):
                self.curve(group).referral[d] += value

    def _take_out_as_of(self) -> None:
        """An order at exactly as_of is "within d days" of a first order d whole days before; it is
        ignored all the same (R1). So is a reward."""
        for group, first, fen in self.rows(_ORDERS_AT_AS_OF):
            d = (self.question.as_of_us - first) // DAY_US
            if d <= OBSERVED_DAYS:
                self.curve(group).at_as_of[d] += fen
        for group, first, fen in self.rows(_REFERRED_AT_AS_OF):
            self._refer(group, first, -fen)
        for group, first, fen in self.rows(_REWARDS_AT_AS_OF):
            self._refer(group, first, fen)

    def _refer(self, group: int, first: int, fen: int) -> None:
        d = (self.question.as_of_us - first) // DAY_US
        if d in DAYS:
            self.curve(group).referral[d] += fen


def curves(question: Question, group: str) -> dict[Key, Curve]:
    """The cohort's curve of every row that has customers."""
    return Curves(question, group).read()
