"""What do these contacts add to the cells? One fixed number of statements for any number of them.

Each statement reads what the contacts' facts were and what they are now, stores the new ones, and
moves the difference into the cells. The old share is exactly what was added for it once, because
facts and cells change together: repeating a refresh changes nothing, and nothing can drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

from analytics import order_days, readings
from analytics.assets import balances
from analytics.assets import readings as asset_readings
from analytics.credits import upkeep as credits
from analytics.loss_facts import upkeep as losses
from analytics.narrowing import AS_USUAL, BY_HASH, of_these
from contacts import arrays

# What they are now counts once, what they were is taken back.
_CHANGE = "(SELECT {0}, 1 AS sign FROM new UNION ALL SELECT {0}, -1 FROM old) change"
_CONTACT_DAYS = readings.add_days(
    readings.contact_days(
        _CHANGE.format("channel_id, reach_day, follow_days, follow_turns"), "sign"
    ),
    readings.CONTACT_LINES,
)
_CHANGED_CUSTOMERS = _CHANGE.format(
    "channel_id, first_day, days, day_orders, day_revenues, day_margins, first_revenue"
)
_CUSTOMER_DAYS = readings.add_days(
    readings.customer_days(_CHANGED_CUSTOMERS, "sign"), readings.CUSTOMER_LINES
)
_CONTACTS = """
, old AS (
  SELECT contact_id, channel_id, reach_at, reach_day, stage_id, follow_days, follow_turns
  FROM analytics_contactfact WHERE tenant_id = %(tenant)s{these contact_id}
), new AS ({new}), changed AS (
  SELECT new.* FROM new LEFT JOIN old ON old.contact_id = new.contact_id
  WHERE old.contact_id IS NULL
    OR (new.channel_id, new.reach_at, new.stage_id, new.follow_days, new.follow_turns)
    IS DISTINCT FROM
    (old.channel_id, old.reach_at, old.stage_id, old.follow_days, old.follow_turns)
), kept AS (
  INSERT INTO analytics_contactfact AS f (tenant_id, contact_id, channel_id, reach_at, reach_day,
    stage_id, follow_days, follow_turns)
  SELECT %(tenant)s, contact_id, channel_id, reach_at, reach_day, stage_id, follow_days,
    follow_turns FROM changed
  ON CONFLICT (tenant_id, contact_id) DO UPDATE SET channel_id = EXCLUDED.channel_id,
    reach_at = EXCLUDED.reach_at, reach_day = EXCLUDED.reach_day, stage_id = EXCLUDED.stage_id,
    follow_days = EXCLUDED.follow_days, follow_turns = EXCLUDED.follow_turns
), gone AS (
  DELETE FROM analytics_contactfact WHERE tenant_id = %(tenant)s AND contact_id = ANY(ARRAY(
    SELECT contact_id FROM old EXCEPT SELECT contact_id FROM new))
), days AS ({days}
)
INSERT INTO analytics_stagecount AS s (tenant_id, channel_id, stage_id, contacts)
SELECT %(tenant)s, channel_id, stage_id, sum(n) FROM (
  SELECT channel_id, stage_id, 1 AS n FROM new WHERE stage_id <> 0
  UNION ALL SELECT channel_id, stage_id, -1 FROM old WHERE stage_id <> 0) change
