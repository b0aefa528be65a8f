"""Where did the revenue of reached contacts come from, and why did it change? DOMAIN §6, R26–R28.

revenue = assets × reach × conversion × average order value; each factor is an exact fraction, so
the product is the revenue to the fen. What contacts bought who were not reached, or before they
were, is a line of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Final

from django.db import connection

from analytics import reachable
from analytics.deeds import cells
from analytics.exact import ratio
from analytics.periods import Question, narrowed

FACTORS: Final = ("assets", "reach", "conversion", "aov")

# Of everybody's orders, those that came after the first touch are the reached'.
PARTS = f"""
WITH touched AS MATERIALIZED (
  SELECT e.contact_id, min(e.at) AS at FROM contacts_event e
  WHERE e.tenant_id = %(tenant)s AND e.kind = 'touch.delivered'
    AND e.at >= %(start)s AND e.at < %(until)s {{who e.contact_id}}
  GROUP BY e.contact_id
), reached AS MATERIALIZED (
  SELECT * FROM touched WHERE contact_id IN (
    SELECT s.contact_id FROM contacts_reachspell s
    WHERE {reachable.OPEN} AND s.contact_id = ANY(ARRAY(SELECT contact_id FROM touched)))
), bought AS (
  SELECT o.id, o.amount_fen - o.refund_fen AS fen, o.paid_at >= r.at AS reached
  FROM contacts_order o LEFT JOIN reached r ON r.contact_id = o.contact_id
  WHERE o.tenant_id = %(tenant)s AND o.paid AND o.paid_at >= %(start)s AND o.paid_at < %(until)s
    {{who o.contact_id}}
)
"""  # noqa: S608 - our own names
_FORMULA = f"""{PARTS}
SELECT (SELECT count(*) FROM reached),
  count(*) FILTER (WHERE reached), COALESCE(sum(fen) FILTER (WHERE reached), 0)::bigint,
  COALESCE(sum(fen), 0)::bigint
FROM bought
"""  # noqa: S608 - our own names


@dataclass(frozen=True)
class Formula:
    """Of one period. Money in fen; a factor is None where there is nothing to divide by."""

    assets: int
    reached: int
    orders: int
    revenue: int
    paid_revenue: int

    @property
    def unreached_revenue(self) -> int:
        return self.paid_revenue - self.revenue

    @property
    def reach(self) -> Fraction | None:
        return ratio(self.reached, self.assets)

    @property
    def conversion(self) -> Fraction | None:
        return ratio(self.orders, self.reached)

    @property
    def aov(self) -> Fraction | None:
        return ratio(self.revenue, self.orders)

    @property
    def factors(self) -> dict[str, Fraction | None]:
        return {
            "assets": Fraction(self.assets),
            "reach": self.reach,
            "conversion": self.conversion,
            "aov": self.aov,
        }


@dataclass(frozen=True)
class Change:
    """How many fen of `total` each factor explains; `zero` names the one that was nothing."""

    shares: Mapping[str, int | None]
    total: int
    zero: str | None


def report(question: Question) -> Formula:
    """Inside a scope, with facts up to date."""
    assets = reachable.heads(question)
    if cells.know(question):
        return Formula(assets, *cells.formula(question))
    with connection.cursor() as cursor:
        cursor.execute(narrowed(_FORMULA, question), reachable.given(question))
        return Formula(assets, *cursor.fetchone())


def change(now: Formula, before: Formula) -> Change:
    """From one period to another: log-mean Divisia, unless a factor was zero in either (R28)."""
    total = now.revenue - before.revenue
    ratios: dict[str, Fraction] = {}
    for name in FACTORS:
        one, other = now.factors[name], before.factors[name]
        if not one or not other:
            return Change(_all_by(name, total), total, name)
        ratios[name] = one / other
    exact = _divisia(now.revenue, before.revenue, ratios)
    return Change(_to_the_fen(exact, total), total, None)


def _all_by(zero: str, total: int) -> dict[str, int | None]:
    """The factors before the one that was nothing did nothing; those after it are not known."""
    place = FACTORS.index(zero)
    return {
        name: total if number == place else 0 if number < place else None
        for number, name in enumerate(FACTORS)
    }


def _divisia(now: int, before: int, ratios: Mapping[str, Fraction]) -> dict[str, Decimal]:
    """Each factor's share: L(R1, R0) · ln(x1 ÷ x0), where L is the logarithmic mean."""
    with localcontext(prec=80):
        r1, r0 = Decimal(now), Decimal(before)
        mean = r1 if r1 == r0 else (r1 - r0) / (r1.ln() - r0.ln())
        return {
            name: mean * (Decimal(ratio.numerator) / Decimal(ratio.denominator)).ln()
            for name, ratio in ratios.items()
        }


def _to_the_fen(exact: Mapping[str, Decimal], total: int) -> dict[str, int | None]:
    """What rounding leaves over goes to the share that is the largest in size.

    Thirty places say what is a half: behind them stand only the errors of the logarithms.
    """
    with localcontext(prec=80):
        sure = {name: share.quantize(Decimal("1e-30")) for name, share in exact.items()}
        shares: dict[str, int | None] = {
            name: int(share.to_integral_value(ROUND_HALF_UP)) for name, share in sure.items()
        }
        largest = max(FACTORS, key=lambda name: abs(sure[name]))
    shares[largest] = (shares[largest] or 0) + total - sum(fen or 0 for fen in shares.values())
    return shares
