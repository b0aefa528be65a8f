"""Pictures, videos and files that are sent, and under which ids the platform has them now."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tenants.models import WeChatAccount
from tenants.scope import TenantForeignKey, TenantModel, current_tenant_id


def path_of_media(instance: "MediaFile", filename: str) -> str:
    return f"tenants/{current_tenant_id()}/media/{instance.digest}/{filename[-80:]}"


class MediaFile(TenantModel):
    """A file to be attached to messages. The same bytes of one kind are kept once."""

    class Kind(models.TextChoices):
        IMAGE = "image", pgettext_lazy("to send", "picture")
        VIDEO = "video", _("video")
        FILE = "file", _("file")

    name = models.CharField(_("file name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=5, choices=Kind.choices)
    content = models.FileField(_("file"), upload_to=path_of_media, max_length=300)
    size = models.PositiveIntegerField(_("size"), editable=False)  # bytes
    digest = models.CharField(max_length=64, editable=False)  # SHA-256 of the bytes, hex
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("media file")
        verbose_name_plural = _("media files")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "digest", "kind"], name="media_file_once")
        ]

    def __str__(self) -> str:
        return self.name


class UploadedMedia(TenantModel):
    """A media file at one account. The platform forgets it three days after `uploaded_at`."""

    class Use(models.TextChoices):
        MESSAGE = "message", _("messages")
        MOMENT = "moment", _("moments")

    file = TenantForeignKey(MediaFile, on_delete=models.CASCADE, related_name="+")
    account = TenantForeignKey(WeChatAccount, on_delete=models.CASCADE, related_name="+")
    use = models.CharField(max_length=7, choices=Use.choices, default=Use.MESSAGE)
    media_id = models.CharField(max_length=200, blank=True)
    uploaded_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)  # the next upload; null: nothing uses it now
    attempts = models.PositiveSmallIntegerField(default=0)
    problem = models.CharField(max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "file", "account", "use"], name="uploaded_media_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["tenant", "due_at"],
                name="uploaded_media_due",
                condition=~models.Q(due_at=None),
            )
        ]
