"""QR codes into groups, who came in by them, and what new members are greeted with."""

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tenants.models import Staff, WeChatAccount
from tenants.scope import TenantForeignKey, TenantModel

from .groups import Group, GroupMember
from .sources import Channel, state_of_scope
from .tags import Tag


class Status(models.TextChoices):
    """Of what a worker makes at the platform."""

    PENDING = "pending", _("being made")
    ACTIVE = "active", _("active")
    UNKNOWN = "unknown", _("not known")  # the answer was lost, and no call lists what there is
    FAILED = "failed", _("failed")
    RETIRED = "retired", _("retired")


class GroupJoinCode(TenantModel):
    """A QR code that leads into the first of some groups that has room; carries source and tags."""

    name = models.CharField(_("name"), max_length=100)
    account = TenantForeignKey(
        WeChatAccount, on_delete=models.PROTECT, related_name="+", verbose_name=_("WeChat account")
    )
    groups = models.ManyToManyField(
        Group,
        through="GroupJoinCodeGroup",
        related_name="+",
        verbose_name=pgettext_lazy("of customers", "groups"),
    )
    channel = TenantForeignKey(
        Channel,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("channel"),
    )
    tags = models.ManyToManyField(
        Tag, through="GroupJoinCodeTag", related_name="+", verbose_name=_("tags"), blank=True
    )
    makes_more = models.BooleanField(_("make a new group when all are full"), default=True)
    base_name = models.CharField(_("name of new groups"), max_length=40, blank=True)
    base_number = models.PositiveIntegerField(
        _("their number begins with"), default=1, validators=[MinValueValidator(1)]
    )
    state = models.CharField(max_length=30, default=state_of_scope, editable=False)
    config_id = models.CharField(max_length=64, blank=True, editable=False)
    qr_url = models.CharField(_("QR code"), max_length=500, blank=True, editable=False)
    status = models.CharField(
        _("status"), max_length=8, choices=Status.choices, default=Status.PENDING, editable=False
    )
    problem = models.CharField(_("problem"), max_length=300, blank=True, editable=False)
    due_at = models.DateTimeField(null=True, auto_now_add=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    pushed = models.JSONField(default=dict, editable=False)  # what the platform has, if known
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("group code")
        verbose_name_plural = _("group codes")
        constraints = [models.UniqueConstraint(fields=["tenant", "state"], name="group_code_state")]
        indexes = [
            models.Index(
                fields=["tenant", "due_at"], name="group_code_due", condition=~models.Q(due_at=None)
            )
        ]

    def __str__(self) -> str:
        return self.name


class GroupJoinCodeGroup(TenantModel):
    code = TenantForeignKey(GroupJoinCode, on_delete=models.CASCADE, related_name="+")
    group = TenantForeignKey(Group, on_delete=models.CASCADE, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "code", "group"], name="group_code_group_once"
            )
        ]


class GroupJoinCodeTag(TenantModel):
    code = TenantForeignKey(GroupJoinCode, on_delete=models.CASCADE, related_name="+")
    tag = TenantForeignKey(Tag, on_delete=models.CASCADE, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code", "tag"], name="group_code_tag_once")
        ]


class GroupJoin(TenantModel):
    """Somebody came in by a group code; noted once a stay, so that tags are given once."""

    code = TenantForeignKey(GroupJoinCode, on_delete=models.CASCADE, related_name="+")
    member = TenantForeignKey(GroupMember, on_delete=models.CASCADE, related_name="+")
    joined_at = models.DateTimeField()
    tagged = models.BooleanField(default=False)  # not yet, of an account that nobody knows

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "code", "member", "joined_at"], name="group_join_once"
            )
        ]
        indexes = [models.Index(fields=["tenant", "member"], name="group_join_member")]


class GroupWelcome(TenantModel):
    """A welcome template for groups, kept at the platform; owners choose it for their groups."""

    name = models.CharField(_("name"), max_length=100)
    account = TenantForeignKey(
        WeChatAccount, on_delete=models.PROTECT, related_name="+", verbose_name=_("WeChat account")
    )
    text = models.TextField(_("text"), max_length=1000)
    # At most one, as contacts/attachments.py stores them.
    attachments = models.JSONField(_("attachments"), default=list, blank=True)
    tells_owners = models.BooleanField(_("tell the owners of groups"), default=False)
    template_id = models.CharField(max_length=64, blank=True, editable=False)
    status = models.CharField(
        _("status"), max_length=8, choices=Status.choices, default=Status.PENDING, editable=False
    )
    problem = models.CharField(_("problem"), max_length=300, blank=True, editable=False)
    due_at = models.DateTimeField(null=True, auto_now_add=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("group welcome")
        verbose_name_plural = _("group welcomes")
        indexes = [
            models.Index(
                fields=["tenant", "due_at"],
                name="group_welcome_due",
                condition=~models.Q(due_at=None),
            )
        ]

    def __str__(self) -> str:
        return self.name


class GroupFigures(TenantModel):
    """What the platform counts of one owner's groups on one day of China time; staff included."""

    owner = TenantForeignKey(
        Staff, on_delete=models.CASCADE, related_name="+", verbose_name=_("group owner")
    )
    day = models.DateField(_("day"))
    groups = models.PositiveIntegerField(pgettext_lazy("of customers", "groups"), default=0)
    new_groups = models.PositiveIntegerField(_("new groups"), default=0)
    groups_that_spoke = models.PositiveIntegerField(_("groups with messages"), default=0)
    members = models.PositiveIntegerField(_("members"), default=0)
    new_members = models.PositiveIntegerField(_("new members"), default=0)
    members_that_spoke = models.PositiveIntegerField(_("members who wrote"), default=0)
    messages = models.PositiveIntegerField(_("messages"), default=0)

    class Meta(TenantModel.Meta):
        verbose_name = _("WeCom's figures of groups")
        verbose_name_plural = _("WeCom's figures of groups")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "owner", "day"], name="group_figures_once")
        ]
        indexes = [models.Index(fields=["tenant", "-day", "owner"], name="group_figures_day")]

    def __str__(self) -> str:
        return f"{self.owner} · {self.day}"
