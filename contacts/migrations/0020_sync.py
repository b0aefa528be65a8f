import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import tenants.fields
import tenants.scope


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0016_group_days_zone"),
        ("contacts", "0018_media"),
        ("tenants", "0004_departments"),
    ]

    operations = [
        migrations.CreateModel(
            name="Drift",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("missed", "a friendship that we had not heard of"),
                            ("gone", "a friendship that is no more"),
                            ("resigned", "a resignation that we had not heard of"),
                            ("tags", "tags changed"),
                            ("code", "a live code differs"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("suspected", "being looked at again"),
                            ("repaired", "put right"),
                            ("open", "to be looked at"),
                        ],
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("detail", models.CharField(blank=True, max_length=300, verbose_name="details")),
                ("found_at", models.DateTimeField(auto_now_add=True, verbose_name="found")),
            ],
            options={
                "verbose_name": "difference",
                "verbose_name_plural": "differences",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="PairTag",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("there", models.BooleanField(default=False)),
                ("wanted", models.BooleanField(null=True)),
                ("due_at", models.DateTimeField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("problem", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "verbose_name": "tag of a pair",
                "verbose_name_plural": "tags of pairs",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="RemarkPush",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "on its way to WeCom"),
                            ("sent", "in WeCom"),
                            ("failed", "not taken by WeCom"),
                        ],
                        default="waiting",
                        max_length=7,
                    ),
                ),
                ("version", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("problem", models.CharField(blank=True, max_length=300)),
                ("sent_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "remark for WeCom",
                "verbose_name_plural": "remarks for WeCom",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="SyncPage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "follows",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), size=None
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="SyncRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("staff", "staff and departments"),
                            ("tags", "tags"),
                            ("customers", "customers"),
                            ("unassigned", "customers of resigned staff"),
                            ("behaviour", "figures of staff"),
                            ("codes", "live codes"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "queued"),
                            ("running", "running"),
                            ("done", "done"),
                            ("failed", "failed"),
                        ],
                        default="queued",
                        max_length=7,
                        verbose_name="status",
                    ),
                ),
                ("nightly", models.BooleanField(default=False, verbose_name="nightly")),
                ("done", models.PositiveIntegerField(default=0, verbose_name="read")),
                ("total", models.PositiveIntegerField(null=True, verbose_name="of")),
                ("place", models.JSONField(blank=True, default=dict)),
                ("created", models.PositiveIntegerField(default=0, verbose_name="created")),
                ("updated", models.PositiveIntegerField(default=0, verbose_name="updated")),
                ("ended", models.PositiveIntegerField(default=0, verbose_name="ended")),
                ("drifts", models.PositiveIntegerField(default=0, verbose_name="differences")),
                ("problem", models.CharField(blank=True, max_length=300, verbose_name="problem")),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("due_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="asked for")),
                ("started_at", models.DateTimeField(null=True, verbose_name="started")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
            ],
            options={
                "verbose_name": "synchronisation",
                "verbose_name_plural": "synchronisations",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="TagGroupLink",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("platform_id", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=60)),
                ("here", models.CharField(max_length=60)),
                ("problem", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="TagLink",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("platform_id", models.CharField(max_length=64)),
                ("group_id", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=60)),
                ("here", models.CharField(max_length=60)),
                ("problem", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.AddField(
            model_name="follow",
            name="remark_company",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=100, verbose_name="company"
            ),
        ),
        migrations.AddField(
            model_name="follow",
            name="remark_mobiles",
            field=tenants.fields.EncryptedField(
                blank=True, bound_to="id", null=True, verbose_name="phone numbers"
            ),
        ),
        migrations.AlterField(
            model_name="follow",
            name="ended_by",
            field=models.CharField(
                blank=True,
                choices=[
                    ("customer", "by the customer"),
                    ("staff", "by staff"),
                    ("transfer", "by transfer"),
                    ("unknown", "by whom is not known"),
                ],
                max_length=10,
                verbose_name="ended by",
            ),
        ),
        migrations.AlterField(
            model_name="followloss",
            name="ended_by",
            field=models.CharField(
                choices=[
                    ("customer", "by the customer"),
                    ("staff", "by staff"),
                    ("transfer", "by transfer"),
                    ("unknown", "by whom is not known"),
                ],
                max_length=10,
                verbose_name="ended by",
            ),
        ),
        migrations.AlterField(
            model_name="reachspell",
            name="ended_by",
            field=models.CharField(
                blank=True,
                choices=[
                    ("customer", "by the customer"),
                    ("staff", "by staff"),
                    ("transfer", "by transfer"),
                    ("unknown", "by whom is not known"),
                    ("", "unknown"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="reachspell",
            name="opened_by",
            field=models.CharField(
                blank=True,
                choices=[
                    ("customer", "by the customer"),
                    ("staff", "by staff"),
                    ("transfer", "by transfer"),
                    ("unknown", "by whom is not known"),
                    ("", "unknown"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="drift",
            name="contact",
            field=tenants.scope.TenantForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="contacts.contact",
                verbose_name="contact",
            ),
        ),
        migrations.AddField(
            model_name="drift",
            name="live_code",
            field=tenants.scope.TenantForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="contacts.livecode",
                verbose_name="live code",
            ),
        ),
        migrations.AddField(
            model_name="drift",
            name="staff",
            field=tenants.scope.TenantForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.staff",
                verbose_name="staff",
            ),
        ),
        migrations.AddField(
            model_name="drift",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddField(
            model_name="pairtag",
            name="contact",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="contacts.contact"
            ),
        ),
        migrations.AddField(
            model_name="pairtag",
            name="staff",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.staff"
            ),
        ),
        migrations.AddField(
            model_name="pairtag",
            name="tag",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="contacts.tag"
            ),
        ),
        migrations.AddField(
            model_name="pairtag",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddField(
            model_name="remarkpush",
            name="contact",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="contacts.contact"
            ),
        ),
        migrations.AddField(
            model_name="remarkpush",
            name="staff",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.staff"
            ),
        ),
        migrations.AddField(
            model_name="remarkpush",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddField(
            model_name="syncpage",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="account",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.wechataccount",
                verbose_name="WeChat account",
            ),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
        migrations.AddField(
            model_name="syncpage",
            name="run",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="contacts.syncrun"
            ),
        ),
        migrations.AddField(
            model_name="drift",
            name="run",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="contacts.syncrun",
                verbose_name="synchronisation",
            ),
        ),
        migrations.AddField(
            model_name="taggrouplink",
            name="account",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.wechataccount",
            ),
        ),
        migrations.AddField(
            model_name="taggrouplink",
            name="group",
            field=tenants.scope.TenantForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="contacts.taggroup",
            ),
        ),
        migrations.AddField(
            model_name="taggrouplink",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddField(
            model_name="taglink",
            name="account",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.wechataccount",
            ),
        ),
        migrations.AddField(
            model_name="taglink",
            name="tag",
            field=tenants.scope.TenantForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="contacts.tag",
            ),
        ),
        migrations.AddField(
            model_name="taglink",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddIndex(
            model_name="pairtag",
            index=models.Index(fields=["tenant", "tag"], name="pair_tag_tag"),
        ),
        migrations.AddIndex(
            model_name="pairtag",
            index=models.Index(
                condition=models.Q(("due_at", None), _negated=True),
                fields=["tenant", "due_at"],
                name="pair_tag_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="pairtag",
            constraint=models.UniqueConstraint(
                fields=("tenant", "contact", "staff", "tag"), name="pair_tag_once"
            ),
        ),
        migrations.AddIndex(
            model_name="remarkpush",
            index=models.Index(
                condition=models.Q(("due_at", None), _negated=True),
                fields=["tenant", "due_at"],
                name="remark_push_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="remarkpush",
            constraint=models.UniqueConstraint(
                fields=("tenant", "contact", "staff"), name="remark_push_once"
            ),
        ),
        migrations.AddIndex(
            model_name="syncrun",
            index=models.Index(fields=["tenant", "account", "kind", "-id"], name="sync_run_newest"),
        ),
        migrations.AddIndex(
            model_name="syncrun",
            index=models.Index(
                condition=models.Q(("finished_at", None)),
                fields=["tenant", "due_at"],
                name="sync_run_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="syncrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("finished_at", None)),
                fields=("tenant", "account", "kind"),
                name="sync_run_open",
            ),
        ),
        migrations.AddIndex(
            model_name="syncpage",
            index=models.Index(fields=["tenant", "run", "id"], name="sync_page_of_run"),
        ),
        migrations.AddIndex(
            model_name="drift",
            index=models.Index(fields=["tenant", "-id"], name="drift_newest"),
        ),
        migrations.AddIndex(
            model_name="drift",
            index=models.Index(fields=["tenant", "run", "state", "id"], name="drift_of_run"),
        ),
        migrations.AddIndex(
            model_name="drift",
            index=models.Index(fields=["tenant", "contact"], name="drift_contact"),
        ),
        migrations.AddConstraint(
            model_name="taggrouplink",
            constraint=models.UniqueConstraint(
                fields=("tenant", "account", "platform_id"), name="tag_group_link_once"
            ),
        ),
        migrations.AddIndex(
            model_name="taglink",
            index=models.Index(fields=["tenant", "tag"], name="tag_link_tag"),
        ),
        migrations.AddConstraint(
            model_name="taglink",
            constraint=models.UniqueConstraint(
                fields=("tenant", "account", "platform_id"), name="tag_link_once"
            ),
        ),
    ]
