"""Does the private domain pay? Channels of the private and the public domain, side by side.

Cost, new contacts and customers, LTV and payback are those of reports/value (FIGURES R18–R24), the
channels of a kind added up before anything is divided. Orders, revenue and the repeat rate (R34)
are those of contacts whose channel is of the kind, so the groups add up to the scorecard's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from analytics import answers, buying, hindsight, value
from analytics.exact import ratio
from analytics.models.facts import EVERY_CHANNEL
from analytics.periods import Question, among, midnight
from contacts.models import Channel

MONTHS: Final = 6
GROUPS: Final[tuple[str | None, ...]] = (Channel.Kind.PUBLIC, Channel.Kind.PRIVATE, None)
# Of whom somebody was a customer before the end; in the period: buyers, orders, revenue.
_BOUGHT = """
WITH customer AS MATERIALIZED (
  SELECT contact_id, count(*) AS ever, count(*) FILTER (WHERE paid_at >= %(from)s) AS orders,
    COALESCE(sum({revenue}) FILTER (WHERE paid_at >= %(from)s), 0) AS revenue
  FROM contacts_order
  WHERE tenant_id = %(tenant)s AND paid AND paid_at < %(until)s{among}
  GROUP BY contact_id
)
SELECT COALESCE(c.channel_id, 0), count(*), count(*) FILTER (WHERE ever >= 2),
  count(*) FILTER (WHERE orders > 0), sum(orders)::bigint, sum(revenue)::bigint
FROM customer JOIN contacts_contact c ON c.tenant_id = %(tenant)s AND c.id = contact_id
GROUP BY 1
"""
# The same, whole days of it from cells; but for buyers, who are no sum of days.
_BOUGHT_BY_DAYS = f"""
WITH late AS (
  SELECT contact_id, count(*) AS ever, count(*) FILTER (WHERE paid_at >= %(from)s) AS orders,
    COALESCE(sum({buying.REVENUE}) FILTER (WHERE paid_at >= %(from)s), 0) AS revenue
  FROM contacts_order
  WHERE tenant_id = %(tenant)s AND paid AND paid_at >= %(rest)s AND paid_at < %(until)s{{among}}
  GROUP BY contact_id
), part AS (
  SELECT channel_id, customers, repeats,
    CASE WHEN day >= %(first_day)s THEN orders ELSE 0 END AS orders,
    CASE WHEN day >= %(first_day)s THEN revenue ELSE 0 END AS revenue
  FROM analytics_daycell
  WHERE tenant_id = %(tenant)s AND channel_id <> %(every)s AND day < %(whole)s{{channel}}
  UNION ALL
  SELECT COALESCE(c.channel_id, 0), (before = 0)::int, (before < 2 AND before + ever >= 2)::int,
    orders, revenue
  FROM (
    SELECT late.*, (
      SELECT count(*) FROM (
        SELECT FROM contacts_order o WHERE o.tenant_id = %(tenant)s
          AND o.contact_id = late.contact_id AND o.paid AND o.paid_at < %(rest)s LIMIT 2) earlier
      ) AS before
    FROM late) l
  JOIN contacts_contact c ON c.tenant_id = %(tenant)s AND c.id = l.contact_id
)
SELECT channel_id, sum(customers)::bigint, sum(repeats)::bigint, sum(orders)::bigint,
  sum(revenue)::bigint
FROM part GROUP BY 1
"""  # noqa: S608 - our own names


@dataclass(frozen=True)
class Bought:
    """`customers` and `repeat` before the period's end; the others in it. Money in fen."""

    customers: int = 0
    repeat: int = 0
    buyers: int = 0
    orders: int = 0
    revenue: int = 0

    def plus(self, other: Bought) -> Bought:
        return Bought(
            self.customers + other.customers,
            self.repeat + other.repeat,
            self.buyers + other.buyers,
            self.orders + other.orders,
            self.revenue + other.revenue,
        )


@dataclass(frozen=True)
class Group:
    """One side; None is nothing to divide by, or not observable yet."""

    kind: str | None
    worth: value.Row
    bought: Bought

    @property
    def conversion(self) -> Fraction | None:
        """Of the contacts acquired in the period: those that ever became customers."""
        return ratio(self.worth.cohort_customers, self.worth.new_contacts)

    @property
    def repeat_rate(self) -> Fraction | None:
        return ratio(self.bought.repeat, self.bought.customers)

    @property
    def aov(self) -> Fraction | None:
        return ratio(self.bought.revenue, self.bought.orders)

    @property
    def revenue_per_customer(self) -> Fraction | None:
        return ratio(self.bought.revenue, self.bought.buyers)


def half_a_year(question: Question) -> Question:
    """The period when none is given: six months up to its end."""
    return replace(question, span=question.span.last(MONTHS))


def report(question: Question) -> list[Group]:
    """Inside a scope: public, private, and contacts without a channel."""
    kinds = dict(Channel.objects.values_list("id", "kind"))
    worth = value.together(question, kinds, GROUPS)
    sums = dict.fromkeys(GROUPS, Bought())
    # What changes a channel's kind is no order: it is looked up anew each time.
    for channel_id, bought in answers.kept("benchmark", question, lambda: _bought(question)):
        kind = kinds.get(channel_id)
        sums[kind] = sums[kind].plus(bought)
    return [Group(kind, worth[kind], sums[kind]) for kind in GROUPS]


def _bought(question: Question) -> list[tuple[int, Bought]]:
    if question.by_person or not hindsight.begun():
        sql = _BOUGHT.format(revenue=buying.REVENUE, among=among(question))
        found = buying.rows(sql, buying.given(question))
        return [(key, Bought(*counts)) for key, *counts in found]
    from analytics import ranks  # noqa: PLC0415 - NumPy takes a while to load

    channel = "" if question.channel_id is None else " AND channel_id = %(channel)s"
    sql = _BOUGHT_BY_DAYS.format(among=among(question), channel=channel)
    buyers = ranks.buyers_by_channel(question)
    return [
        (key, Bought(customers, repeat, buyers.get(key, 0), *sums))
        for key, customers, repeat, *sums in buying.of_many(sql, _given(question))
    ]


def _given(question: Question) -> dict[str, Any]:
    whole = hindsight.whole_until(question)
    return buying.given(question) | {
        "first_day": question.span.start,
        "whole": whole,
        "rest": midnight(whole, question.span.zone),
        "every": EVERY_CHANNEL,
    }
