"""Touches on their way by a mass task of their own have it as a shared task of one."""

from django.db import migrations

_TASKS = """
INSERT INTO journeys_sharedtask (tenant_id, account_id, digest, state, size, attempt, due_at,
  asked_at, provider_id, created_at)
SELECT t.tenant_id, a.id, 'touch:' || t.id,
  CASE t.state WHEN 'awaiting_staff' THEN 'waiting' ELSE 'asked' END, 1, 0, t.lease_until,
  t.sending_at, t.provider_id, now()
FROM journeys_touch t
JOIN tenants_wechataccount a
  ON a.tenant_id = t.tenant_id AND a.id = (t.request->>'account')::bigint
WHERE t.tenant_id = %(tenant)s AND t.route = 'mass_task' AND t.request IS NOT NULL
  AND t.state IN ('sending', 'awaiting_staff', 'unknown')
"""
_TOUCHES = """
UPDATE journeys_touch t SET shared_id = s.id, lease_until = NULL
FROM journeys_sharedtask s
WHERE t.tenant_id = %(tenant)s AND s.tenant_id = t.tenant_id AND s.digest = 'touch:' || t.id
"""
_LEASES = """
UPDATE journeys_touch t SET shared_id = NULL, lease_until = s.due_at
FROM journeys_sharedtask s
WHERE t.tenant_id = %(tenant)s AND s.tenant_id = t.tenant_id AND t.shared_id = s.id
"""


def _of_all(schema_editor, *statements):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant ORDER BY id")
        for (tenant_id,) in cursor.fetchall():
            cursor.execute(f"SET LOCAL app.tenant = '{tenant_id}'")
            for statement in statements:
                cursor.execute(statement, {"tenant": tenant_id})


def _give(apps, schema_editor):
    _of_all(schema_editor, _TASKS, _TOUCHES)


def _take(apps, schema_editor):
    _of_all(schema_editor, _LEASES)


class Migration(migrations.Migration):
    dependencies = [("journeys", "0007_shared_tasks")]

    operations = [migrations.RunPython(_give, _take)]
