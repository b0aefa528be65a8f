from django.db import migrations, models

import campaigns.models.broadcasts
import tenants.scope


class Migration(migrations.Migration):
    """A broadcast may say to each customer their own words, with a link of their own."""

    dependencies = [
        ("journeys", "0011_surveys"),
        ("campaigns", "0005_recipients_of_a_period"),
    ]

    operations = [
        migrations.AddField(
            model_name="broadcast",
            name="content",
            field=tenants.scope.TenantForeignKey(
                blank=True,
                help_text="Each customer gets a link of their own to it, as to a survey.",
                null=True,
                on_delete=campaigns.models.broadcasts.keep_content,
                related_name="+",
                to="journeys.content",
                verbose_name="content",
            ),
        ),
        migrations.AddField(
            model_name="broadcastbatch",
            name="words",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
    ]
