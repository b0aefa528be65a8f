"""Days of orders as columns of numbers, and what first orders brought."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


def _from_rows(apps, schema_editor):
    """Until all facts are read again reports are read from rows."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant ORDER BY id")
        for (tenant_id,) in cursor.fetchall():
            cursor.execute(f"SET LOCAL app.tenant = '{tenant_id}'")
            cursor.execute(
                "UPDATE analytics_factsstate SET latest_at = NULL WHERE tenant_id = %s", [tenant_id]
            )


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0018_what_changed'),
        ('tenants', '0007_webhooks'),
    ]

    operations = [
        migrations.AddField(
            model_name='customerfact',
            name='day_lasts',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=[], size=None),
        ),
        migrations.AddField(
            model_name='customerfact',
            name='first_revenue',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='daycell',
            name='first_revenue',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='daycell',
            name='margin',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.RemoveIndex(
            model_name='customerfact',
            name='customer_fact_reached',
        ),
        migrations.AddIndex(
            model_name='customerfact',
            index=models.Index(fields=['tenant', 'reach_us'], include=('contact_id', 'channel_id'), name='customer_fact_reached'),
        ),
        migrations.CreateModel(
            name='OrderDay',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'day', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('buyers', models.IntegerField(null=True)),
                ('contacts', models.BinaryField(null=True)),
                ('orders', models.BinaryField(null=True)),
                ('revenues', models.BinaryField(null=True)),
                ('lasts', models.BinaryField(null=True)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        # Storage as it comes: compressed, a column of numbers is hardly smaller and slower to read.
        migrations.RunSQL(
            "ALTER TABLE analytics_orderday ALTER contacts SET STORAGE EXTERNAL,"
            " ALTER orders SET STORAGE EXTERNAL, ALTER revenues SET STORAGE EXTERNAL,"
            " ALTER lasts SET STORAGE EXTERNAL",
            migrations.RunSQL.noop,
        ),
        migrations.RunPython(_from_rows, migrations.RunPython.noop),
    ]
