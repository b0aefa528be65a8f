"""Data keys have versions, so that they can be rotated; reasons lie beside the audit log."""

import django.db.models.deletion
from django.db import migrations, models

import tenants.scope


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="tenantkey",
            name="version",
            field=models.PositiveIntegerField(db_default=1, default=1),
        ),
        migrations.AddConstraint(
            model_name="tenantkey",
            constraint=models.UniqueConstraint(
                fields=("tenant", "version"), name="key_version_once"
            ),
        ),
        migrations.RemoveConstraint(model_name="tenantkey", name="one_key_per_tenant"),
        migrations.CreateModel(
            name="AuditNote",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("words", models.CharField(max_length=300, verbose_name="reason")),
                (
                    "entry",
                    tenants.scope.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notes",
                        to="tenants.auditentry",
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
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "entry"), name="audit_note_once")
                ],
            },
        ),
    ]
