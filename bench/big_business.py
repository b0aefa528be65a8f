"""A tenant as large as the goals speak of: contacts, orders, moves, costs, referrals, by SQL."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
from django.db import connection, connections

from contacts.models import Channel
from journeys.models import Stage
from tenants import setup
from tenants.models import Tenant
from tenants.scope import scope

CHANNELS = 20
MONTHS = 36

_CONTACTS = """
INSERT INTO contacts_contact (tenant_id, external_id, name, gender, custom, source, channel_id,
  acquired_at, sourced_at, excluded, excluded_reason, created_at, updated_at)
SELECT %(tenant)s, 'B' || n, '', '', '{}', 'import',
  (%(channels)s::bigint[])[1 + floor(%(number)s * power(random(), 2.5))::int],
  at, at, false, '', now(), now()
FROM (SELECT n, date_trunc('second', now()) - random() * interval '36 months' AS at
      FROM generate_series(1, %(contacts)s) n) c
"""
_REFERRERS = """
UPDATE contacts_contact SET referrer_id = id - 1 - floor(random() * 1000)::int
WHERE tenant_id = %(tenant)s AND id > %(first)s + 2000 AND random() < 0.05
"""
# Half of the contacts buy: once for certain, then again and again at random.
_ORDERS = """
INSERT INTO contacts_order (tenant_id, order_id, contact_id, paid_at, amount_fen, cost_fen, status,
  refunded_fen, created_at, updated_at)
SELECT %(tenant)s, 'B' || row_number() OVER (), id, date_trunc('second', at), amount,
  floor(amount * 0.4), CASE WHEN dice < 0.03 THEN 'refunded' WHEN dice < 0.05 THEN 'cancelled'
  ELSE 'paid' END, CASE WHEN dice > 0.97 THEN amount / 2 END, now(), now()
FROM (
  SELECT c.id, random() AS dice, 990 + floor(random() * random() * 90000)::int AS amount,
    c.acquired_at + power(random(), 3) * interval '200 days'
      + (k.n > 1)::int * power(random(), 2) * interval '500 days' AS at
  FROM contacts_contact c
  JOIN generate_series(1, 60) AS k(n)
    ON k.n = 1 OR k.n <= 1 - 3.05 * ln((1 + c.id * 48271 %% 65537) / 65538.0)
  WHERE c.tenant_id = %(tenant)s AND c.id * 7919 %% 10 < 5
) o WHERE at < now()
"""
_MOVES = """
INSERT INTO journeys_stagemove (tenant_id, contact_id, to_stage_id, at, why, reason, rule_version,
  basis, recorded_at)
SELECT %(tenant)s, contact_id, (%(stages)s::bigint[])[place], at, 'rule', '', 1, '', now()
FROM (
  SELECT id AS contact_id, k.place, CASE k.place WHEN 1 THEN acquired_at - dice * interval '2 days'
    WHEN 2 THEN acquired_at WHEN 3 THEN acquired_at + dice * interval '3 days'
    WHEN 4 THEN acquired_at + (3 + 10 * dice) * interval '1 day'
    ELSE acquired_at + (13 + 10 * dice) * interval '1 day' END AS at
  FROM (SELECT id, acquired_at, random() AS dice, random() AS depth FROM contacts_contact
        WHERE tenant_id = %(tenant)s) c
  JOIN (VALUES (1, 1.0), (2, 1.0), (3, 0.5), (4, 0.25), (5, 0.1)) AS k(place, share)
    ON c.depth < k.share
  UNION ALL
  SELECT contact_id, 6, min(paid_at) FROM contacts_order WHERE tenant_id = %(tenant)s AND paid
  GROUP BY 1
) m WHERE at < now()
"""
_COSTS = """
INSERT INTO contacts_cost (tenant_id, cost_id, date, channel_id, kind, amount_fen)
SELECT %(tenant)s, 'B' || d || '-' || c, (now() - d * interval '1 day')::date, c, 'ad',
  floor(random() * 500000)::int
FROM generate_series(0, 1090) d, unnest(%(channels)s::bigint[]) c
"""
_REWARDS = """
INSERT INTO contacts_event (tenant_id, contact_id, kind, at, source, key, properties, received_at,
  handled_at, problem)
SELECT %(tenant)s, referrer_id, 'reward.paid', acquired_at, 'bench', id::text, '{"amount": "8.80"}',
  now(), now(), ''
