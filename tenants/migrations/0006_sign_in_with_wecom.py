import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0005_connecting"),
    ]

    operations = [
        migrations.AddField(
            model_name="wechataccount",
            name="domain_file",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                max_length=80,
                verbose_name="domain file",
            ),
        ),
        migrations.AddField(
            model_name="wechataccount",
            name="domain_text",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=200
            ),
        ),
        migrations.CreateModel(
            name="SignInSettings",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "wecom",
                    models.BooleanField(
                        default=True, verbose_name="members may sign in with WeCom"
                    ),
                ),
                (
                    "new_sales",
                    models.BooleanField(
                        default=False, verbose_name="staff become sales by signing in"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "sign-in settings",
                "verbose_name_plural": "sign-in settings",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.AddConstraint(
            model_name="signinsettings",
            constraint=models.UniqueConstraint(fields=("tenant",), name="one_sign_in_settings"),
        ),
    ]
