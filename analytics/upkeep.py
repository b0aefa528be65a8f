"""What do these contacts add to the cells? One fixed number of statements for any number of them.

Each statement reads what the contacts' facts were and what they are now, stores the new ones, and
moves the difference into the cells. The old share is exactly what was added for it once, because
facts and cells change together: repeating a refresh changes nothing, and nothing can drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from analytics.models import EVERY_CHANNEL

DAY_US = 86_400_000_000
OBSERVED_DAYS = 365  # the longest age that figures ask for

_CONTACTS = """
WITH old AS (
  SELECT contact_id, channel_id, reach_day, stage_id FROM analytics_contactfact
  WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(contacts)s::bigint[])
), latest AS (
  SELECT DISTINCT ON (m.contact_id) m.contact_id, m.to_stage_id
  FROM journeys_stagemove m JOIN journeys_stage s
    ON s.tenant_id = m.tenant_id AND s.id = m.to_stage_id
  WHERE m.tenant_id = %(tenant)s AND m.contact_id = ANY(%(contacts)s::bigint[])
  ORDER BY m.contact_id, m.at DESC, m.why = 'person' DESC, s.position DESC, m.id DESC
), new AS (
  SELECT c.id AS contact_id, COALESCE(c.channel_id, 0) AS channel_id, c.acquired_at AS reach_at,
    (c.acquired_at AT TIME ZONE %(zone)s)::date AS reach_day,
    COALESCE(l.to_stage_id, 0) AS stage_id
  FROM contacts_contact c LEFT JOIN latest l ON l.contact_id = c.id
  WHERE c.tenant_id = %(tenant)s AND c.id = ANY(%(contacts)s::bigint[])
    AND (c.acquired_at IS NOT NULL OR l.to_stage_id IS NOT NULL)
), kept AS (
  INSERT INTO analytics_contactfact AS f
    (tenant_id, contact_id, channel_id, reach_at, reach_day, stage_id)
  SELECT %(tenant)s, contact_id, channel_id, reach_at, reach_day, stage_id FROM new
  ON CONFLICT (tenant_id, contact_id) DO UPDATE SET channel_id = EXCLUDED.channel_id,
    reach_at = EXCLUDED.reach_at, reach_day = EXCLUDED.reach_day, stage_id = EXCLUDED.stage_id
  WHERE (f.channel_id, f.reach_at, f.stage_id)
    IS DISTINCT FROM (EXCLUDED.channel_id, EXCLUDED.reach_at, EXCLUDED.stage_id)
), gone AS (
  DELETE FROM analytics_contactfact f USING old
  WHERE f.tenant_id = %(tenant)s AND f.contact_id = ANY(%(contacts)s::bigint[])
    AND f.contact_id = old.contact_id
    AND NOT EXISTS (SELECT 1 FROM new WHERE new.contact_id = old.contact_id)
), days AS (
  INSERT INTO analytics_daycell AS d (tenant_id, day, channel_id, contacts, customers)
  SELECT %(tenant)s, reach_day, channel_id, sum(n), 0 FROM (
    SELECT reach_day, channel_id, 1 AS n FROM new WHERE reach_day IS NOT NULL
    UNION ALL SELECT reach_day, channel_id, -1 FROM old WHERE reach_day IS NOT NULL) change
  GROUP BY reach_day, channel_id HAVING sum(n) <> 0
  ON CONFLICT (tenant_id, day, channel_id) DO UPDATE SET contacts = d.contacts + EXCLUDED.contacts
)
INSERT INTO analytics_stagecount AS s (tenant_id, channel_id, stage_id, contacts)
SELECT %(tenant)s, channel_id, stage_id, sum(n) FROM (
  SELECT channel_id, stage_id, 1 AS n FROM new WHERE stage_id <> 0
  UNION ALL SELECT channel_id, stage_id, -1 FROM old WHERE stage_id <> 0) change
