from django.db import migrations, models

KINDS = [
    ("off", "an off day"),
    ("pace", "behind the target"),
    ("floor", "under the floor"),
]


class Migration(migrations.Migration):
    """Alerts of a trust mix that is under its floor."""

    dependencies = [("analytics", "0006_targets_and_alerts")]

    operations = [
        migrations.AlterField(
            model_name="alertrule",
            name="kind",
            field=models.CharField(
                choices=KINDS, default="off", max_length=5, verbose_name="what for"
            ),
        ),
        migrations.AlterField(
            model_name="alert",
            name="kind",
            field=models.CharField(choices=KINDS, max_length=5, verbose_name="what for"),
        ),
    ]