GROUP BY channel_id, stage_id HAVING sum(n) <> 0
ON CONFLICT (tenant_id, channel_id, stage_id) DO UPDATE
SET contacts = s.contacts + EXCLUDED.contacts
"""

# Answers the customers whose worth by age is not what it was, and whether they are new ones.
_CUSTOMERS = """
, old AS (
  SELECT contact_id, channel_id, reach_us, reach_month, first_us, first_day, ages, margins, days,
    day_orders, day_revenues, day_margins, day_lasts, first_revenue, {credited}
  FROM analytics_customerfact WHERE tenant_id = %(tenant)s{these contact_id}
), new AS ({new}), changed AS (
  SELECT new.*, old.contact_id IS NULL AS fresh,
    (new.channel_id, new.reach_us, new.first_us, new.ages, new.margins) IS DISTINCT FROM
    (old.channel_id, old.reach_us, old.first_us, old.ages, old.margins) AS aged
  FROM new LEFT JOIN old ON old.contact_id = new.contact_id
  WHERE old.contact_id IS NULL
    OR (new.channel_id, new.reach_us, new.first_us, new.ages, new.margins, new.days, new.day_orders,
      new.day_revenues, new.day_margins, new.day_lasts, new.first_revenue, {credited new})
    IS DISTINCT FROM (old.channel_id, old.reach_us, old.first_us, old.ages, old.margins, old.days,
      old.day_orders, old.day_revenues, old.day_margins, old.day_lasts, old.first_revenue,
      {credited old})
), kept AS (
  INSERT INTO analytics_customerfact AS f (tenant_id, contact_id, channel_id, reach_us, reach_month,
    first_us, first_day, margin_365, ages, margins, days, day_orders, day_revenues, day_margins,
    day_lasts, first_revenue, {credited})
  SELECT %(tenant)s, contact_id, channel_id, reach_us, reach_month, first_us, first_day, margin_365,
    ages, margins, days, day_orders, day_revenues, day_margins, day_lasts, first_revenue, {credited}
  FROM changed
  ON CONFLICT (tenant_id, contact_id) DO UPDATE SET channel_id = EXCLUDED.channel_id,
    reach_us = EXCLUDED.reach_us, reach_month = EXCLUDED.reach_month, first_us = EXCLUDED.first_us,
    first_day = EXCLUDED.first_day, margin_365 = EXCLUDED.margin_365, ages = EXCLUDED.ages,
    margins = EXCLUDED.margins, days = EXCLUDED.days, day_orders = EXCLUDED.day_orders,
    day_revenues = EXCLUDED.day_revenues, day_margins = EXCLUDED.day_margins,
    day_lasts = EXCLUDED.day_lasts, first_revenue = EXCLUDED.first_revenue,
    {credited kept}
), gone AS (
  DELETE FROM analytics_customerfact WHERE tenant_id = %(tenant)s AND contact_id = ANY(ARRAY(
    SELECT contact_id FROM old EXCEPT SELECT contact_id FROM new))
  RETURNING contact_id
), emptied AS ({emptied}
), days AS ({days}
), {credits}, cells AS (
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
), months AS (
  INSERT INTO analytics_cohortmonth AS c
    (tenant_id, cohort, channel_id, month, customers, revenue, margin)
  SELECT %(tenant)s, cohort, channel_id, month, customers, revenue, margin
  FROM ({months}) moved
  WHERE customers <> 0 OR revenue <> 0 OR margin <> 0
  ON CONFLICT (tenant_id, cohort, channel_id, month) DO UPDATE
  SET customers = c.customers + EXCLUDED.customers, revenue = c.revenue + EXCLUDED.revenue,
    margin = c.margin + EXCLUDED.margin
)
SELECT contact_id, fresh FROM changed WHERE fresh OR aged
UNION ALL SELECT contact_id, false FROM gone
"""

_STAGES = """
, old AS (
  SELECT contact_id, stage_id, channel_id, start_us, start_day, reached_us, gap_us, bucket
  FROM analytics_stagereach WHERE tenant_id = %(tenant)s{these contact_id}
), new AS ({new}), changed AS (
  SELECT new.* FROM new
  LEFT JOIN old ON old.contact_id = new.contact_id AND old.stage_id = new.stage_id
  WHERE old.contact_id IS NULL OR (new.channel_id, new.start_us, new.reached_us, new.gap_us)
    IS DISTINCT FROM (old.channel_id, old.start_us, old.reached_us, old.gap_us)
), kept AS (
  INSERT INTO analytics_stagereach AS r (tenant_id, contact_id, stage_id, channel_id, start_us,
    start_day, reached_us, gap_us, bucket)
  SELECT %(tenant)s, contact_id, stage_id, channel_id, start_us, start_day, reached_us, gap_us,
    bucket FROM changed
  ON CONFLICT (tenant_id, contact_id, stage_id) DO UPDATE SET channel_id = EXCLUDED.channel_id,
    start_us = EXCLUDED.start_us, start_day = EXCLUDED.start_day,
    reached_us = EXCLUDED.reached_us, gap_us = EXCLUDED.gap_us, bucket = EXCLUDED.bucket
), lost AS (
  SELECT contact_id, stage_id FROM old EXCEPT SELECT contact_id, stage_id FROM new
), gone AS (
  DELETE FROM analytics_stagereach r USING lost
  WHERE r.tenant_id = %(tenant)s AND r.contact_id = ANY(ARRAY(SELECT contact_id FROM lost))
    AND r.contact_id = lost.contact_id AND r.stage_id = lost.stage_id
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


def _added(lines: Sequence[str]) -> str:
    return ", ".join(f"{line} = c.{line} + EXCLUDED.{line}" for line in lines)


# Of two pieces one as it was and one as it is never stood side by side; two that stay count before
# and after.
_OF_PAIR = "least(1, greatest(-1, i.sign + j.sign))"
_ASSETS = (
    """
, mine AS MATERIALIZED (
  SELECT COLUMNS, ctid AS place FROM analytics_assetpiece
  WHERE tenant_id = %(tenant)s{these contact_id} {among}
), old AS (SELECT COLUMNS FROM mine {since}), new AS ({new}), fresh AS MATERIALIZED (
  SELECT COLUMNS FROM new EXCEPT SELECT COLUMNS FROM old
), stale AS MATERIALIZED (
  SELECT COLUMNS FROM old EXCEPT SELECT COLUMNS FROM new
), kept AS (
  INSERT INTO analytics_assetpiece AS p (tenant_id, COLUMNS)
  SELECT %(tenant)s, COLUMNS FROM fresh
  ON CONFLICT (tenant_id, contact_id, staff_id, since, level) DO UPDATE SET
    channel_id = EXCLUDED.channel_id, until = EXCLUDED.until, began = EXCLUDED.began,
    came = EXCLUDED.came, went = EXCLUDED.went, since_day = EXCLUDED.since_day,
    until_day = EXCLUDED.until_day
), lost AS (
  SELECT contact_id, staff_id, since, level FROM stale
  EXCEPT SELECT contact_id, staff_id, since, level FROM fresh
), gone AS (
  DELETE FROM analytics_assetpiece WHERE tenant_id = %(tenant)s AND ctid = ANY(ARRAY(
    SELECT place FROM mine JOIN lost USING (contact_id, staff_id, since, level)))
), change AS (
  SELECT COLUMNS, 1 AS sign FROM fresh UNION ALL SELECT COLUMNS, -1 FROM stale
), standing AS MATERIALIZED (
  SELECT contact_id, staff_id, channel_id, sum(sign)::bigint AS n FROM change
  WHERE until IS NULL GROUP BY contact_id, staff_id, channel_id HAVING sum(sign) <> 0
), balanced AS (BALANCES), active AS MATERIALIZED (
  SELECT COLUMNS, sign FROM change WHERE level >= 2
), book AS MATERIALIZED (
  SELECT *, 0 AS sign FROM (
    SELECT COLUMNS FROM mine
    WHERE level >= 2 AND contact_id IN (SELECT contact_id FROM active)
    EXCEPT SELECT COLUMNS FROM stale) same
  UNION ALL TABLE active
), changed AS (
  INSERT INTO analytics_assetchange AS c (tenant_id, since_day, until_day, CHANGES)
  SELECT %(tenant)s, moved.* FROM (CHANGED) moved WHERE (CHANGES) <> (0, 0, 0, 0)
  ON CONFLICT (tenant_id, since_day, until_day) DO UPDATE SET PLUS_CHANGED
)
INSERT INTO analytics_assetcell AS c (tenant_id, staff_id, level, channel_id, day, LINES)
SELECT %(tenant)s, moved.* FROM (CELLS) moved WHERE (LINES) <> (0, 0, 0, 0, 0, 0)
ON CONFLICT (tenant_id, staff_id, level, channel_id, day) DO UPDATE SET ADDED
""".replace("COLUMNS", asset_readings.COLUMNS)
    .replace("BALANCES", balances.ADDED)
    .replace("LINES", ", ".join(asset_readings.LINES))
    .replace("CELLS", asset_readings.cells("change", "sign"))
    .replace("PLUS_CHANGED", _added(asset_readings.CHANGES))
    .replace("CHANGED", asset_readings.changes("book", _OF_PAIR, "p.sign"))
    .replace("CHANGES", ", ".join(asset_readings.CHANGES))
    .replace("ADDED", _added(asset_readings.LINES))
)

_FORGET_REFERRALS = (
    """
DELETE FROM analytics_referralpart WHERE tenant_id = %(tenant)s{these contact_id}
RETURNING CASE WHEN reward THEN contact_id END""",
    """
DELETE FROM analytics_referralpart WHERE tenant_id = %(tenant)s{these customer_id}""",
)
_REFERRED = """
, pair AS MATERIALIZED (
  SELECT id, referrer_id FROM contacts_contact
  WHERE tenant_id = %(tenant)s AND referrer_id IS NOT NULL{these id}
  UNION SELECT id, referrer_id FROM contacts_contact
  WHERE tenant_id = %(tenant)s{these referrer_id}
)
INSERT INTO analytics_referralpart (tenant_id, contact_id, reward, customer_id, channel_id,
  reach_us, observed_us, d30, d60, d90, d180, d365)
SELECT %(tenant)s, part.* FROM ({new}) part
"""
_REWARDED = """
INSERT INTO analytics_referralpart (tenant_id, contact_id, reward, customer_id, channel_id,
  reach_us, observed_us, d30, d60, d90, d180, d365)
SELECT %(tenant)s, part.* FROM ({new}) part
"""

_READ_CONTACTS = of_these(_CONTACTS.replace("{days}", _CONTACT_DAYS), readings.CONTACTS)
_READ_CUSTOMERS = of_these(
    credits.within(_CUSTOMERS)
    .replace("{emptied}", order_days.EMPTIED)
    .replace("{days}", _CUSTOMER_DAYS)
    .replace("{months}", readings.cohort_months(_CHANGED_CUSTOMERS, "sign")),
    readings.CUSTOMERS,
)
_READ_STAGES = of_these(_STAGES, readings.STAGES)
_READ_ASSETS = of_these(
    _ASSETS.replace("{among}", "").replace("{since}", ""), asset_readings.PIECES
)
# Before the tail only the active pieces matter: with them others count in changes.
_LATE = "(until IS NULL OR until >= %(tail)s)"
_READ_TAILS = of_these(
    _ASSETS.replace("{among}", f"AND staff_id = 0 AND (level >= 2 OR {_LATE})").replace(
        "{since}", f"WHERE {_LATE}"
    ),
    asset_readings.TAILS,
)
_READ_REFERRALS = (
    *map(of_these, _FORGET_REFERRALS),
    of_these(_REFERRED, readings.referred("pair", " = ANY(ARRAY(SELECT {} FROM pair))")),
    of_these(_REWARDED, readings.REWARDED),
)


def refresh(tenant_id: int, zone: str, contact_ids: Sequence[int]) -> None:
    """Inside a scope, alone for the tenant: make facts and cells agree with these contacts."""
    given = readings.parameters(tenant_id, zone)
    with connection.cursor() as cursor:
        cursor.execute(BY_HASH)
        for statement in (
            _READ_CONTACTS,
            _READ_STAGES,
            _READ_CUSTOMERS,
            *_READ_REFERRALS,
            _READ_ASSETS,
            losses.REFRESH,
        ):
            cursor.execute(statement, given | {"contacts": arrays.literal(contact_ids)})
        cursor.execute(AS_USUAL)


def refresh_orders(
    tenant_id: int, zone: str, contact_ids: Sequence[int], since: datetime | None = None
) -> None:
    """The same, where nothing but the orders of these contacts changed; with `since`, where there
    are only more of them, and signs of life, from then on.
    """
    given = readings.parameters(tenant_id, zone)
    given |= {"contacts": arrays.literal(contact_ids), "tail": since}
    with connection.cursor() as cursor:
        cursor.execute(BY_HASH)
        cursor.execute(_READ_CUSTOMERS, given)
        changed = dict(cursor.fetchall())
        if changed:
            _refresh_referrals(cursor, given, changed)
        cursor.execute(_READ_ASSETS if since is None else _READ_TAILS, given)
        cursor.execute(AS_USUAL)


def _refresh_referrals(
    cursor: CursorWrapper, given: Mapping[str, Any], changed: Mapping[int, bool]
) -> None:
    """Of customers whose orders changed; only the new ones can have rewards not counted yet."""
    rewarded = {pk for pk, new in changed.items() if new}
    of_changed = {**given, "contacts": arrays.literal(list(changed))}
    forget, forget_referrers, referred, rewards = _READ_REFERRALS
    cursor.execute(forget, of_changed)
    rewarded |= {row[0] for row in cursor.fetchall() if row[0]}
    cursor.execute(forget_referrers, of_changed)
    cursor.execute(referred, of_changed)
    if rewarded:
        cursor.execute(rewards, {**given, "contacts": arrays.literal(sorted(rewarded))})


def refresh_assets(tenant_id: int, zone: str, contact_ids: Sequence[int], since: datetime) -> None:
    """The same, where these contacts did nothing but show that they are there, not before then."""
    given = readings.parameters(tenant_id, zone)
    given |= {"contacts": arrays.literal(contact_ids), "tail": since}
    with connection.cursor() as cursor:
        cursor.execute(BY_HASH)
        cursor.execute(_READ_TAILS, given)
        cursor.execute(AS_USUAL)
