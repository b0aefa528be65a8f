from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0011_privacy'),
    ]

    operations = [
        migrations.AddField(
            model_name='consent',
            name='by',
            field=models.CharField(blank=True, db_default='', default='', max_length=80, verbose_name='recorded by'),
        ),
    ]
