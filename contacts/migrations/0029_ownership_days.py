import django.core.validators
from django.db import migrations, models

_A_WHILE = [
    django.core.validators.MinValueValidator(1),
    django.core.validators.MaxValueValidator(3650),
]


class Migration(migrations.Migration):
    dependencies = [("contacts", "0028_sends_at_wecom")]

    operations = [
        migrations.AddField(
            model_name="contactsettings",
            name="interacting_days",
            field=models.PositiveSmallIntegerField(
                db_default=30, default=30, validators=_A_WHILE,
                verbose_name="days that a sign of life counts",
            ),
        ),
        migrations.AddField(
            model_name="contactsettings",
            name="owned_days",
            field=models.PositiveSmallIntegerField(
                db_default=365, default=365, validators=_A_WHILE,
                verbose_name="days that an order counts",
            ),
        ),
    ]  # fmt: skip
