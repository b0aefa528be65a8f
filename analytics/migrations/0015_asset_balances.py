import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0013_deeds'),
        ('analytics', '0014_report_webhooks'),
        ('tenants', '0006_sign_in_with_wecom'),
    ]

    operations = [
        migrations.CreateModel(
            name='AssetBalance',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'staff_id', 'channel_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('staff_id', models.BigIntegerField()),
                ('channel_id', models.BigIntegerField()),
                ('heads', models.BigIntegerField()),
                ('worth', models.DecimalField(decimal_places=6, max_digits=30)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
    ]
