"""Who belongs together: rules that gather contacts, lists by hand, and who is in them now."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.scope import TenantForeignKey, TenantModel

from .person import Contact


class Segment(TenantModel):
    """A named set of contacts. Its members are stored; `rule` says how they are found again.

    `due_at` is when the rule is looked at next, null for a list by hand. `evaluated_at` is the
    moment as of which members and size hold; null: not counted yet. `basis` is what the rule read
    besides contacts (which scoring, which order of stages) when all of them were last counted.
    """

    class Kind(models.TextChoices):
        RULE = "rule", _("by rule")
        STATIC = "static", _("list by hand")

    class State(models.TextChoices):
        COUNTING = "counting", _("being counted")
        READY = "ready", _("ready")
        BROKEN = "broken", _("needs repair")

    name = models.CharField(_("name"), max_length=100)
    description = models.CharField(_("description"), max_length=500, blank=True)
    kind = models.CharField(_("kind"), max_length=6, choices=Kind.choices, default=Kind.RULE)
    rule = models.JSONField(_("rule"), default=dict, blank=True)
    state = models.CharField(
        _("state"), max_length=8, choices=State.choices, default=State.COUNTING, editable=False
    )
    problem = models.CharField(_("problem"), max_length=500, blank=True, editable=False)
    size = models.PositiveIntegerField(_("members"), null=True, editable=False)
    evaluated_at = models.DateTimeField(_("as of"), null=True, editable=False)
    counted_at = models.DateTimeField(null=True, editable=False)  # all contacts, last time
    due_at = models.DateTimeField(null=True, editable=False)
    basis = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="segment_name")]
        indexes = [
            models.Index(
                fields=["tenant", "due_at"], name="segment_due", condition=~models.Q(due_at=None)
            )
        ]

    def __str__(self) -> str:
        return self.name


class SegmentUse(TenantModel):
    """The rule of `segment` asks for the members of `used`."""

    pk = models.CompositePrimaryKey("tenant_id", "segment_id", "used_id")
    segment = TenantForeignKey(Segment, on_delete=models.CASCADE, related_name="+")
    used = TenantForeignKey(Segment, on_delete=models.PROTECT, related_name="+")

    class Meta(TenantModel.Meta):
        verbose_name = _("use of a segment")
        verbose_name_plural = _("uses of segments")
        indexes = [models.Index(fields=["tenant", "used"], name="segment_use_used")]

    def __str__(self) -> str:
        return str(self.segment)


class SegmentMember(TenantModel):
    """A contact is in the segment, since then."""

    pk = models.CompositePrimaryKey("tenant_id", "segment_id", "contact_id")
    segment = TenantForeignKey(Segment, on_delete=models.CASCADE, related_name="+")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    entered_at = models.DateTimeField(_("since"))

    class Meta(TenantModel.Meta):
        verbose_name = _("segment member")
        verbose_name_plural = _("segment members")
        indexes = [models.Index(fields=["tenant", "contact"], name="segment_member_contact")]


class SegmentDay(TenantModel):
    """How many entered and left on a day of the tenant's zone."""

    pk = models.CompositePrimaryKey("tenant_id", "segment_id", "day")
    segment = TenantForeignKey(Segment, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    entered = models.PositiveIntegerField(default=0)
    left = models.PositiveIntegerField(default=0)

    class Meta(TenantModel.Meta):
        pass


class SegmentTouch(TenantModel):
    """This contact changed, and no event told so: segments look at it again. Then deleted."""

    contact_id = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        pass
