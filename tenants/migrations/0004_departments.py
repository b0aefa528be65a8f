import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import tenants.scope


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0003_nameless_audit"),
    ]

    operations = [
        migrations.AddField(
            model_name="staff",
            name="account",
            field=tenants.scope.TenantForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="tenants.wechataccount",
                verbose_name="WeChat account",
            ),
        ),
        migrations.AddField(
            model_name="staff",
            name="departments",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(),
                db_default=[],
                default=list,
                editable=False,
                size=None,
                verbose_name="departments",
            ),
        ),
        migrations.AddField(
            model_name="staff",
            name="left_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="resigned"),
        ),
        migrations.CreateModel(
            name="Department",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.BigIntegerField(verbose_name="number")),
                (
                    "parent",
                    models.BigIntegerField(default=0, verbose_name="number of the one above"),
                ),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("position", models.BigIntegerField(default=0)),
                (
                    "account",
                    tenants.scope.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.wechataccount",
                        verbose_name="WeChat account",
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
                "verbose_name": "department",
                "verbose_name_plural": "departments",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "account", "number"), name="department_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="FormerUserid",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("userid", models.CharField(max_length=64)),
                (
                    "staff",
                    tenants.scope.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.staff",
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
                "verbose_name": "former userid",
                "verbose_name_plural": "former userids",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "userid"), name="former_userid_once")
                ],
            },
        ),
    ]
