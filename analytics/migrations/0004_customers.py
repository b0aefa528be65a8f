import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0003_assets'),
        ('tenants', '0006_sign_in_with_wecom'),
    ]

    operations = [
        migrations.AddField(
            model_name='customerfact',
            name='month_margins',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=[], size=None),
        ),
        migrations.AddField(
            model_name='customerfact',
            name='months',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), db_default=[], size=None),
        ),
        migrations.AddField(
            model_name='customerfact',
            name='revenues',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=[], size=None),
        ),
        migrations.CreateModel(
            name='CohortMonth',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'cohort', 'channel_id', 'month', blank=True, editable=False, primary_key=True, serialize=False)),
                ('cohort', models.DateField()),
                ('channel_id', models.BigIntegerField()),
                ('month', models.DateField()),
                ('customers', models.BigIntegerField()),
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
        migrations.CreateModel(
            name='RfmBorders',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'start', 'end', blank=True, editable=False, primary_key=True, serialize=False)),
                ('start', models.DateField()),
                ('end', models.DateField()),
                ('read_at', models.DateTimeField()),
                ('r', django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(), size=None)),
                ('f', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ('m', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
    ]
