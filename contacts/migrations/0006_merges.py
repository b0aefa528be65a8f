import django.db.models.deletion
from django.db import migrations, models

import tenants.scope


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0005_groups"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Merge",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("absorbed_id", models.BigIntegerField(editable=False)),
                (
                    "external_id",
                    models.CharField(blank=True, max_length=64, verbose_name="external id"),
                ),
                ("record", models.JSONField(default=dict)),
                ("before", models.JSONField(default=dict)),
                ("after", models.JSONField(default=dict)),
                ("by", models.CharField(max_length=80, verbose_name="by")),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("at", models.DateTimeField(verbose_name="time")),
                ("undone_at", models.DateTimeField(null=True, verbose_name="undone")),
                (
                    "undone_by",
                    models.CharField(blank=True, max_length=80, verbose_name="undone by"),
                ),
                (
                    "survivor",
                    tenants.scope.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="contacts.contact",
                        verbose_name="contact",
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
                "verbose_name": "merge",
                "verbose_name_plural": "merges",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="MergedRows",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("table", models.CharField(max_length=100)),
                (
                    "step",
                    models.CharField(
                        choices=[
                            ("moved", "moved"),
                            ("dropped", "dropped"),
                            ("changed", "changed"),
                            ("made", "made"),
                        ],
                        max_length=7,
                    ),
                ),
                ("column", models.CharField(blank=True, max_length=63)),
                ("old", models.BigIntegerField(null=True)),
                ("new", models.BigIntegerField(null=True)),
                ("rows", models.JSONField(default=list)),
                (
                    "merge",
                    tenants.scope.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="contacts.merge",
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
                "verbose_name": "merged rows",
                "verbose_name_plural": "merged rows",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Duplicate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "why",
                    models.CharField(
                        choices=[
                            ("unionid", "same unionid"),
                            ("phone", "same verified phone"),
                            ("account", "same account"),
                            ("stored_phone", "same phone, not verified"),
                            ("hand", "compared by hand"),
                        ],
                        max_length=12,
                        verbose_name="what they share",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("due", "being looked at"),
                            ("open", "to be decided"),
                            ("dismissed", "not the same person"),
                        ],
                        default="open",
                        editable=False,
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                (
                    "differs",
                    models.JSONField(
                        default=list, editable=False, verbose_name="what they disagree on"
                    ),
                ),
                ("at", models.DateTimeField(auto_now_add=True, verbose_name="noticed")),
                (
                    "decided_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="decided"),
                ),
                (
                    "decided_by",
                    models.CharField(
                        blank=True, editable=False, max_length=80, verbose_name="decided by"
                    ),
                ),
                (
                    "first",
                    tenants.scope.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="contacts.contact",
                        verbose_name="first contact",
                    ),
                ),
                (
                    "second",
                    tenants.scope.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="contacts.contact",
                        verbose_name="second contact",
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
                "verbose_name": "possible duplicate",
                "verbose_name_plural": "possible duplicates",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["tenant", "state", "-id"], name="duplicate_state"),
                    models.Index(fields=["tenant", "second"], name="duplicate_second"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "first", "second"), name="duplicate_pair"
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="merge",
            index=models.Index(fields=["tenant", "survivor", "-id"], name="merge_survivor"),
        ),
        migrations.AddConstraint(
            model_name="merge",
            constraint=models.UniqueConstraint(
                condition=models.Q(("undone_at", None)),
                fields=("tenant", "absorbed_id"),
                name="merge_standing",
            ),
        ),
        migrations.AddIndex(
            model_name="mergedrows",
            index=models.Index(fields=["tenant", "merge", "id"], name="merged_rows_of"),
        ),
    ]
