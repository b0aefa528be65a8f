"""Customer groups: who owns them, who is in, who came and went when and how, counted by day."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tenants.models import Staff, WeChatAccount
from tenants.scope import TenantForeignKey, TenantModel

from .person import Contact
from .tags import Tag


class Group(TenantModel):
    """A group chat of the business. `chat_id` is the platform's id, or the integrator's own.

    `members_now` (customers) and `staff_now` are derived from the spells, like everything that
    says who is in: see contacts/groups.
    """

    chat_id = models.CharField(_("chat id"), max_length=64, null=True, blank=True)
    name = models.CharField(_("name"), max_length=100, blank=True)
    owner = TenantForeignKey(
        Staff,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("group owner"),
    )
    notice = models.TextField(_("notice"), max_length=2000, blank=True)
    founded_at = models.DateTimeField(_("founded"), null=True, blank=True)
    dismissed_at = models.DateTimeField(_("dismissed"), null=True, blank=True)
    tags = models.ManyToManyField(
        Tag, through="GroupTag", related_name="+", verbose_name=_("tags"), blank=True
    )
    # Of the latest list of members that the platform answered.
    seen_at = models.DateTimeField(_("members as of"), null=True, editable=False)
    member_version = models.CharField(max_length=64, blank=True, editable=False)
    members_now = models.PositiveIntegerField(_("members"), default=0, editable=False)
    staff_now = models.PositiveIntegerField(_("staff"), default=0, editable=False)
    # The zone by which all its days were counted last; blank: not yet.
    days_zone = models.CharField(
        max_length=64, blank=True, default="", db_default="", editable=False
    )
    # Through which corporation it is read, when next, and what the callbacks said it is by now.
    account = TenantForeignKey(
        WeChatAccount,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("WeChat account"),
    )
    read_at = models.DateTimeField(null=True, editable=False)
    read_attempts = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    read_problem = models.CharField(
        _("problem"), max_length=300, blank=True, default="", db_default="", editable=False
    )
    told_version = models.CharField(
        max_length=64, blank=True, default="", db_default="", editable=False
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = pgettext_lazy("of customers", "group")
        verbose_name_plural = pgettext_lazy("of customers", "groups")
        constraints = [models.UniqueConstraint(fields=["tenant", "chat_id"], name="group_chat_id")]
        indexes = [
            models.Index(fields=["tenant", "owner"], name="group_owner"),
            models.Index(
                fields=["tenant", "read_at"],
                name="group_read",
                condition=~models.Q(read_at=None),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.chat_id or str(self.pk)


class GroupTag(TenantModel):
    group = TenantForeignKey(Group, on_delete=models.CASCADE, related_name="+")
    tag = TenantForeignKey(Tag, on_delete=models.CASCADE, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "group", "tag"], name="group_tag_once")
        ]
        indexes = [models.Index(fields=["tenant", "tag"], name="group_of_tag")]


class GroupMember(TenantModel):
    """Somebody who is or was in a group: a contact, staff, or an account that nobody knows yet.

    Without any of the three it is a contact who was deleted: the head stays counted. `in_since` is
    set while they are in, `left_at` while they are not; neither when only a quit was told so far.
    """

    group = TenantForeignKey(
        Group,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=pgettext_lazy("of customers", "group"),
    )
    contact = TenantForeignKey(
        Contact,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("contact"),
    )
    staff = TenantForeignKey(
        Staff, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("staff")
    )
    external = models.CharField(_("unknown account"), max_length=64, null=True)
    name = models.CharField(_("name in the group"), max_length=100, blank=True)  # unknown ones only
    in_since = models.DateTimeField(_("in since"), null=True)
    left_at = models.DateTimeField(_("left at"), null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("group member")
        verbose_name_plural = _("group members")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "group", "contact"], name="group_contact_once"
            ),
            models.UniqueConstraint(fields=["tenant", "group", "staff"], name="group_staff_once"),
            models.UniqueConstraint(
                fields=["tenant", "group", "external"], name="group_external_once"
            ),
            models.CheckConstraint(
                condition=models.Q(contact=None, staff=None)
                | models.Q(contact=None, external=None)
                | models.Q(staff=None, external=None),
                name="group_member_is_one",
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "contact"],
                name="group_member_contact",
                condition=~models.Q(contact=None),
            ),
            models.Index(
                fields=["tenant", "external"],
                name="group_member_external",
                condition=~models.Q(external=None),
            ),
            models.Index(
                fields=["tenant", "left_at", "id"],
                name="group_member_left",
                condition=~models.Q(left_at=None),
            ),
        ]

    def __str__(self) -> str:
        person = self.contact or self.staff or self.name or self.external or "–"
        return f"{person} · {self.group}"


class GroupWay(models.TextChoices):
    """How somebody came in or went."""

    UNKNOWN = "", _("unknown")
    INVITED = "invited", _("invited by a member")
    LINK = "link", _("by an invitation link")
    QR = "qr", _("by QR code")
    LEFT = "left", _("left by themselves")
    REMOVED = "removed", _("removed by staff")
    MISSING = "missing", _("no longer on the list of members")
    DISMISSED = "dismissed", _("group dismissed")


JOIN_WAYS = (GroupWay.INVITED, GroupWay.LINK, GroupWay.QR)
QUIT_WAYS = (GroupWay.LEFT, GroupWay.REMOVED)


class GroupMove(TenantModel):
    """A fact: this member came or went at this moment. Spells are derived from these.

    `guessed`: nobody told it, a list of members shows that it must have happened by then.
    `heard`: it is on the contact's timeline.
    """

    member = TenantForeignKey(GroupMember, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    joins = models.BooleanField()
    way = models.CharField(max_length=10, choices=GroupWay.choices, blank=True)
    invited_by = TenantForeignKey(Staff, on_delete=models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=64, blank=True)  # of the way of joining
    guessed = models.BooleanField(default=False)
    heard = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "member", "at", "joins"], name="group_move_once"
            )
        ]


class GroupSpell(TenantModel):
    """One stay of a member in a group; who comes back has another."""

    group = TenantForeignKey(Group, on_delete=models.CASCADE, related_name="+")
    member = TenantForeignKey(GroupMember, on_delete=models.CASCADE, related_name="+")
    joined_at = models.DateTimeField(_("joined at"))
    join_way = models.CharField(
        _("way of joining"), max_length=10, choices=GroupWay.choices, blank=True
    )
    invited_by = TenantForeignKey(
        Staff, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("invited by")
    )
    state = models.CharField(_("state"), max_length=64, blank=True)
    left_at = models.DateTimeField(_("left at"), null=True)
    quit_way = models.CharField(
        _("way of leaving"), max_length=10, choices=GroupWay.choices, blank=True
    )

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "member", "joined_at"], name="group_spell_once"
            ),
            models.CheckConstraint(
                condition=models.Q(left_at=None) | models.Q(left_at__gte=models.F("joined_at")),
                name="group_spell_in_order",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "group", "joined_at"], name="group_spell_joined"),
            models.Index(
                fields=["tenant", "group", "left_at"],
                name="group_spell_left",
                condition=~models.Q(left_at=None),
            ),
        ]


class GroupDay(TenantModel):
    """Customers who came into and went out of a group on a day of the tenant's zone.

    Days without either have no row; the members at the end of a day are the sum up to it.
    """

    group = TenantForeignKey(Group, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    joined = models.PositiveIntegerField(default=0)
    left = models.PositiveIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "group", "day"], name="group_day_once")
        ]
