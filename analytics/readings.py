"""What are the facts of contacts? One reading of the raw rows each, of some contacts or of all.

upkeep.py reads some contacts after a change, whole.py reads all of them: the same words decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analytics import buying, models
from analytics.assets import readings as asset_readings
from analytics.credits import readings as credit_readings
from analytics.deeds import readings as deed_readings
from analytics.loss_facts import readings as loss_readings
from contacts.kinds import INBOUND
from contacts.models import ContactSettings

DAY_US = 86_400_000_000
OBSERVED_DAYS = 365  # the longest age that figures ask for


def parameters(tenant_id: int, zone: str) -> dict[str, Any]:
    """Inside a scope: what the readings, and the cells made of them, are asked with."""
    rule = ContactSettings.of_tenant()
    return {
        "tenant": tenant_id,
        "zone": zone,
        "day": DAY_US,
        "observed": OBSERVED_DAYS,
        "every": models.EVERY_CHANNEL,
        "inbound": sorted(INBOUND),
        "active_secs": rule.interacting.total_seconds(),
        "bought_secs": rule.owned.total_seconds(),
        "lines": list(asset_readings.LINES),
        **credit_readings.parameters(),
        **deed_readings.parameters(),
        **loss_readings.parameters(),
    }


# `{these column}` is where a reading is narrowed to the contacts that changed.
CONTACTS = """
SELECT c.id AS contact_id, COALESCE(c.channel_id, 0) AS channel_id, c.acquired_at AS reach_at,
  (c.acquired_at AT TIME ZONE %(zone)s)::date AS reach_day,
  COALESCE(l.to_stage_id, 0) AS stage_id, COALESCE(f.days, '{}') AS follow_days,
  COALESCE(f.turns, '{}') AS follow_turns
FROM contacts_contact c LEFT JOIN (
  SELECT DISTINCT ON (m.contact_id) m.contact_id, m.to_stage_id
  FROM journeys_stagemove m JOIN journeys_stage s
    ON s.tenant_id = m.tenant_id AND s.id = m.to_stage_id
  WHERE m.tenant_id = %(tenant)s{these m.contact_id}
  ORDER BY m.contact_id, m.at DESC, m.why = 'person' DESC, s.position DESC, m.id DESC
) l ON l.contact_id = c.id LEFT JOIN (
  SELECT contact_id, array_agg(day ORDER BY day, turn) AS days,
    array_agg(turn ORDER BY day, turn) AS turns
  FROM (
    SELECT s.contact_id, (t.at AT TIME ZONE %(zone)s)::date AS day, t.turn::smallint AS turn
    FROM contacts_reachspell s CROSS JOIN LATERAL (VALUES (s.opened_at, 1),
      (s.ended_at, CASE WHEN s.ended_by = 'customer' THEN 3 ELSE 2 END)) AS t(at, turn)
    WHERE s.tenant_id = %(tenant)s AND s.staff_id IS NOT NULL AND t.at IS NOT NULL
      {these s.contact_id}
  ) turned GROUP BY contact_id
) f ON f.contact_id = c.id
WHERE c.tenant_id = %(tenant)s{these c.id}
  AND (c.acquired_at IS NOT NULL OR l.to_stage_id IS NOT NULL OR f.contact_id IS NOT NULL)
"""

_CUSTOMERS = """
WITH bought AS MATERIALIZED (
  SELECT contact_id, paid_at, (paid_at AT TIME ZONE %(zone)s)::date AS day,
    (extract(epoch FROM paid_at) * 1000000)::bigint AS at, amount_fen - refund_fen AS revenue,
    amount_fen - refund_fen - cost_fen AS margin
  FROM contacts_order WHERE tenant_id = %(tenant)s AND paid{these contact_id}
), daily AS MATERIALIZED (
  SELECT contact_id, day, count(*)::int AS orders, sum(revenue)::bigint AS revenue,
    sum(margin)::bigint AS margin, max(at) AS last
  FROM bought GROUP BY contact_id, day
)
SELECT a.contact_id, COALESCE(c.channel_id, 0) AS channel_id,
  (extract(epoch FROM c.acquired_at) * 1000000)::bigint AS reach_us,
  date_trunc('month', c.acquired_at AT TIME ZONE %(zone)s)::date AS reach_month,
  a.first_us, d.days[1] AS first_day, a.margin_365, a.ages, a.margins, d.days, d.day_orders,
  d.day_revenues, d.day_margins, d.day_lasts,
  FIRST_REVENUE AS first_revenue, CREDITED
