"""What orders were credited to."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

# Until facts were read in their new form, reports read rows.
_UNREAD = "UPDATE analytics_factsstate SET latest_at = NULL WHERE tenant_id = %s"


def _of_all(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant ORDER BY id")
        for (tenant_id,) in cursor.fetchall():
            cursor.execute(f"SET LOCAL app.tenant = '{tenant_id}'")
            cursor.execute(_UNREAD, [tenant_id])


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0023_asset_changes'),
        ('tenants', '0007_webhooks'),
    ]

    operations = [
        migrations.AddField(
            model_name='customerfact',
            name='add_channels',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None),
        ),
        migrations.AddField(
            model_name='customerfact',
            name='add_codes',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None),
        ),
        migrations.AddField(
            model_name='customerfact',
            name='add_us',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None),
        ),
        migrations.AddField(
            model_name='customerfact',
            name='early_days',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), null=True, size=None),
        ),
        migrations.AddField(
            model_name='customerfact',
            name='early_margins',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None),
        ),
        migrations.AddField(
            model_name='customerfact',
            name='early_revenues',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None),
        ),
        migrations.AddField(
            model_name='customerfact',
            name='early_us',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None),
        ),
        migrations.CreateModel(
            name='CreditCell',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'kind', 'window_days', 'day', 'key', 'points', 'first', 'last', blank=True, editable=False, primary_key=True, serialize=False)),
                ('kind', models.SmallIntegerField()),
                ('window_days', models.SmallIntegerField()),
                ('day', models.DateField()),
                ('key', models.BigIntegerField()),
                ('points', models.IntegerField()),
                ('first', models.BooleanField()),
                ('last', models.BooleanField()),
                ('orders', models.BigIntegerField()),
                ('revenue', models.BigIntegerField()),
                ('margin', models.BigIntegerField()),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.RunPython(_of_all, migrations.RunPython.noop),
    ]
