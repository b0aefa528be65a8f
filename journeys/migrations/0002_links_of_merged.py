from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0006_merges"),
        ("journeys", "0001_initial"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="link",
            name="link_once",
        ),
        migrations.AddField(
            model_name="link",
            name="spare",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddConstraint(
            model_name="link",
            constraint=models.UniqueConstraint(
                condition=models.Q(("spare", False)),
                fields=("tenant", "content", "contact", "staff"),
                name="link_once",
                nulls_distinct=False,
            ),
        ),
    ]
