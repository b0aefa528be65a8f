"""What was erased, so that it stays erased; and how long events are kept."""

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.scope import TenantForeignKey, TenantModel

from .person import Contact


class Erasure(TenantModel):
    """A person asked to be forgotten. `contact` is the shell that is left; it names nobody."""

    contact = TenantForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("contact")
    )
    at = models.DateTimeField(_("erased at"), auto_now_add=True)
    by = models.CharField(_("by"), max_length=80)  # user:<id> or api
    reason = models.CharField(_("reason"), max_length=200)
    counts = models.JSONField(_("rows by table"), default=dict)

    class Meta(TenantModel.Meta):
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        indexes = [models.Index(fields=["tenant", "contact"], name="erasure_contact")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


class ErasedKey(TenantModel):
    """What the person was known by, as a keyed hash: whoever returns under it is recognised as
    erased, and a restored backup can be told whom to erase again.
    """

    erasure = TenantForeignKey(Erasure, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16)  # external_id, phone, email, or the kind of an identity
    hash = models.BinaryField(max_length=16)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "hash"], name="erased_key_hash"),
            models.Index(fields=["tenant", "erasure"], name="erased_key_of"),
        ]


class Retention(TenantModel):
    """Events of a kind, or of a family of kinds (“message.”), go when they are older than that."""

    kind = models.CharField(
        _("kind of event"),
        max_length=64,
        validators=[RegexValidator(r"^[a-z][a-z0-9_]*\.([a-z0-9_.]*)$")],
        help_text=_("One kind, such as message.received, or a family: message."),
    )
    days = models.PositiveIntegerField(_("kept for days"), validators=[MinValueValidator(1)])
    active = models.BooleanField(_("active"), default=True)
    done_at = models.DateTimeField(_("last run"), null=True, editable=False)
    deleted = models.PositiveBigIntegerField(_("deleted so far"), default=0, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("retention rule")
        verbose_name_plural = _("retention rules")
        constraints = [models.UniqueConstraint(fields=["tenant", "kind"], name="retention_kind")]

    def __str__(self) -> str:
        return self.kind
