"""Lines of the audit log name no person: reasons move beside them, names of people go."""

from django.db import migrations

# Things of the business, whose names stay when they are deleted.
_NAMED = [
    "tenants.tenant", "tenants.team", "tenants.apikey", "tenants.wechataccount",
    "contacts.tag", "contacts.taggroup", "contacts.customfield", "contacts.segment",
    "contacts.tagrule", "contacts.pretaglist", "contacts.channel", "contacts.product",
    "contacts.retention", "journeys.content", "journeys.stage", "journeys.scorerule",
    "journeys.sop",
]  # fmt: skip
_REASONS = """
INSERT INTO tenants_auditnote (tenant_id, entry_id, words)
SELECT tenant_id, id, left(detail ->> 'reason', 300) FROM tenants_auditentry
WHERE tenant_id = %s AND detail ->> 'reason' <> ''
"""
_LINES = """
UPDATE tenants_auditentry SET detail = detail - 'reason',
  summary = CASE WHEN split_part(target, ':', 1) = ANY(%s::text[]) THEN summary ELSE '' END
WHERE tenant_id = %s
"""
_BACK = """
UPDATE tenants_auditentry e SET detail = e.detail || jsonb_build_object('reason', n.words)
FROM tenants_auditnote n
WHERE e.tenant_id = %s AND n.tenant_id = e.tenant_id AND n.entry_id = e.id
"""


def _of_each(schema_editor, *statements):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant ORDER BY id")
        for (tenant_id,) in cursor.fetchall():
            cursor.execute(f"SET LOCAL app.tenant = '{tenant_id}'")
            for statement, *values in statements:
                cursor.execute(statement, [*values, tenant_id])


def forwards(apps, schema_editor):
    _of_each(schema_editor, (_REASONS,), (_LINES, _NAMED))


def backwards(apps, schema_editor):
    _of_each(schema_editor, (_BACK,))


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_key_versions_and_audit_notes")]

    operations = [migrations.RunPython(forwards, backwards)]