GROUP BY channel_id, stage_id HAVING sum(n) <> 0
ON CONFLICT (tenant_id, channel_id, stage_id) DO UPDATE
SET contacts = s.contacts + EXCLUDED.contacts
"""

_CUSTOMERS = """
WITH old AS (
  SELECT contact_id, channel_id, reach_month, first_day, ages, margins FROM analytics_customerfact
  WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(contacts)s::bigint[])
), paid AS (
  SELECT contact_id, (extract(epoch FROM paid_at) * 1000000)::bigint AS at, paid_at,
    amount_fen - refund_fen - cost_fen AS margin
  FROM contacts_order
  WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(contacts)s::bigint[]) AND paid
), first AS (
  SELECT contact_id, min(at) AS first_us, min(paid_at) AS first_at FROM paid GROUP BY contact_id
), aged AS (
  SELECT p.contact_id, f.first_us, f.first_at, (p.at - f.first_us + %(day)s - 1) / %(day)s AS age,
    sum(p.margin) AS margin
  FROM paid p JOIN first f ON f.contact_id = p.contact_id
  WHERE p.at - f.first_us <= %(observed)s * %(day)s
  GROUP BY 1, 2, 3, 4
), new AS (
  SELECT a.contact_id, COALESCE(c.channel_id, 0) AS channel_id,
    (extract(epoch FROM c.acquired_at) * 1000000)::bigint AS reach_us,
    date_trunc('month', c.acquired_at AT TIME ZONE %(zone)s)::date AS reach_month,
    a.first_us, (a.first_at AT TIME ZONE %(zone)s)::date AS first_day,
    sum(a.margin)::bigint AS margin_365,
    array_agg(a.age::smallint ORDER BY a.age) AS ages,
    array_agg(a.margin::bigint ORDER BY a.age) AS margins
  FROM aged a JOIN contacts_contact c ON c.tenant_id = %(tenant)s AND c.id = a.contact_id
    AND c.id = ANY(%(contacts)s::bigint[])
  GROUP BY a.contact_id, c.channel_id, c.acquired_at, a.first_us, a.first_at
), kept AS (
  INSERT INTO analytics_customerfact AS f (tenant_id, contact_id, channel_id, reach_us, reach_month,
    first_us, first_day, margin_365, ages, margins)
  SELECT %(tenant)s, contact_id, channel_id, reach_us, reach_month, first_us, first_day, margin_365,
    ages, margins FROM new
  ON CONFLICT (tenant_id, contact_id) DO UPDATE SET channel_id = EXCLUDED.channel_id,
    reach_us = EXCLUDED.reach_us, reach_month = EXCLUDED.reach_month, first_us = EXCLUDED.first_us,
    first_day = EXCLUDED.first_day, margin_365 = EXCLUDED.margin_365, ages = EXCLUDED.ages,
    margins = EXCLUDED.margins
  WHERE (f.channel_id, f.reach_us, f.first_us, f.ages, f.margins) IS DISTINCT FROM
    (EXCLUDED.channel_id, EXCLUDED.reach_us, EXCLUDED.first_us, EXCLUDED.ages, EXCLUDED.margins)
), gone AS (
  DELETE FROM analytics_customerfact f USING old
  WHERE f.tenant_id = %(tenant)s AND f.contact_id = ANY(%(contacts)s::bigint[])
    AND f.contact_id = old.contact_id
    AND NOT EXISTS (SELECT 1 FROM new WHERE new.contact_id = old.contact_id)
), days AS (
  INSERT INTO analytics_daycell AS d (tenant_id, day, channel_id, contacts, customers)
  SELECT %(tenant)s, first_day, channel_id, 0, sum(n) FROM (
    SELECT first_day, channel_id, 1 AS n FROM new
    UNION ALL SELECT first_day, channel_id, -1 FROM old) change
  GROUP BY first_day, channel_id HAVING sum(n) <> 0
  ON CONFLICT (tenant_id, day, channel_id) DO UPDATE
  SET customers = d.customers + EXCLUDED.customers
)
INSERT INTO analytics_cohortcell AS c (tenant_id, month, channel_id, age, margin, customers)
SELECT %(tenant)s, reach_month, channel_id, age, sum(margin), sum(n) FROM (
  SELECT reach_month, channel_id, u.age, u.margin, (u.age = 0)::int AS n
  FROM new, unnest(ages, margins) AS u(age, margin) WHERE reach_month IS NOT NULL
  UNION ALL
  SELECT reach_month, channel_id, u.age, -u.margin, -(u.age = 0)::int
  FROM old, unnest(ages, margins) AS u(age, margin) WHERE reach_month IS NOT NULL) change
