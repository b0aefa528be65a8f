from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('journeys', '0008_tasks_of_open_touches'),
    ]

    operations = [
        migrations.AddField(
            model_name='sopstep',
            name='attachments',
            field=models.JSONField(blank=True, default=list, verbose_name='attachments'),
        ),
    ]
