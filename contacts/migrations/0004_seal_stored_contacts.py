"""Phones and e-mail addresses that lie open are sealed, and found by keyed hashes from now on."""

from django.db import migrations
from psycopg2.extras import execute_values

from tenants import vault
from tenants.scope import scope

_BATCH = 5_000
_STORED = """
DECLARE stored NO SCROLL CURSOR FOR SELECT id, phone, email FROM contacts_contact
WHERE tenant_id = %s AND (phone IS NOT NULL OR email IS NOT NULL) ORDER BY id
"""
_WRITE = """
UPDATE contacts_contact c SET phone = n.phone, phone_hash = n.phone_hash, email = n.email,
  email_hash = n.email_hash
FROM (VALUES %s) AS n(tenant_id, id, phone, phone_hash, email, email_hash)
WHERE c.tenant_id = n.tenant_id AND c.id = n.id
"""
_WRITE_AS = "(%s, %s, %s::text, %s::bytea, %s::text, %s::bytea)"
_DROP_TAILS = "DELETE FROM contacts_contacttoken WHERE tenant_id = %s AND token ^@ '#'"
_WRITE_TAILS = "INSERT INTO contacts_contacttoken (tenant_id, token, contact_id) VALUES %s"


def _opened(pk, column, value):
    if value is None or not value.startswith("v1:"):
        return value
    return vault.unseal(value, f"contacts_contact.{column}:{pk}")


def _sealed(pk, column, value):
    if not value:
        return None, None
    sealed = vault.seal(value, f"contacts_contact.{column}:{pk}")
    return sealed, vault.blind(value, column)


def _rewrite(cursor, tenant_id, store, tail):
    """`store` says what lies in a column and its index, `tail` what finds the end of a phone."""
    with scope(tenant_id):
        vault.keys()
    cursor.execute(f"SET LOCAL app.tenant = '{tenant_id}'")
    cursor.execute(_DROP_TAILS, [tenant_id])
    cursor.execute(_STORED, [tenant_id])
    with scope(tenant_id):
        while True:
            cursor.execute(f"FETCH {_BATCH} FROM stored")
            rows = cursor.fetchall()
            if not rows:
                break
            contacts, tails = [], []
            for pk, *stored in rows:
                phone, email = _opened(pk, "phone", stored[0]), _opened(pk, "email", stored[1])
                columns = *store(pk, "phone", phone), *store(pk, "email", email)
                contacts.append((tenant_id, pk, *columns))
                if phone and len(phone) >= 4:
                    tails.append((tenant_id, tail(phone[-4:]), pk))
            execute_values(cursor, _WRITE, contacts, _WRITE_AS)
            execute_values(cursor, _WRITE_TAILS, tails)
    cursor.execute("CLOSE stored")


def seal_tenant(cursor, tenant_id):
    _rewrite(
        cursor, tenant_id, _sealed,
        lambda digits: "#" + vault.blind(digits, "phone tail").hex()[:24],
    )  # fmt: skip


def unseal_tenant(cursor, tenant_id):
    _rewrite(
        cursor, tenant_id, lambda _pk, _column, value: (value, None), lambda digits: "#" + digits
    )


def _of_all(change):
    def run(apps, schema_editor):
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT id FROM tenants_tenant ORDER BY id")
            for (tenant_id,) in cursor.fetchall():
                change(cursor, tenant_id)

    return run


class Migration(migrations.Migration):
    dependencies = [("contacts", "0003_sealed_contacts")]

    operations = [migrations.RunPython(_of_all(seal_tenant), _of_all(unseal_tenant))]