GROUP BY reach_month, channel_id, age HAVING sum(margin) <> 0 OR sum(n) <> 0
ON CONFLICT (tenant_id, month, channel_id, age) DO UPDATE
SET margin = c.margin + EXCLUDED.margin, customers = c.customers + EXCLUDED.customers
"""

# A stage is reached by entering it or one beyond it; it was skipped when one beyond it came first.
_STAGES = """
WITH old AS (
  SELECT contact_id, stage_id, channel_id, start_day, bucket FROM analytics_stagereach
  WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(contacts)s::bigint[])
), entered AS (
  SELECT m.contact_id, s.position, min(m.at) AS at
  FROM journeys_stagemove m JOIN journeys_stage s
    ON s.tenant_id = m.tenant_id AND s.id = m.to_stage_id
  WHERE m.tenant_id = %(tenant)s AND m.contact_id = ANY(%(contacts)s::bigint[])
  GROUP BY 1, 2
), reached AS (
  SELECT e.contact_id, s.id AS stage_id, s.position, min(e.at) AS at,
    min(e.at) FILTER (WHERE e.position = s.position) AS own
  FROM entered e JOIN journeys_stage s ON s.tenant_id = %(tenant)s AND s.position <= e.position
  GROUP BY 1, 2, 3
), timed AS (
  SELECT contact_id, stage_id, at, min(at) OVER w AS start_at,
    CASE WHEN own = at AND lag(own) OVER p = lag(at) OVER p
      THEN (extract(epoch FROM at - lag(at) OVER p) * 1000000)::bigint END AS gap_us
  FROM reached
  WINDOW w AS (PARTITION BY contact_id), p AS (PARTITION BY contact_id ORDER BY position)
), new AS (
  SELECT t.contact_id, t.stage_id, COALESCE(c.channel_id, 0) AS channel_id,
    (extract(epoch FROM t.start_at) * 1000000)::bigint AS start_us,
    (t.start_at AT TIME ZONE %(zone)s)::date AS start_day,
    (extract(epoch FROM t.at) * 1000000)::bigint AS reached_us, t.gap_us,
    floor(8 * ln(1 + t.gap_us / 1000000.0::float8) / ln(2::float8))::smallint AS bucket
  FROM timed t JOIN contacts_contact c ON c.tenant_id = %(tenant)s AND c.id = t.contact_id
    AND c.id = ANY(%(contacts)s::bigint[])
), kept AS (
  INSERT INTO analytics_stagereach AS r (tenant_id, contact_id, stage_id, channel_id, start_us,
    start_day, reached_us, gap_us, bucket)
  SELECT %(tenant)s, contact_id, stage_id, channel_id, start_us, start_day, reached_us, gap_us,
    bucket FROM new
  ON CONFLICT (tenant_id, contact_id, stage_id) DO UPDATE SET channel_id = EXCLUDED.channel_id,
    start_us = EXCLUDED.start_us, start_day = EXCLUDED.start_day,
    reached_us = EXCLUDED.reached_us, gap_us = EXCLUDED.gap_us, bucket = EXCLUDED.bucket
  WHERE (r.channel_id, r.start_us, r.reached_us, r.gap_us) IS DISTINCT FROM
    (EXCLUDED.channel_id, EXCLUDED.start_us, EXCLUDED.reached_us, EXCLUDED.gap_us)
), gone AS (
  DELETE FROM analytics_stagereach r USING old
  WHERE r.tenant_id = %(tenant)s AND r.contact_id = ANY(%(contacts)s::bigint[])
    AND r.contact_id = old.contact_id AND r.stage_id = old.stage_id
    AND NOT EXISTS (SELECT 1 FROM new
                    WHERE new.contact_id = old.contact_id AND new.stage_id = old.stage_id)
), change AS (
  SELECT start_day, channel_id, stage_id, bucket, 1 AS n FROM new
  UNION ALL SELECT start_day, channel_id, stage_id, bucket, -1 FROM old
), days AS (
  INSERT INTO analytics_funnelcell AS f (tenant_id, day, channel_id, stage_id, contacts)
  SELECT %(tenant)s, start_day, channel_id, stage_id, sum(n) FROM change
  GROUP BY start_day, channel_id, stage_id HAVING sum(n) <> 0
  ON CONFLICT (tenant_id, day, channel_id, stage_id) DO UPDATE
  SET contacts = f.contacts + EXCLUDED.contacts
)
INSERT INTO analytics_gapcell AS g (tenant_id, channel_id, month, stage_id, bucket, contacts)
SELECT %(tenant)s, k.channel_id, date_trunc('month', start_day)::date, stage_id, bucket, sum(n)
FROM change, LATERAL (VALUES (change.channel_id), (%(every)s)) AS k(channel_id)
WHERE bucket IS NOT NULL
GROUP BY 2, 3, 4, 5 HAVING sum(n) <> 0
ON CONFLICT (tenant_id, channel_id, month, stage_id, bucket) DO UPDATE
SET contacts = g.contacts + EXCLUDED.contacts
"""

_FORGET_REFERRALS = """
DELETE FROM analytics_referralpart
WHERE tenant_id = %(tenant)s AND (contact_id = ANY(%(contacts)s::bigint[])
  OR customer_id = ANY(%(contacts)s::bigint[]))
