"""Where a contact stands in the journey, and every move it made."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact
from tenants.models import User
from tenants.scope import TenantForeignKey, TenantModel


class Purpose(models.TextChoices):
    AWARENESS = "awareness", _("awareness")
    NURTURE = "nurture", _("nurture")
    CHOICE = "choice", _("choice")
    ADVOCACY = "advocacy", _("advocacy")


# Names of the six default stages, in the reader's language while a tenant has not renamed them.
DEFAULT_NAMES = {
    "visitor": _("Visitor"),
    "prospect": _("Prospect"),
    "profiled": _("Profiled"),
    "intent": _("Intent"),
    "pending": _("Pending"),
    "won": _("Won"),
}


class Stage(TenantModel):
    """A step of the tenant's journey. `rule` lets contacts in; `rule_version` counts its edits."""

    key = models.SlugField(_("key"), max_length=40)
    name = models.CharField(_("name"), max_length=60, blank=True)
    position = models.PositiveSmallIntegerField(_("position"))
    purpose = models.CharField(_("content purpose"), max_length=9, choices=Purpose.choices)
    rule = models.JSONField(_("entry rule"), default=dict, blank=True)
    rule_version = models.PositiveIntegerField(default=1, editable=False)
    makes_leads = models.BooleanField(_("contacts who enter become leads"), default=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("stage")
        verbose_name_plural = _("stages")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "key"], name="stage_key"),
            models.UniqueConstraint(
                fields=["tenant", "position"],
                name="stage_position",
                deferrable=models.Deferrable.DEFERRED,
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(DEFAULT_NAMES.get(self.key, self.key))


class StageMove(TenantModel):
    """A contact entered a stage: from, to, when, why (rule, person), and the rule's version.

    `at` is the time of the fact that moved it, not of its import (FIGURES R35). Moves by a rule
    follow the facts: a late fact corrects their times. Moves by hand stay as they were made.
    """

    class Why(models.TextChoices):
        RULE = "rule", _("by rule")
        PERSON = "person", _("by hand")
        IMPORT = "import", _("by import")

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    from_stage = TenantForeignKey(Stage, on_delete=models.PROTECT, null=True, related_name="+")
    to_stage = TenantForeignKey(Stage, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("time"))
    why = models.CharField(_("why"), max_length=6, choices=Why.choices)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    rule_version = models.PositiveIntegerField(null=True)
    # Score version and grade under which a rule of points held, e.g. "3B".
    basis = models.CharField(max_length=20, blank=True)
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("stage move")
        verbose_name_plural = _("stage moves")
        indexes = [
            models.Index(fields=["tenant", "contact", "at"], name="stage_move_contact"),
            models.Index(fields=["tenant", "to_stage", "at"], name="stage_move_stage"),
        ]


class ContactStage(TenantModel):
    """The contact's current stage. Beside contact, never on it.

    `named_since` is from when name and phone are known; null: they were not, when last looked at.
    """

    pk = models.CompositePrimaryKey("tenant_id", "contact_id")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    stage = TenantForeignKey(Stage, on_delete=models.PROTECT, related_name="+")
    entered_at = models.DateTimeField()
    named_since = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "stage", "contact"], name="contact_stage_stage")]


class Review(TenantModel):
    """A rule changed: all contacts are to be looked at again. Done up to contact `done_to`."""

    done_to = models.BigIntegerField(default=0)
    asked_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="one_review")]
