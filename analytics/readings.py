"""What are the facts of contacts? One reading of the raw rows each, of some contacts or of all.

upkeep.py reads some contacts after a change, whole.py reads all of them: the same words decide.
"""

from __future__ import annotations

from typing import Any

from analytics import models
from analytics.assets import readings as asset_readings
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
    }


# `{these column}` is where a reading is narrowed to the contacts that changed.
CONTACTS = """
SELECT c.id AS contact_id, COALESCE(c.channel_id, 0) AS channel_id, c.acquired_at AS reach_at,
  (c.acquired_at AT TIME ZONE %(zone)s)::date AS reach_day,
  COALESCE(l.to_stage_id, 0) AS stage_id
FROM contacts_contact c LEFT JOIN (
  SELECT DISTINCT ON (m.contact_id) m.contact_id, m.to_stage_id
  FROM journeys_stagemove m JOIN journeys_stage s
    ON s.tenant_id = m.tenant_id AND s.id = m.to_stage_id
  WHERE m.tenant_id = %(tenant)s{these m.contact_id}
  ORDER BY m.contact_id, m.at DESC, m.why = 'person' DESC, s.position DESC, m.id DESC
) l ON l.contact_id = c.id
WHERE c.tenant_id = %(tenant)s{these c.id}
  AND (c.acquired_at IS NOT NULL OR l.to_stage_id IS NOT NULL)
"""

CUSTOMERS = """
SELECT a.contact_id, COALESCE(c.channel_id, 0) AS channel_id,
  (extract(epoch FROM c.acquired_at) * 1000000)::bigint AS reach_us,
  date_trunc('month', c.acquired_at AT TIME ZONE %(zone)s)::date AS reach_month,
  a.first_us, (a.first_at AT TIME ZONE %(zone)s)::date AS first_day,
  a.margin_365, a.ages, a.margins, m.months, m.revenues, m.month_margins
FROM (
  SELECT contact_id, first_us, first_at, sum(margin)::bigint AS margin_365,
    array_agg(age ORDER BY age) AS ages, array_agg(margin ORDER BY age) AS margins
  FROM (
    SELECT contact_id, first_us, first_at, sum(margin)::bigint AS margin,
      ((at - first_us + %(day)s - 1) / %(day)s)::smallint AS age
    FROM (
      SELECT contact_id, at, margin, min(at) OVER w AS first_us, min(paid_at) OVER w AS first_at
      FROM (
        SELECT contact_id, (extract(epoch FROM paid_at) * 1000000)::bigint AS at, paid_at,
          amount_fen - refund_fen - cost_fen AS margin
        FROM contacts_order WHERE tenant_id = %(tenant)s AND paid{these contact_id}
      ) paid WINDOW w AS (PARTITION BY contact_id)
    ) timed WHERE at - first_us <= %(observed)s * %(day)s
    GROUP BY contact_id, first_us, first_at, age
  ) aged GROUP BY contact_id, first_us, first_at
) a JOIN (
  SELECT contact_id, array_agg(month ORDER BY month) AS months,
    array_agg(revenue ORDER BY month) AS revenues, array_agg(margin ORDER BY month) AS month_margins
  FROM (
    SELECT contact_id, date_trunc('month', paid_at AT TIME ZONE %(zone)s)::date AS month,
      sum(amount_fen - refund_fen)::bigint AS revenue,
      sum(amount_fen - refund_fen - cost_fen)::bigint AS margin
    FROM contacts_order WHERE tenant_id = %(tenant)s AND paid{these contact_id} GROUP BY 1, 2
  ) bought GROUP BY contact_id
) m ON m.contact_id = a.contact_id
JOIN contacts_contact c ON c.tenant_id = %(tenant)s AND c.id = a.contact_id{these c.id}
"""

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
