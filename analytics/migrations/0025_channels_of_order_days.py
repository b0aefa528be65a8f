"""The channel of each buyer of a day; the worker packs all days anew for it."""

from django.db import migrations, models

_EMPTY = "UPDATE analytics_orderday SET buyers = NULL WHERE tenant_id = %s"


def _of_all(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant ORDER BY id")
        for (tenant_id,) in cursor.fetchall():
            cursor.execute(f"SET LOCAL app.tenant = '{tenant_id}'")
            cursor.execute(_EMPTY, [tenant_id])


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0024_credits'),
    ]

    operations = [
        migrations.AddField(
            model_name='orderday',
            name='channels',
            field=models.BinaryField(null=True),
        ),
        migrations.RunPython(_of_all, migrations.RunPython.noop),
    ]
