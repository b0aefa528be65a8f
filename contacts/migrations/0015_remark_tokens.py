"""What staff call a contact finds it, also where the remark is older than its search tokens."""

from django.db import migrations
from psycopg2.extras import execute_values

from contacts import search

_BATCH = 5_000
_REMARKED = """
DECLARE remarked NO SCROLL CURSOR FOR
SELECT c.id, c.name, array_agg(f.remark ORDER BY f.opened_at DESC)
FROM contacts_follow f JOIN contacts_contact c ON c.tenant_id = f.tenant_id AND c.id = f.contact_id
WHERE f.tenant_id = %s AND f.remark <> '' GROUP BY c.id, c.name
"""
_WRITE = """
INSERT INTO contacts_contacttoken (tenant_id, token, contact_id) VALUES %s ON CONFLICT DO NOTHING
"""


def write_tokens(cursor, tenant_id):
    cursor.execute(f"SET LOCAL app.tenant = '{tenant_id}'")
    cursor.execute(_REMARKED, [tenant_id])
    while True:
        cursor.execute(f"FETCH {_BATCH} FROM remarked")
        rows = cursor.fetchall()
        if not rows:
            break
        tokens = [
            (tenant_id, token, pk)
            for pk, name, remarks in rows
            for token in search.tokens_of(name, None, remarks)
        ]
        execute_values(cursor, _WRITE, tokens, page_size=_BATCH)
    cursor.execute("CLOSE remarked")


def _of_all(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant ORDER BY id")
        for (tenant_id,) in cursor.fetchall():
            write_tokens(cursor, tenant_id)


class Migration(migrations.Migration):
    dependencies = [("contacts", "0014_sealed_identities")]

    # Backwards nothing needs to go: a token too many is dropped when its contact changes.
    operations = [migrations.RunPython(_of_all, migrations.RunPython.noop)]
