"""Who came by a live code so far; and every working code is looked at by the new plan."""

from django.db import migrations

_ADDITIONS = """
INSERT INTO contacts_livecodeadd (tenant_id, live_code_id, staff_id, contact_id, opened_at,
  added_at, "returning", remark_attempts, remark_problem)
SELECT f.tenant_id, f.live_code_id, f.staff_id, f.contact_id, f.opened_at, f.opened_at, false, 0, ''
FROM contacts_follow f
WHERE f.tenant_id = %(tenant)s AND f.live_code_id IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM contacts_livecodeadd a
  WHERE a.tenant_id = f.tenant_id AND a.contact_id = f.contact_id AND a.staff_id = f.staff_id
    AND a.live_code_id = f.live_code_id)
"""
_DUE = """
UPDATE contacts_livecode SET due_at = now()
WHERE tenant_id = %(tenant)s AND status = 'active' AND due_at IS NULL
"""


def _of_all(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant ORDER BY id")
        for (tenant_id,) in cursor.fetchall():
            cursor.execute(f"SET LOCAL app.tenant = '{tenant_id}'")
            cursor.execute(_ADDITIONS, {"tenant": tenant_id})
            cursor.execute(_DUE, {"tenant": tenant_id})


class Migration(migrations.Migration):
    dependencies = [("contacts", "0021_live_codes")]

    operations = [migrations.RunPython(_of_all, migrations.RunPython.noop)]
