from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0001_initial"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="customerfact",
            name="customer_fact_reach",
        ),
        migrations.RemoveIndex(
            model_name="customerfact",
            name="customer_fact_first",
        ),
        migrations.AddField(
            model_name="dirtycontact",
            name="orders",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddIndex(
            model_name="customerfact",
            index=models.Index(fields=["tenant", "reach_us"], name="customer_fact_reached"),
        ),
        migrations.AddIndex(
            model_name="customerfact",
            index=models.Index(
                fields=["tenant", "first_us"],
                include=("channel_id", "reach_us", "margin_365", "contact_id"),
                name="customer_fact_bought",
            ),
        ),
    ]
