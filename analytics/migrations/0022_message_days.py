"""Days of messages as columns of numbers, which the worker packs; margins of days of orders, which
are there once all facts were read again (0024).
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0021_loss_facts'),
        ('tenants', '0007_webhooks'),
    ]

    operations = [
        migrations.AlterField(
            model_name='dirtycontact',
            name='what',
            field=models.SmallIntegerField(choices=[(0, 'anything'), (1, 'orders'), (2, 'signs of life'), (3, 'on which days it did what'), (4, 'talk to it: nothing but what waited for that'), (5, 'what was sent at that moment: it was told of later, or came to nothing'), (6, 'anything, and messages of any day: it was merged, say, or is gone')], db_default=0, default=0),
        ),
        migrations.CreateModel(
            name='MessageDay',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'day', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('messages', models.IntegerField()),
                ('gentle', models.IntegerField()),
                ('contacts', models.BinaryField()),
                ('senders', models.BinaryField()),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.AddField(
            model_name='orderday',
            name='margins',
            field=models.BinaryField(null=True),
        ),
        # Storage as it comes: compressed, a column of numbers is hardly smaller and slower to read.
        migrations.RunSQL(
            "ALTER TABLE analytics_messageday ALTER contacts SET STORAGE EXTERNAL,"
            " ALTER senders SET STORAGE EXTERNAL;"
            " ALTER TABLE analytics_orderday ALTER margins SET STORAGE EXTERNAL",
            migrations.RunSQL.noop,
        ),
    ]
