"""How much of the revenue hangs on how few customers, and on those who come back? FIGURES R30."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from analytics import buying, hindsight
from analytics.exact import ratio
from analytics.periods import Question, among, micros

# Of a thousand customers: the keys of the answer, by how many they are.
TOP: Final[Mapping[str, int]] = {"0.1": 1, "1": 10, "10": 100, "20": 200}
POINTS: Final = 100

# A buyer's first order of all history is the first one in the period, or lies before it.
_FIRST = f"""
SELECT (COALESCE((
  SELECT sum(first_revenue) FROM analytics_daycell
  WHERE tenant_id = %(tenant)s AND channel_id = %(which)s AND day >= %(first_day)s
    AND day < %(whole)s), 0)
  + COALESCE((
  SELECT sum({buying.FIRST_REVENUE.format(c="f", d="f")}) FROM analytics_customerfact f
  WHERE f.tenant_id = %(tenant)s AND f.first_us >= %(rest_us)s AND f.first_us < %(end_us)s{{among}}
  ), 0))::bigint
"""  # noqa: S608 - our own names


@dataclass
class Concentration:
    """Fen, and sums over customers ranked by x, the smallest first (rank 1)."""

    customers: int = 0
    revenue: int = 0
    weighted: int = 0  # Σ i·x_i
    top: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOP, 0))
    first: int = 0  # revenue of buyers' first orders
    points: list[int] = field(default_factory=list)  # revenue of the top 1 %, the next 1 %, …

    def share(self, top: str) -> Fraction | None:
        return self._share(self.top[top])

    @property
    def existing_share(self) -> Fraction | None:
        return self._share(self.revenue - self.first)

    @property
    def gini(self) -> Fraction | None:
        n = self.customers
        return self._share(Fraction(2 * self.weighted - (n + 1) * self.revenue, n or 1))

    def _share(self, part: Fraction | int) -> Fraction | None:
        return ratio(part, self.revenue)

    def curve(self) -> list[Fraction]:
        """The share of revenue of the top 0 %, 1 %, … 100 % of customers; of few, of each more."""
        shares = [Fraction(0)]
        for revenue in self.points:
            shares.append(shares[-1] + Fraction(revenue, self.revenue))
        return shares


def report(question: Question) -> Concentration:
    """Inside a scope, with facts up to date."""
    found = Concentration()
    if question.span.start_us >= question.end_us:
        return found
    from analytics import ranks  # noqa: PLC0415 - NumPy takes a while to load

    (worth,) = ranks.of_buyers(question, "worth")
    ranked = ranks.ascending(worth)
    found.customers = n = len(ranked)
    found.revenue = int(ranked.sum())
    for name, of in TOP.items():
        found.top[name] = int(ranked[-max(1, (n * of + 999) // 1000) :].sum())
    if not found.revenue:
        return found
    number = min(n, POINTS)
    bounds = [n - n * point // number for point in range(number + 1)]
    for above, below in pairwise(bounds):
        revenue = int(ranked[below:above].sum())
        found.points.append(revenue)
        found.weighted += below * revenue + ranks.weighted(ranked[below:above])
    first = _FIRST.format(among=among(question, "f.contact_id"))
    found.first = buying.rows(first, _given(question))[0][0]
    return found


def _given(question: Question) -> dict[str, Any]:
    by_days = hindsight.by_days(question)
    rest: datetime = by_days["rest"]
    return buying.given(question) | by_days | {"from": rest, "rest_us": micros(rest)}


# --- by month ---

# Paid orders of the period: is each its buyer's first one of all history?
RANKED_ORDERS = f"""
WITH bought AS (
  SELECT o.contact_id, o.id, o.paid_at, o.amount_fen - o.refund_fen AS revenue,
    row_number() OVER (PARTITION BY o.contact_id ORDER BY o.paid_at, o.order_id COLLATE "C") = 1
    AND o.paid_at = timestamptz 'epoch' + f.first_us * interval '1 microsecond' AS first
  FROM (SELECT * FROM contacts_order WHERE {buying.PAID}) o
  JOIN analytics_customerfact f ON f.tenant_id = %(tenant)s AND f.contact_id = o.contact_id
)
"""  # noqa: S608 - our own names
_BY_MONTH = (
    RANKED_ORDERS  # noqa: S608 - our own names
    + """
SELECT month, sum(new)::bigint, sum(repeat)::bigint, sum(new_orders)::bigint,
  sum(repeat_orders)::bigint
FROM (
  SELECT date_trunc('month', day)::date AS month, first_revenue AS new,
    revenue - first_revenue AS repeat, customers AS new_orders, orders - customers AS repeat_orders
  FROM analytics_daycell
  WHERE tenant_id = %(tenant)s AND channel_id = %(which)s AND day >= %(first_day)s
    AND day < %(whole)s
  UNION ALL
  SELECT date_trunc('month', paid_at AT TIME ZONE %(zone)s)::date,
    CASE WHEN first THEN revenue ELSE 0 END, CASE WHEN first THEN 0 ELSE revenue END,
    first::int, 1 - first::int
  FROM bought) each
GROUP BY 1
"""
)
# A position without a price of its own counts at the product's.
_UPSELL = (
    RANKED_ORDERS
    + """
SELECT COALESCE(sum(i.quantity * COALESCE(i.price_fen, p.price_fen)), 0)::bigint,
  count(DISTINCT b.contact_id)
FROM bought b JOIN contacts_orderitem i ON i.tenant_id = %(tenant)s AND i.order_id = b.id
JOIN contacts_product p ON p.tenant_id = %(tenant)s AND p.sku = i.sku
WHERE NOT b.first AND p.role IN ('profit', 'extension')
"""
)
_ITEMS = "SELECT EXISTS (SELECT FROM contacts_orderitem WHERE tenant_id = %(tenant)s)"


@dataclass(frozen=True)
class Month:
    """Fen and orders of buyers' first orders, and of all that they bought later."""

    month: date
    new: int = 0
    repeat: int = 0
    new_orders: int = 0
    repeat_orders: int = 0


@dataclass(frozen=True)
class Upsell:
    """What existing customers bought of the products that are there for it: fen, buyers."""

    revenue: int
    customers: int


def by_month(question: Question) -> Sequence[Month]:
    """Every month of the period up to as_of."""
    if question.span.start_us >= question.end_us:
        return []
    sql = _BY_MONTH.format(among=among(question))
    found = {row[0]: Month(*row) for row in buying.rows(sql, _given(question))}
    months = [span.start.replace(day=1) for span in question.span.months()
              if span.start_us < question.as_of_us]  # fmt: skip
    return [found.get(month, Month(month)) for month in months]


def upsell(question: Question) -> Upsell | None:
    """None where orders came without their positions."""
    parameters = buying.given(question)
    if not buying.rows(_ITEMS, parameters)[0][0]:
        return None
    return Upsell(*buying.rows(_UPSELL.format(among=among(question)), parameters)[0])
