"""Filters of the contact list find ids in indexes: channel and owner lie in the index of the list,
tags in that of their contact, values of custom fields in rows of their own.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F

import tenants.scope


class Migration(migrations.Migration):
    dependencies = [("contacts", "0018_media")]

    operations = [
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(
                "tenant",
                F("acquired_at").desc(nulls_last=True),
                F("id").desc(),
                include=["channel", "owner"],
                name="contact_list",
            ),
        ),
        migrations.RemoveIndex(model_name="contact", name="contact_acquired"),
        migrations.AddIndex(
            model_name="contacttag",
            index=models.Index(
                fields=["tenant", "contact"], include=["tag"], name="contact_tags"
            ),
        ),
        migrations.RemoveIndex(model_name="contacttag", name="contact_tag_contact"),
        migrations.AddField(
            model_name="customfield",
            name="filed_up_to",
            field=models.BigIntegerField(db_default=0, default=0, editable=False, null=True),
        ),
        migrations.CreateModel(
            name="ContactValue",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "contact_id", "field_id", "value",
                        blank=True, editable=False, primary_key=True, serialize=False,
                    ),
                ),
                ("value", models.CharField(db_collation="C", max_length=64)),
                (
                    "contact",
                    tenants.scope.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="contacts.contact",
                    ),
                ),
                (
                    "field",
                    tenants.scope.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="contacts.customfield",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False, db_index=False, editable=False, related_name="+",
                        on_delete=django.db.models.deletion.CASCADE, to="tenants.tenant",
                    ),
                ),
                (
                    "holder",
                    models.GeneratedField(
                        db_persist=True,
                        expression=F("contact"),
                        output_field=models.BigIntegerField(),
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["tenant", "field", "value", "holder"], name="contact_value"
                    )
                ],
            },
        ),
    ]  # fmt: skip