"""

# Both a referred customer and the referrer may be what changed.
_REFERRED = """
WITH pair AS (
  SELECT id, referrer_id FROM contacts_contact WHERE tenant_id = %(tenant)s
    AND referrer_id IS NOT NULL AND id = ANY(%(contacts)s::bigint[])
  UNION SELECT id, referrer_id FROM contacts_contact WHERE tenant_id = %(tenant)s
    AND referrer_id = ANY(%(contacts)s::bigint[])
)
INSERT INTO analytics_referralpart (tenant_id, contact_id, reward, customer_id, channel_id,
  reach_us, observed_us, d30, d60, d90, d180, d365)
SELECT %(tenant)s, j.contact_id, false, i.contact_id, i.channel_id, i.reach_us,
  greatest(i.first_us, j.first_us), own.d30, own.d60, own.d90, own.d180, j.margin_365
FROM pair
JOIN analytics_customerfact j ON j.tenant_id = %(tenant)s AND j.contact_id = pair.id
  AND j.contact_id = ANY(ARRAY(SELECT id FROM pair))
JOIN analytics_customerfact i ON i.tenant_id = %(tenant)s AND i.contact_id = pair.referrer_id
  AND i.contact_id = ANY(ARRAY(SELECT referrer_id FROM pair))
CROSS JOIN LATERAL (
  SELECT COALESCE(sum(margin) FILTER (WHERE age <= 30), 0) AS d30,
    COALESCE(sum(margin) FILTER (WHERE age <= 60), 0) AS d60,
    COALESCE(sum(margin) FILTER (WHERE age <= 90), 0) AS d90,
    COALESCE(sum(margin) FILTER (WHERE age <= 180), 0) AS d180
  FROM unnest(j.ages, j.margins) AS u(age, margin)) own
WHERE i.reach_us IS NOT NULL
"""

REWARD_FEN = r"""
CASE WHEN btrim(e.properties->>'amount') ~ '^\d{1,10}(\.\d{1,2})?$'
THEN (btrim(e.properties->>'amount')::numeric * 100)::bigint ELSE 0 END
"""

_REWARDED = """
INSERT INTO analytics_referralpart (tenant_id, contact_id, reward, customer_id, channel_id,
  reach_us, observed_us, d30, d60, d90, d180, d365)
SELECT %(tenant)s, i.contact_id, true, i.contact_id, i.channel_id, i.reach_us, i.first_us,
  -COALESCE(sum(fen) FILTER (WHERE at <= i.first_us + 30 * %(day)s), 0),
  -COALESCE(sum(fen) FILTER (WHERE at <= i.first_us + 60 * %(day)s), 0),
  -COALESCE(sum(fen) FILTER (WHERE at <= i.first_us + 90 * %(day)s), 0),
  -COALESCE(sum(fen) FILTER (WHERE at <= i.first_us + 180 * %(day)s), 0),
  -COALESCE(sum(fen) FILTER (WHERE at <= i.first_us + 365 * %(day)s), 0)
FROM (
  SELECT e.contact_id, (extract(epoch FROM e.at) * 1000000)::bigint AS at,
    REWARD_FEN AS fen
  FROM contacts_event e WHERE e.tenant_id = %(tenant)s AND e.kind = 'reward.paid'
    AND e.contact_id = ANY(%(contacts)s::bigint[])) reward
JOIN analytics_customerfact i ON i.tenant_id = %(tenant)s AND i.contact_id = reward.contact_id
  AND i.contact_id = ANY(%(contacts)s::bigint[])
WHERE i.reach_us IS NOT NULL
GROUP BY i.contact_id, i.channel_id, i.reach_us, i.first_us
""".replace("REWARD_FEN", REWARD_FEN)

# The planner takes intermediate results for a few rows; of thousands, loops over them are slow.
_BY_HASH, _AS_USUAL = "SET LOCAL enable_nestloop = off", "SET LOCAL enable_nestloop = on"
_STATEMENTS = (
    _BY_HASH, _CONTACTS, _CUSTOMERS, _STAGES, _FORGET_REFERRALS, _REFERRED, _REWARDED, _AS_USUAL,
)  # fmt: skip


def refresh(tenant_id: int, zone: str, contact_ids: Sequence[int]) -> None:
    """Inside a scope, alone for the tenant: make facts and cells agree with these contacts."""
    parameters: dict[str, Any] = {
        "tenant": tenant_id,
        "zone": zone,
        "contacts": sorted(set(contact_ids)),
        "day": DAY_US,
        "observed": OBSERVED_DAYS,
        "every": EVERY_CHANNEL,
    }
    with connection.cursor() as cursor:
        for statement in _STATEMENTS:
            cursor.execute(statement, parameters)