FROM (
  SELECT contact_id, first_us, sum(margin)::bigint AS margin_365,
    array_agg(age ORDER BY age) AS ages, array_agg(margin ORDER BY age) AS margins
  FROM (
    SELECT contact_id, first_us, sum(margin)::bigint AS margin,
      ((at - first_us + %(day)s - 1) / %(day)s)::smallint AS age
    FROM (
      SELECT contact_id, at, margin, min(at) OVER (PARTITION BY contact_id) AS first_us FROM bought
    ) timed WHERE at - first_us <= %(observed)s * %(day)s
    GROUP BY contact_id, first_us, age
  ) aged GROUP BY contact_id, first_us
) a JOIN (
  SELECT contact_id, array_agg(day ORDER BY day) AS days,
    array_agg(orders ORDER BY day) AS day_orders, array_agg(revenue ORDER BY day) AS day_revenues,
    array_agg(margin ORDER BY day) AS day_margins, array_agg(last ORDER BY day) AS day_lasts
  FROM daily GROUP BY contact_id
) d ON d.contact_id = a.contact_id
JOIN contacts_contact c ON c.tenant_id = %(tenant)s AND c.id = a.contact_id{these c.id}
JOINED
"""
CUSTOMERS = (
    _CUSTOMERS.replace("FIRST_REVENUE", buying.FIRST_REVENUE.format(c="a", d="d"))
    .replace("CREDITED", credit_readings.COLUMNS)
    .replace("JOINED", credit_readings.JOINED)
)

# A stage is reached by entering it or one beyond it; it was skipped when one beyond it came first.
# Entering a stage covers those that were jumped over, back to the last one entered (`below`).
STAGES = """
SELECT r.contact_id, s.id AS stage_id, COALESCE(c.channel_id, 0) AS channel_id,
  (extract(epoch FROM r.start_at) * 1000000)::bigint AS start_us,
  (r.start_at AT TIME ZONE %(zone)s)::date AS start_day,
  (extract(epoch FROM r.at) * 1000000)::bigint AS reached_us, g.gap_us,
  floor(8 * ln(1 + g.gap_us / 1000000.0::float8) / ln(2::float8))::smallint AS bucket
FROM (
  SELECT contact_id, position, start_at, at, at = own AND lead(at = own) OVER w AS timed,
    lead(position) OVER w AS below, lead(at) OVER w AS at_below
  FROM (
    SELECT contact_id, position, own, min(own) OVER w AS at,
      min(own) OVER (PARTITION BY contact_id) AS start_at
    FROM (
      SELECT m.contact_id, s.position, min(m.at) AS own
      FROM journeys_stagemove m JOIN journeys_stage s
        ON s.tenant_id = m.tenant_id AND s.id = m.to_stage_id
      WHERE m.tenant_id = %(tenant)s{these m.contact_id} GROUP BY 1, 2
    ) entered WINDOW w AS (PARTITION BY contact_id ORDER BY position DESC)
  ) reached WINDOW w AS (PARTITION BY contact_id ORDER BY position DESC)
) r
JOIN (
  SELECT id, position, lag(position) OVER (ORDER BY position) AS before
  FROM journeys_stage WHERE tenant_id = %(tenant)s
) s ON s.position <= r.position AND (r.below IS NULL OR s.position > r.below)
JOIN contacts_contact c ON c.tenant_id = %(tenant)s AND c.id = r.contact_id{these c.id}
CROSS JOIN LATERAL (
  SELECT CASE WHEN s.position = r.position AND s.before = r.below AND r.timed
    THEN (extract(epoch FROM r.at - r.at_below) * 1000000)::bigint END AS gap_us
) g
"""


def referred(pairs: str, among: str = "") -> str:
    """Of the pairs (id, referrer_id): what each referred customer adds to the referrer's worth.

    `among` narrows a column to the pairs' column named in it.
    """
    return f"""
SELECT j.contact_id, false AS reward, i.contact_id AS customer_id, i.channel_id, i.reach_us,
  greatest(i.first_us, j.first_us) AS observed_us, own.d30, own.d60, own.d90, own.d180,
  j.margin_365 AS d365
FROM {pairs} pair
JOIN analytics_customerfact j ON j.tenant_id = %(tenant)s AND j.contact_id = pair.id
  {among and "AND j.contact_id" + among.format("id")}
JOIN analytics_customerfact i ON i.tenant_id = %(tenant)s AND i.contact_id = pair.referrer_id
  {among and "AND i.contact_id" + among.format("referrer_id")}
CROSS JOIN LATERAL (
  SELECT COALESCE(sum(margin) FILTER (WHERE age <= 30), 0) AS d30,
    COALESCE(sum(margin) FILTER (WHERE age <= 60), 0) AS d60,
    COALESCE(sum(margin) FILTER (WHERE age <= 90), 0) AS d90,
    COALESCE(sum(margin) FILTER (WHERE age <= 180), 0) AS d180
  FROM unnest(j.ages, j.margins) AS u(age, margin)) own
WHERE i.reach_us IS NOT NULL
"""  # noqa: S608 - our own names


REWARD_FEN = r"""
CASE WHEN btrim(e.properties->>'amount') ~ '^\d{1,10}(\.\d{1,2})?$'
THEN (btrim(e.properties->>'amount')::numeric * 100)::bigint ELSE 0 END
"""

REWARDED = """
SELECT i.contact_id, true AS reward, i.contact_id AS customer_id, i.channel_id, i.reach_us,
  i.first_us AS observed_us,
  -COALESCE(sum(fen) FILTER (WHERE at <= i.first_us + 30 * %(day)s), 0) AS d30,
  -COALESCE(sum(fen) FILTER (WHERE at <= i.first_us + 60 * %(day)s), 0) AS d60,
  -COALESCE(sum(fen) FILTER (WHERE at <= i.first_us + 90 * %(day)s), 0) AS d90,
  -COALESCE(sum(fen) FILTER (WHERE at <= i.first_us + 180 * %(day)s), 0) AS d180,
  -COALESCE(sum(fen) FILTER (WHERE at <= i.first_us + 365 * %(day)s), 0) AS d365
