"""Who gets which tag by itself: rules over what is known, and lists of people not met yet."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.scope import TenantForeignKey, TenantModel

from .person import Contact
from .tags import Tag


class TagRule(TenantModel):
    """When the condition begins to hold for a contact, tags come and go.

    `rule` is a tree as segments have it. While `done_to` is set, all contacts are looked at in the
    order of ids; with `run_acts` they get their tags, else it is only noted for whom it holds.
    """

    class State(models.TextChoices):
        READY = "ready", _("in force")
        RUNNING = "running", _("looking at all contacts")
        BROKEN = "broken", _("needs repair")

    name = models.CharField(_("name"), max_length=100)
    rule = models.JSONField(_("when this begins to hold"), default=dict, blank=True)
    active = models.BooleanField(_("active"), default=True)
    run_on_existing = models.BooleanField(
        _("also for contacts for whom it holds already"),
        default=False,
        help_text=_("Else it acts only when it begins to hold from now on."),
    )
    tags = models.ManyToManyField(
        Tag, through="TagRuleTag", related_name="+", verbose_name=_("tags")
    )
    state = models.CharField(
        _("state"), max_length=7, choices=State.choices, default=State.READY, editable=False
    )
    problem = models.CharField(_("problem"), max_length=500, blank=True, editable=False)
    done_to = models.BigIntegerField(null=True, editable=False)
    run_acts = models.BooleanField(default=False, editable=False)
    done = models.PositiveIntegerField(_("looked at"), default=0, editable=False)
    changed = models.PositiveIntegerField(_("taggings changed"), default=0, editable=False)
    looked_at = models.DateTimeField(_("as of"), null=True, editable=False)
    due_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed at"), auto_now=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("tag rule")
        verbose_name_plural = _("tag rules")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="tag_rule_name")]
        indexes = [
            models.Index(
                fields=["tenant", "due_at"], name="tag_rule_due", condition=~models.Q(due_at=None)
            )
        ]

    def __str__(self) -> str:
        return self.name


class TagRuleTag(TenantModel):
    """A tag that a rule adds, or takes away."""

    pk = models.CompositePrimaryKey("tenant_id", "rule_id", "tag_id")
    rule = TenantForeignKey(TagRule, on_delete=models.CASCADE, related_name="+")
    tag = TenantForeignKey(Tag, on_delete=models.CASCADE, related_name="+")
    removes = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "tag"], name="tag_rule_of_tag")]


class TagRuleMatch(TenantModel):
    """Whether the condition held when the contact was looked at last.

    `times` counts how often the rule acted on the contact since `counted_from`: the guard against
    rules that set each other off.
    """

    pk = models.CompositePrimaryKey("tenant_id", "rule_id", "contact_id")
    rule = TenantForeignKey(TagRule, on_delete=models.CASCADE, related_name="+")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    holds = models.BooleanField(default=True)
    counted_from = models.DateTimeField()
    times = models.PositiveSmallIntegerField(default=0)

    class Meta(TenantModel.Meta):
        verbose_name = _("match of a tag rule")
        verbose_name_plural = _("matches of tag rules")
        indexes = [models.Index(fields=["tenant", "contact"], name="tag_rule_match_contact")]


class PreTagList(TenantModel):
    """People who are not contacts yet, and the tags that await them. `swept_at`: last compared."""

    name = models.CharField(_("name"), max_length=100)
    swept_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("pre-tag list")
        verbose_name_plural = _("pre-tag lists")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="pre_tag_list_name")]

    def __str__(self) -> str:
        return self.name


class PreTag(TenantModel):
    """A tag for whoever appears under this account. Only its keyed hash is kept."""

    class Kind(models.TextChoices):
        PHONE = "phone", _("phone")
        UNIONID = "unionid", "unionid"

    of = TenantForeignKey(PreTagList, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(_("kind"), max_length=7, choices=Kind.choices)
    hash = models.BinaryField(max_length=16)
    tag = TenantForeignKey(Tag, on_delete=models.CASCADE, related_name="+")
    contact = TenantForeignKey(Contact, on_delete=models.SET_NULL, null=True, related_name="+")
    applied_at = models.DateTimeField(_("applied"), null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("pre-tag")
        verbose_name_plural = _("pre-tags")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind", "hash", "of", "tag"], name="pre_tag_once"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "of", "-id"], name="pre_tag_list"),
            models.Index(
                fields=["tenant", "id"], name="pre_tag_open", condition=models.Q(applied_at=None)
            ),
            models.Index(
                fields=["tenant", "contact"],
                name="pre_tag_contact",
                condition=~models.Q(contact=None),
            ),
            models.Index(fields=["tenant", "tag"], name="pre_tag_tag"),
        ]
