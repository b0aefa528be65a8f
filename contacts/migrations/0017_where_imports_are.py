"""Where an import goes on after a pause or a crash; and what `required` means now."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0016_group_days_zone")]

    operations = [
        migrations.AddField(
            model_name="import",
            name="reached",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="import",
            name="later",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.IntegerField(),
                blank=True,
                default=list,
                editable=False,
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="import",
            name="alone",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.IntegerField(),
                blank=True,
                default=list,
                editable=False,
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="importedrows",
            name="refused",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AlterField(
            model_name="customfield",
            name="required",
            field=models.BooleanField(
                default=False,
                help_text="Nobody new is taken without it: by hand, by the API or from files.",
                verbose_name="required",
            ),
        ),
    ]
