from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0012_consent_by'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='contacttag',
            options={'base_manager_name': 'objects', 'default_manager_name': 'objects', 'verbose_name': 'contact tag', 'verbose_name_plural': 'contact tags'},
        ),
        migrations.AlterModelOptions(
            name='lossnotice',
            options={'base_manager_name': 'objects', 'default_manager_name': 'objects', 'verbose_name': 'loss notice', 'verbose_name_plural': 'loss notices'},
        ),
        migrations.AlterModelOptions(
            name='segmentmember',
            options={'base_manager_name': 'objects', 'default_manager_name': 'objects', 'verbose_name': 'segment member', 'verbose_name_plural': 'segment members'},
        ),
        migrations.AlterModelOptions(
            name='segmentuse',
            options={'base_manager_name': 'objects', 'default_manager_name': 'objects', 'verbose_name': 'use of a segment', 'verbose_name_plural': 'uses of segments'},
        ),
    ]
