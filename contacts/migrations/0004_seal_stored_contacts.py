"""Phones and e-mail addresses that lie open are sealed, and found by keyed hashes from now on."""

from django.db import migrations

from tenants import vault
from tenants.scope import scope

_STORED = (
    "SELECT id, phone, email FROM contacts_contact"
    " WHERE tenant_id = %s AND (phone IS NOT NULL OR email IS NOT NULL) ORDER BY id"
)
_WRITE = (
    "UPDATE contacts_contact SET phone = %s, phone_hash = %s, email = %s, email_hash = %s"
    " WHERE tenant_id = %s AND id = %s"
)
_DROP_TAILS = "DELETE FROM contacts_contacttoken WHERE tenant_id = %s AND token ^@ '#'"
_WRITE_TAIL = (
    "INSERT INTO contacts_contacttoken (tenant_id, token, contact_id) VALUES (%s, %s, %s)"
)


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
    cursor.execute(f"SET LOCAL app.tenant = '{tenant_id}'")
    cursor.execute(_STORED, [tenant_id])
    rows = cursor.fetchall()
    cursor.execute(_DROP_TAILS, [tenant_id])
    with scope(tenant_id):
        for pk, *stored in rows:
            phone, email = _opened(pk, "phone", stored[0]), _opened(pk, "email", stored[1])
            columns = *store(pk, "phone", phone), *store(pk, "email", email)
            cursor.execute(_WRITE, [*columns, tenant_id, pk])
            if phone and len(phone) >= 4:
                cursor.execute(_WRITE_TAIL, [tenant_id, tail(phone[-4:]), pk])


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
