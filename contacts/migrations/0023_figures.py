import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import contacts.models.sync
import tenants.scope


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0022_additions_by_live_codes"),
        ("tenants", "0004_departments"),
    ]

    operations = [
        migrations.AddField(
            model_name="pairtag",
            name="pushed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="StaffFigures",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("date", models.DateField(verbose_name="date")),
                ("chats", models.PositiveIntegerField(default=0, verbose_name="chats")),
                ("messages", models.PositiveIntegerField(default=0, verbose_name="messages sent")),
                ("reply_percentage", models.FloatField(null=True, verbose_name="answered (%)")),
                (
                    "avg_reply_minutes",
                    models.FloatField(null=True, verbose_name="minutes to the first answer"),
                ),
                (
                    "blocked",
                    models.PositiveIntegerField(
                        default=0, verbose_name="deleted or blocked by customers"
                    ),
                ),
                ("applied", models.PositiveIntegerField(default=0, verbose_name="requests sent")),
                ("added", models.PositiveIntegerField(default=0, verbose_name="new customers")),
                ("fetched_at", models.DateTimeField(verbose_name="as of")),
                (
                    "staff",
                    tenants.scope.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.staff",
                        verbose_name="staff",
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
                "verbose_name": "figures of a member on a day",
                "verbose_name_plural": "figures of staff",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Unassigned",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("external_userid", models.CharField(max_length=64)),
                ("left_at", models.DateTimeField(null=True, verbose_name="resigned")),
                ("run_id_seen", models.BigIntegerField(default=0)),
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
                    "contact",
                    tenants.scope.TenantForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="contacts.contact",
                        verbose_name="contact",
                    ),
                ),
                (
                    "staff",
                    tenants.scope.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.staff",
                        verbose_name="resigned member",
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
                "verbose_name": "customer without a member",
                "verbose_name_plural": "customers of resigned staff",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.AddIndex(
            model_name="stafffigures",
            index=models.Index(fields=["tenant", "-date", "staff"], name="staff_figures_date"),
        ),
        migrations.AddConstraint(
            model_name="stafffigures",
            constraint=models.UniqueConstraint(
                fields=("tenant", "staff", "date"), name="staff_figures_once"
            ),
        ),
        migrations.AddIndex(
            model_name="unassigned",
            index=models.Index(fields=["tenant", "contact"], name="unassigned_contact"),
        ),
        migrations.AddConstraint(
            model_name="unassigned",
            constraint=models.UniqueConstraint(
                fields=("tenant", "account", "staff", "external_userid"), name="unassigned_once"
            ),
        ),
    ]
