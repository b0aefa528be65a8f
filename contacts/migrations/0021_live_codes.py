import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import tenants.scope
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0019_list_filters"),
        ("contacts", "0020_sync"),
        ("tenants", "0004_departments"),
    ]

    operations = [
        migrations.CreateModel(
            name="LiveCodeAdd",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("opened_at", models.DateTimeField()),
                ("added_at", models.DateTimeField(null=True)),
                ("returning", models.BooleanField(default=False)),
                ("remark_due_at", models.DateTimeField(null=True)),
                ("remark_attempts", models.PositiveSmallIntegerField(default=0)),
                ("remark_problem", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "verbose_name": "addition by a live code",
                "verbose_name_plural": "additions by live codes",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="LiveCodeFreeHours",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "weekdays",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(),
                        size=None,
                        verbose_name="weekdays",
                    ),
                ),
                ("starts", models.TimeField(verbose_name="from")),
                ("ends", models.TimeField(verbose_name="to")),
            ],
            options={
                "verbose_name": "hours without approval",
                "verbose_name_plural": "hours without approval",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="LiveCodeShift",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "weekdays",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(),
                        size=None,
                        verbose_name="weekdays",
                    ),
                ),
                ("starts", models.TimeField(verbose_name="from")),
                ("ends", models.TimeField(verbose_name="to")),
            ],
            options={
                "verbose_name": "shift",
                "verbose_name_plural": "shifts",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="LiveCodeWelcome",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "weekdays",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(),
                        size=None,
                        verbose_name="weekdays",
                    ),
                ),
                ("starts", models.TimeField(verbose_name="from")),
                ("ends", models.TimeField(verbose_name="to")),
                (
                    "text",
                    models.TextField(blank=True, max_length=1300, verbose_name="welcome message"),
                ),
                (
                    "attachments",
                    models.JSONField(blank=True, default=list, verbose_name="attachments"),
                ),
            ],
            options={
                "verbose_name": "welcome at certain hours",
                "verbose_name_plural": "welcomes at certain hours",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="OffDuty",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("since", models.DateTimeField(auto_now_add=True, verbose_name="since")),
            ],
            options={
                "verbose_name": "member off duty",
                "verbose_name_plural": "members off duty",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.RemoveConstraint(
            model_name="welcome",
            name="welcome_code_once",
        ),
        migrations.AddField(
            model_name="livecode",
            name="checked_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="livecode",
            name="closed_message",
            field=models.CharField(
                blank=True, max_length=500, verbose_name="message after the end"
            ),
        ),
        migrations.AddField(
            model_name="livecode",
            name="description_template",
            field=models.CharField(
                blank=True, max_length=300, verbose_name="description for new friends"
            ),
        ),
        migrations.AddField(
            model_name="livecode",
            name="drift",
            field=models.CharField(
                blank=True, editable=False, max_length=300, verbose_name="repaired difference"
            ),
        ),
        migrations.AddField(
            model_name="livecode",
            name="drift_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="difference found"),
        ),
        migrations.AddField(
            model_name="livecode",
            name="exclusive",
            field=models.BooleanField(default=False, verbose_name="same customer, same staff"),
        ),
        migrations.AddField(
            model_name="livecode",
            name="expires_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="expires"),
        ),
        migrations.AddField(
            model_name="livecode",
            name="pushed",
            field=models.JSONField(default=dict, editable=False),
        ),
        migrations.AddField(
            model_name="livecode",
            name="remark_template",
            field=models.CharField(
                blank=True, max_length=100, verbose_name="remark for new friends"
            ),
        ),
        migrations.AddField(
            model_name="livecode",
            name="warning",
            field=models.CharField(
                blank=True, editable=False, max_length=300, verbose_name="warning"
            ),
        ),
        migrations.AddField(
            model_name="livecode",
            name="welcome_attachments",
            field=models.JSONField(blank=True, default=list, verbose_name="attachments"),
        ),
        migrations.AddField(
            model_name="livecodestaff",
            name="daily_cap",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                validators=[django.core.validators.MinValueValidator(1)],
                verbose_name="most a day",
            ),
        ),
        migrations.AddField(
            model_name="livecodestaff",
            name="spare",
            field=models.BooleanField(default=False, verbose_name="spare"),
        ),
        migrations.AddField(
            model_name="livecodestaff",
            name="was_active",
            field=models.BooleanField(default=True, editable=False),
        ),
        migrations.AddField(
            model_name="livecodestaff",
            name="weight",
            field=models.PositiveSmallIntegerField(
                default=1,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(100),
                ],
                verbose_name="weight",
            ),
        ),
        migrations.AddField(
            model_name="welcome",
            name="attachments",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name="welcome",
            name="live_code",
            field=tenants.scope.TenantForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="contacts.livecode",
            ),
        ),
        migrations.AddField(
            model_name="welcome",
            name="received_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="welcome",
            name="state",
            field=models.CharField(
                choices=[
                    ("due", "due"),
                    ("sending", "sending"),
                    ("sent", "sent"),
                    ("spoken", "conversation had begun"),
                    ("expired", "too late"),
                    ("failed", "failed"),
                    ("unknown", "not known"),
                    ("no_code", "the platform gave no code"),
                ],
                default="due",
                max_length=8,
                verbose_name="state",
            ),
        ),
        migrations.AddIndex(
            model_name="welcome",
            index=models.Index(
                condition=models.Q(("live_code", None), _negated=True),
                fields=["tenant", "live_code", "state"],
                name="welcome_live_code",
            ),
        ),
        migrations.AddConstraint(
            model_name="welcome",
            constraint=models.UniqueConstraint(
                condition=models.Q(("code", ""), _negated=True),
                fields=("tenant", "account", "code"),
                name="welcome_code_once",
            ),
        ),
        migrations.AddField(
            model_name="livecodeadd",
            name="contact",
            field=tenants.scope.TenantForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="contacts.contact",
            ),
        ),
        migrations.AddField(
            model_name="livecodeadd",
            name="live_code",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="contacts.livecode",
            ),
        ),
        migrations.AddField(
            model_name="livecodeadd",
            name="staff",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.staff"
            ),
        ),
        migrations.AddField(
            model_name="livecodeadd",
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
            model_name="livecodefreehours",
            name="live_code",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="contacts.livecode",
            ),
        ),
        migrations.AddField(
            model_name="livecodefreehours",
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
            model_name="livecodeshift",
            name="live_code",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="contacts.livecode",
            ),
        ),
        migrations.AddField(
            model_name="livecodeshift",
            name="staff",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.staff",
                verbose_name="staff",
            ),
        ),
        migrations.AddField(
            model_name="livecodeshift",
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
            model_name="livecodewelcome",
            name="live_code",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="contacts.livecode",
            ),
        ),
        migrations.AddField(
            model_name="livecodewelcome",
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
            model_name="offduty",
            name="staff",
            field=tenants.scope.TenantForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.staff",
                verbose_name="staff",
            ),
        ),
        migrations.AddField(
            model_name="offduty",
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
            model_name="livecodeadd",
            index=models.Index(
                fields=["tenant", "live_code", "opened_at"], name="live_code_add_day"
            ),
        ),
        migrations.AddIndex(
            model_name="livecodeadd",
            index=models.Index(
                condition=models.Q(("contact", None), _negated=True),
                fields=["tenant", "contact"],
                name="live_code_add_contact",
            ),
        ),
        migrations.AddIndex(
            model_name="livecodeadd",
            index=models.Index(
                condition=models.Q(("remark_due_at", None), _negated=True),
                fields=["tenant", "remark_due_at"],
                name="live_code_add_remark",
            ),
        ),
        migrations.AddConstraint(
            model_name="offduty",
            constraint=models.UniqueConstraint(fields=("tenant", "staff"), name="off_duty_once"),
        ),
    ]
