import django.db.models.deletion
from django.db import migrations, models

import tenants.scope


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0018_media"),
        ("journeys", "0004_routes_and_notices"),
    ]

    operations = [
        migrations.AlterField(
            model_name="content",
            name="kind",
            field=models.CharField(
                choices=[
                    ("text", "text"),
                    ("article", "article"),
                    ("form", "form"),
                    ("coupon", "coupon"),
                    ("price", "price list"),
                    ("image", "picture"),
                    ("mini", "mini-program"),
                    ("other", "other"),
                ],
                default="article",
                max_length=8,
                verbose_name="kind",
            ),
        ),
        migrations.AddField(
            model_name="content",
            name="picture_url",
            field=models.URLField(
                blank=True,
                db_default="",
                default="",
                max_length=500,
                verbose_name="address of the picture",
            ),
        ),
        migrations.AddField(
            model_name="content",
            name="picture",
            field=tenants.scope.TenantForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="contacts.mediafile",
                verbose_name="picture",
            ),
        ),
        migrations.AddField(
            model_name="content",
            name="appid",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=40,
                verbose_name="app id of the mini-program",
            ),
        ),
        migrations.AddField(
            model_name="content",
            name="page",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=300,
                verbose_name="page of the mini-program",
            ),
        ),
    ]
