import django.db.models.deletion
from django.db import migrations, models

import tenants.scope


class Migration(migrations.Migration):
    """A scheduled report may go by webhook: to systems, and so to no member."""

    dependencies = [
        ("analytics", "0013_deeds"),
        ("tenants", "0007_webhooks"),
    ]

    operations = [
        migrations.AddField(
            model_name="reportschedule",
            name="by_webhook",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Systems that are told of “report.due” get a link to the file; nobody has"
                " to be chosen for that.",
                verbose_name="by webhook",
            ),
        ),
        migrations.AlterField(
            model_name="reportschedule",
            name="attachment",
            field=models.CharField(
                choices=[("none", "none"), ("csv", "CSV"), ("xlsx", "XLSX")],
                default="xlsx",
                max_length=4,
                verbose_name="file",
            ),
        ),
        migrations.AlterField(
            model_name="reportdelivery",
            name="member",
            field=tenants.scope.TenantForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.membership",
                verbose_name="member",
            ),
        ),
        migrations.AlterField(
            model_name="reportdelivery",
            name="way",
            field=models.CharField(
                choices=[("app", "WeCom app"), ("email", "e-mail"), ("webhook", "webhook")],
                max_length=7,
                verbose_name="way",
            ),
        ),
        migrations.RemoveConstraint(model_name="reportdelivery", name="report_delivery_once"),
        migrations.AddConstraint(
            model_name="reportdelivery",
            constraint=models.UniqueConstraint(
                fields=("tenant", "run", "member", "way"),
                name="report_delivery_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="reportdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("member", None), ("way", "webhook")),
                    models.Q(
                        models.Q(("way", "webhook"), _negated=True),
                        models.Q(("member", None), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="report_delivery_to",
            ),
        ),
    ]
