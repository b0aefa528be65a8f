from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0024_transfers"),
    ]

    operations = [
        migrations.AddField(
            model_name="syncrun",
            name="again",
            field=models.BooleanField(default=False),
        ),
    ]
