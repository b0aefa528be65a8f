"""Broadcasts that were started keep the name of their segment."""

from django.db import migrations

_NAMES = """
UPDATE campaigns_broadcast b SET segment_name = s.name
FROM contacts_segment s
WHERE b.tenant_id = %(tenant)s AND s.tenant_id = b.tenant_id AND s.id = b.segment_id
  AND b.state <> 'draft'
"""


def _of_all(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant ORDER BY id")
        for (tenant_id,) in cursor.fetchall():
            cursor.execute(f"SET LOCAL app.tenant = '{tenant_id}'")
            cursor.execute(_NAMES, {"tenant": tenant_id})


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0003_kinds_and_segments")]

    operations = [migrations.RunPython(_of_all, migrations.RunPython.noop)]
