
import contacts.models.media
import django.db.models.deletion
import tenants.scope
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0017_where_imports_are"),
        ("tenants", "0003_nameless_audit"),
    ]

    operations = [
        migrations.CreateModel(
            name="MediaFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="file name")),
                (
                    "kind",
                    models.CharField(
                        choices=[("image", "picture"), ("video", "video"), ("file", "file")],
                        max_length=5,
                        verbose_name="kind",
                    ),
                ),
                (
                    "content",
                    models.FileField(
                        max_length=300,
                        upload_to=contacts.models.media.path_of_media,
                        verbose_name="file",
                    ),
                ),
                ("size", models.PositiveIntegerField(editable=False, verbose_name="size")),
                ("digest", models.CharField(editable=False, max_length=64)),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
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
                "verbose_name": "media file",
                "verbose_name_plural": "media files",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="UploadedMedia",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "use",
                    models.CharField(
                        choices=[("message", "messages"), ("moment", "moments")],
                        default="message",
                        max_length=7,
                    ),
                ),
                ("media_id", models.CharField(blank=True, max_length=200)),
                ("uploaded_at", models.DateTimeField(null=True)),
                ("due_at", models.DateTimeField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("problem", models.CharField(blank=True, max_length=300)),
                (
                    "account",
                    tenants.scope.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.wechataccount",
                    ),
                ),
                (
                    "file",
                    tenants.scope.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="contacts.mediafile",
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
            },
        ),
        migrations.AddConstraint(
            model_name="mediafile",
            constraint=models.UniqueConstraint(
                fields=("tenant", "digest", "kind"), name="media_file_once"
            ),
        ),
        migrations.AddIndex(
            model_name="uploadedmedia",
            index=models.Index(
                condition=models.Q(("due_at", None), _negated=True),
                fields=["tenant", "due_at"],
                name="uploaded_media_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="uploadedmedia",
            constraint=models.UniqueConstraint(
                fields=("tenant", "file", "account", "use"), name="uploaded_media_once"
            ),
        ),
    ]
