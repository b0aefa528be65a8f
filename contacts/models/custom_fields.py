"""What else does this business keep of its customers: fields of its own, each of one kind."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tenants.scope import TenantForeignKey, TenantModel


class CustomField(TenantModel):
    """A field of a business's own. Its values lie in `Contact.custom`, by `key`.

    Key and kind never change: values, rules and segments are written in their terms. An archived
    field keeps its values, and is asked for no longer.
    """

    class Kind(models.TextChoices):
        TEXT = "text", _("text")
        NUMBER = "number", _("number")
        DATE = "date", _("date")
        CHOICE = "choice", _("one of several")
        MULTI = "multi", _("several of several")
        BOOLEAN = "boolean", _("yes or no")

    key = models.CharField(pgettext_lazy("of a custom field", "key"), max_length=64)
    label = models.CharField(_("label"), max_length=64)
    kind = models.CharField(_("kind"), max_length=7, choices=Kind.choices, default=Kind.TEXT)
    choices = models.JSONField(_("choices"), default=list, blank=True)
    required = models.BooleanField(
        _("required"),
        default=False,
        help_text=_("Nobody new is taken without it: by hand, by the API or from files."),
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    archived = models.BooleanField(_("archived"), default=False)
    # Values of contacts with an id below are filed (ContactValue); 0: not begun, null: all are.
    filed_up_to = models.BigIntegerField(null=True, default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("custom field")
        verbose_name_plural = _("custom fields")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "key"], name="custom_field_key"),
            models.UniqueConstraint(fields=["tenant", "label"], name="custom_field_label"),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def has_choices(self) -> bool:
        return self.kind in (self.Kind.CHOICE, self.Kind.MULTI)


class ContactValue(TenantModel):
    """A contact has this value in a field: a key that compares like the value.

    Equality and ranges in the C collation keep their index under RLS.
    """

    pk = models.CompositePrimaryKey("tenant_id", "contact_id", "field_id", "value")
    contact = TenantForeignKey("contacts.Contact", on_delete=models.CASCADE, related_name="+")
    field = TenantForeignKey(CustomField, on_delete=models.CASCADE, related_name="+")
    value = models.CharField(max_length=64, db_collation="C")
    # The contact, for filters: asked for `contact`, Postgres may take the primary key, where the
    # contacts of one value lie apart.
    holder = models.GeneratedField(
        expression=models.F("contact"),  # type: ignore[arg-type] # Django resolves it
        output_field=models.BigIntegerField(),
        db_persist=True,
    )

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "field", "value", "holder"], name="contact_value")
        ]
