from django.db import migrations, models


class Migration(migrations.Migration):
    """Reports ask what was sent in a period, and what was due in it and was not."""

    dependencies = [("journeys", "0009_step_attachments")]

    operations = [
        migrations.AddIndex(
            model_name="touch",
            index=models.Index(
                fields=["tenant", "sent_at"],
                name="touch_sent",
                condition=models.Q(sent_at__isnull=False),
            ),
        ),
        migrations.AddIndex(
            model_name="touch",
            index=models.Index(
                fields=["tenant", "due_at"],
                name="touch_unsent",
                condition=models.Q(sent_at__isnull=True),
            ),
        ),
    ]
