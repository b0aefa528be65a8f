from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0015_remark_tokens")]

    operations = [
        migrations.AddField(
            model_name="group",
            name="days_zone",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=64
            ),
        ),
    ]
