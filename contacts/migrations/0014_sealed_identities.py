"""Verified phones and e-mail addresses are kept as keyed hashes, with the text sealed beside."""

from django.db import migrations

import tenants.fields
from tenants import vault
from tenants.scope import scope

_STORED = (
    "SELECT id, kind, value FROM contacts_identity"
    " WHERE tenant_id = %s AND kind IN ('phone', 'email')"
)
_WRITE = "UPDATE contacts_identity SET value = %s, sealed = %s WHERE tenant_id = %s AND id = %s"


def seal(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant ORDER BY id")
        for (tenant_id,) in cursor.fetchall():
            seal_tenant(cursor, tenant_id)


def seal_tenant(cursor, tenant_id):
    with scope(tenant_id):
        keys = vault.keys()
    cursor.execute(f"SET LOCAL app.tenant = '{tenant_id}'")
    cursor.execute(_STORED, [tenant_id])
    for pk, kind, text in cursor.fetchall():
        value = keys.blind(text, kind).hex()
        sealed = keys.seal(text, f"contacts_identity.sealed:{value}")
        cursor.execute(_WRITE, [value, sealed, tenant_id, pk])


class Migration(migrations.Migration):
    dependencies = [("contacts", "0013_labels")]

    operations = [
        migrations.AddField(
            model_name="identity",
            name="sealed",
            field=tenants.fields.EncryptedField(
                blank=True, bound_to="value", default="", verbose_name="value"
            ),
        ),
        migrations.RunPython(seal, migrations.RunPython.noop),
    ]
