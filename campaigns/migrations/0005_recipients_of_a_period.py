from django.db import migrations, models


class Migration(migrations.Migration):
    """Reports ask whom messages reached in a period."""

    dependencies = [("campaigns", "0004_names_of_segments")]

    operations = [
        migrations.AddIndex(
            model_name="broadcastrecipient",
            index=models.Index(
                fields=["tenant", "settled_at"],
                name="broadcast_to_settled",
                condition=models.Q(("settled_at", None), _negated=True),
            ),
        ),
    ]
