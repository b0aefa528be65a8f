"""Changes between levels, counted by two days; all facts are read again for it (0024)."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0022_message_days'),
        ('tenants', '0007_webhooks'),
    ]

    operations = [
        migrations.CreateModel(
            name='AssetChange',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'since_day', 'until_day', blank=True, editable=False, primary_key=True, serialize=False)),
                ('since_day', models.DateField()),
                ('until_day', models.DateField()),
                ('heads_22', models.IntegerField(default=0)),
                ('heads_23', models.IntegerField(default=0)),
                ('heads_32', models.IntegerField(default=0)),
                ('heads_33', models.IntegerField(default=0)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
    ]