FROM contacts_contact WHERE tenant_id = %(tenant)s AND referrer_id IS NOT NULL AND random() < 0.5
"""
TABLES = (
    "contacts_contact", "contacts_order", "contacts_cost", "contacts_event", "journeys_stagemove",
    "analytics_contactfact", "analytics_customerfact", "analytics_stagereach",
    "analytics_referralpart", "analytics_daycell", "analytics_cohortcell", "analytics_cohortmonth",
    "analytics_funnelcell", "analytics_gapcell", "analytics_stagecount", "analytics_dirtycontact",
    "analytics_deedfact", "analytics_deedcell", "analytics_lossfact", "analytics_losscell",
    "analytics_orderday", "analytics_messageday", "analytics_creditcell",
)  # fmt: skip


def create(contacts: int) -> Tenant:
    """A new tenant with this many contacts, and half as many orders again."""
    number = f"{os.getpid()}-{contacts}"
    created = setup.create(f"Bench {number}", f"bench{number}@example.com", slug=f"bench-{number}")
    with scope(created.tenant):
        channels = [Channel.objects.create(name=f"Channel {n:02}").pk for n in range(CHANNELS)]
        stages = list(Stage.objects.order_by("position").values_list("pk", flat=True))
        values: dict[str, Any] = {
            "tenant": created.tenant.pk,
            "contacts": contacts,
            "channels": channels,
            "number": CHANNELS,
            "stages": stages,
        }
        with connection.cursor() as cursor:
            cursor.execute("SELECT setseed(0.42)")
            cursor.execute(_CONTACTS, values)
            cursor.execute(
                "SELECT min(id) FROM contacts_contact WHERE tenant_id = %(tenant)s", values
            )
            values["first"] = cursor.fetchone()[0]
            for statement in (_REFERRERS, _ORDERS, _MOVES, _COSTS, _REWARDS):
                cursor.execute(statement, values)
    return created.tenant


def vacuum(more: Sequence[str] = ()) -> None:
    """What autovacuum does by itself, a little later."""
    with connections["owner"].cursor() as cursor:
        for table in (*TABLES, *more):
            cursor.execute(f"VACUUM ANALYZE {table}")


_EXPORT = {
    "contacts": """
SELECT id, COALESCE(channel_id, 0) AS channel, referrer_id AS referrer, {at}(acquired_at) AS reach
FROM contacts_contact""",
    "orders": """
SELECT contact_id AS contact, {at}(paid_at) AS t, status, amount_fen AS amount,
  refunded_fen AS refunded, cost_fen AS cost FROM contacts_order""",
    "moves": """
SELECT m.contact_id AS contact, s.position AS place, {at}(m.at) AS t
FROM journeys_stagemove m JOIN journeys_stage s ON s.id = m.to_stage_id""",
    "costs": """
SELECT date, COALESCE(channel_id, 0) AS channel, amount_fen AS amount FROM contacts_cost""",
    "rewards": """
SELECT contact_id AS contact, {at}(at) AS t,
  ((properties->>'amount')::numeric * 100)::bigint AS fen
FROM contacts_event WHERE kind = 'reward.paid'""",
}


def to_duckdb(
    tenant_id: int, threads: int = 2, more: Mapping[str, str] | None = None
) -> duckdb.DuckDBPyConnection:
    """The tenant's raw rows in DuckDB's own tables, times as microseconds."""
    there = duckdb.connect(config={"threads": threads})
    with tempfile.TemporaryDirectory() as folder, scope(tenant_id), connection.cursor() as cursor:
        for table, sql in (_EXPORT | dict(more or {})).items():
            data = io.BytesIO()
            cursor.copy_expert(f"COPY ({_micros(sql)}) TO STDOUT WITH (FORMAT csv, HEADER)", data)
            path = Path(folder) / f"{table}.csv"
            path.write_bytes(data.getvalue())
            rows = f"SELECT * FROM read_csv('{path}', sample_size = -1)"
            there.execute(f"CREATE TABLE {table} AS {rows}")
    return there


def _micros(sql: str) -> str:
    """`{at}(column)` → the column in microseconds."""
    parts = sql.split("{at}(")
    out = parts[0]
    for part in parts[1:]:
        column, rest = part.split(")", 1)
        out += f"(extract(epoch FROM {column}) * 1000000)::bigint{rest}"
    return out
