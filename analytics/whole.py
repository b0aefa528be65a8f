"""How are all facts of a tenant made at once? Set by set, from the same readings as after a change.

Facts are written for everybody first, then each kind of cell is counted once over them.
"""

from __future__ import annotations

from django.db import connection

from analytics import models, order_days, readings
from analytics.assets import readings as asset_readings
from analytics.credits import readings as credit_readings
from analytics.deeds import readings as deed_readings
from analytics.loss_facts import readings as loss_readings
from analytics.narrowing import of_all
from tenants.isolation import REBUILT
from tenants.scope import TenantModel

# Written in the order of time: then all indexes but one grow at their ends.
_FACTS: dict[type[TenantModel], tuple[str, ...]] = {
    models.ContactFact: (readings.CONTACTS + "ORDER BY reach_at",),
    models.CustomerFact: (readings.CUSTOMERS + "ORDER BY first_us",),
    models.StageReach: (readings.STAGES + "ORDER BY start_us",),
    models.ReferralPart: (
        readings.referred(
            "(SELECT id, referrer_id FROM contacts_contact"
            " WHERE tenant_id = %(tenant)s AND referrer_id IS NOT NULL)"
        ),
        readings.REWARDED,
    ),
    models.AssetPiece: (asset_readings.PIECES,),
    models.DeedFact: (deed_readings.READING,),
    models.LossFact: (loss_readings.READING + "ORDER BY opened_at",),
}
_CONTACTS = "(SELECT * FROM analytics_contactfact WHERE tenant_id = %(tenant)s) f"
_CUSTOMERS = "(SELECT * FROM analytics_customerfact WHERE tenant_id = %(tenant)s) f"
_DEEDS = "(SELECT * FROM analytics_deedfact WHERE tenant_id = %(tenant)s) f"
_LOSSES = "(SELECT * FROM analytics_lossfact WHERE tenant_id = %(tenant)s)"
_CELLS: dict[type[TenantModel], str] = {
    models.DayCell: readings.all_days(
        readings.contact_days(_CONTACTS), readings.customer_days(_CUSTOMERS)
    ),
    models.CohortCell: """
SELECT reach_month AS month, channel_id, u.age, sum(u.margin) AS margin,
  count(*) FILTER (WHERE u.age = 0) AS customers
FROM analytics_customerfact, unnest(ages, margins) AS u(age, margin)
WHERE tenant_id = %(tenant)s AND reach_month IS NOT NULL GROUP BY reach_month, channel_id, u.age""",
    models.CohortMonth: readings.cohort_months(_CUSTOMERS),
    models.OrderDay: order_days.READING,
    models.FunnelCell: """
SELECT start_day AS day, channel_id, stage_id, count(*) AS contacts
FROM analytics_stagereach WHERE tenant_id = %(tenant)s GROUP BY start_day, channel_id, stage_id""",
    models.GapCell: """
SELECT k.channel_id, date_trunc('month', start_day)::date AS month, stage_id, bucket,
  sum(gaps) AS contacts
FROM (
  SELECT channel_id, start_day, stage_id, bucket, count(*) AS gaps FROM analytics_stagereach
  WHERE tenant_id = %(tenant)s AND bucket IS NOT NULL GROUP BY 1, 2, 3, 4) day,
  LATERAL (VALUES (day.channel_id), (%(every)s)) AS k(channel_id)
GROUP BY 1, 2, 3, 4""",
    models.StageCount: """
SELECT channel_id, stage_id, count(*) AS contacts
FROM analytics_contactfact WHERE tenant_id = %(tenant)s AND stage_id <> 0
GROUP BY channel_id, stage_id""",
    models.AssetCell: asset_readings.cells("analytics_assetpiece WHERE tenant_id = %(tenant)s"),
    models.AssetChange: asset_readings.changes(
        "(SELECT * FROM analytics_assetpiece WHERE tenant_id = %(tenant)s AND level >= 2)"
    ),
    models.DeedCell: deed_readings.cells(_DEEDS),
    models.LossCell: loss_readings.cells(_LOSSES),
    models.CreditCell: credit_readings.cells(_CUSTOMERS),
}
FACTS, CELLS = tuple(_FACTS), tuple(_CELLS)

# Sorting a large tenant's rows on disk takes twice as long; the planner knows nothing of rows that
# were written a moment ago.
_FOR_MANY = "SET LOCAL work_mem = '256MB'; SET LOCAL enable_nestloop = off"
_AS_USUAL = "SET LOCAL work_mem TO DEFAULT; SET LOCAL enable_nestloop TO DEFAULT"


def rebuild(tenant_id: int, zone: str) -> None:
    """Inside a scope, alone for the tenant: forget all facts and read everything again."""
    given = readings.parameters(tenant_id, zone)
    with connection.cursor() as cursor:
        cursor.execute(_FOR_MANY)
        for model in (*FACTS, *CELLS):
            cursor.execute(_delete(model), given)
        for model, parts in _FACTS.items():
            for sql in parts:
                cursor.execute(_insert(model, sql), given)
        for model, sql in _CELLS.items():
            cursor.execute(_insert(model, sql), given)
        cursor.execute(_AS_USUAL)
        cursor.execute(f"ANALYZE {', '.join(REBUILT)}")


def _delete(model: type[TenantModel]) -> str:
    return f'DELETE FROM "{model._meta.db_table}" WHERE tenant_id = %(tenant)s'  # noqa: S608 - our own names


def _insert(model: type[TenantModel], sql: str) -> str:
    """The reading names its columns as the table does."""
    columns = ", ".join(
        field.column
        for field in model._meta.local_concrete_fields
        if field.column and field.column != "tenant_id"
    )
    return (
        f'INSERT INTO "{model._meta.db_table}" (tenant_id, {columns})'  # noqa: S608 - our own names
        f" SELECT %(tenant)s, {columns} FROM ({of_all(sql)}) made"
    )