FROM (
  SELECT e.contact_id, (extract(epoch FROM e.at) * 1000000)::bigint AS at,
    REWARD_FEN AS fen
  FROM contacts_event e WHERE e.tenant_id = %(tenant)s AND e.kind = 'reward.paid'
    {these e.contact_id}) reward
JOIN analytics_customerfact i ON i.tenant_id = %(tenant)s AND i.contact_id = reward.contact_id
  {these i.contact_id}
WHERE i.reach_us IS NOT NULL
GROUP BY i.contact_id, i.channel_id, i.reach_us, i.first_us
""".replace("REWARD_FEN", REWARD_FEN)


# --- cells of days ---

CONTACT_LINES = ("contacts", "opened", "ended", "deleted")
CUSTOMER_LINES = ("customers", "repeats", "orders", "revenue", "margin", "first_revenue")
DAY_LINES = (*CONTACT_LINES, *CUSTOMER_LINES)
# What a row of facts adds to which day, line by line.
_OF_CONTACT = """
SELECT reach_day, 1, 0, 0, 0
UNION ALL SELECT u.day, 0, (u.turn = 1)::int, (u.turn > 1)::int, (u.turn = 3)::int
FROM unnest(follow_days, follow_turns) AS u(day, turn)"""
_OF_CUSTOMER = """
SELECT first_day, 1, 0, 0, 0, 0, first_revenue
UNION ALL SELECT CASE WHEN day_orders[1] > 1 THEN days[1] ELSE days[2] END, 0, 1, 0, 0, 0, 0
UNION ALL SELECT u.day, 0, 0, u.orders, u.revenue, u.margin, 0
FROM unnest(days, day_orders, day_revenues, day_margins) AS u(day, orders, revenue, margin)"""


def contact_days(facts: str, times: str = "1") -> str:
    """What these ContactFacts add to the cells of days; each counts `times` times."""
    return _days(facts, times, _OF_CONTACT, CONTACT_LINES)


def customer_days(facts: str, times: str = "1") -> str:
    """The same of CustomerFacts."""
    return _days(facts, times, _OF_CUSTOMER, CUSTOMER_LINES)


def _days(facts: str, times: str, of_one: str, lines: Sequence[str]) -> str:
    sums = ", ".join(f"sum({times} * line.{line})::bigint AS {line}" for line in lines)
    return f"""
SELECT line.day, k.channel_id, {sums}
FROM {facts} CROSS JOIN LATERAL ({of_one}) AS line(day, {", ".join(lines)})
CROSS JOIN LATERAL (VALUES (channel_id), (%(every)s)) AS k(channel_id)
WHERE line.day IS NOT NULL GROUP BY line.day, k.channel_id"""  # noqa: S608 - our own names


def cohort_months(facts: str, times: str = "1") -> str:
    """What these CustomerFacts add to the cells of cohorts by months."""
    return f"""
SELECT date_trunc('month', first_day)::date AS cohort, channel_id,
  date_trunc('month', u.day)::date AS month,
  sum({times}) FILTER (WHERE u.n = 1 OR date_trunc('month', days[u.n - 1])
    <> date_trunc('month', u.day))::bigint AS customers,
  sum({times} * u.revenue)::bigint AS revenue, sum({times} * u.margin)::bigint AS margin
FROM {facts} CROSS JOIN LATERAL
  unnest(days, day_revenues, day_margins) WITH ORDINALITY AS u(day, revenue, margin, n)
GROUP BY 1, 2, 3"""  # noqa: S608 - our own names


def all_days(of_contacts: str, of_customers: str) -> str:
    """Whole cells, by both."""
    lines = ", ".join(f"COALESCE({line}, 0) AS {line}" for line in DAY_LINES)
    return f"""
SELECT day, channel_id, {lines} FROM ({of_contacts}) came
FULL JOIN ({of_customers}) bought USING (day, channel_id)"""  # noqa: S608 - our own names


def add_days(days: str, lines: Sequence[str]) -> str:
    """An upsert that adds these lines to the cells of days."""
    columns = ", ".join(lines)
    added = ", ".join(f"{line} = d.{line} + EXCLUDED.{line}" for line in lines)
    return f"""
INSERT INTO analytics_daycell AS d (tenant_id, day, channel_id, {columns})
SELECT %(tenant)s, day, channel_id, {columns} FROM ({days}) moved
WHERE ({columns}) <> ({", ".join("0" * len(lines))})
ON CONFLICT (tenant_id, day, channel_id) DO UPDATE SET {added}"""  # noqa: S608 - our own names
