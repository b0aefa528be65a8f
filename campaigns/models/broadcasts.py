"""One message to many: what it says, whom it was for when it began, and what became of it."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from contacts.models import Group, Segment, Tag
from journeys.models import Content, TouchKind
from tenants.models import Staff, User, WeChatAccount
from tenants.scope import TenantForeignKey, TenantModel


def keep_while_going(collector: Any, field: Any, sub_objs: Any, using: str) -> None:
    """`on_delete` of a segment: a broadcast that is over has its audience and the segment's name;
    one that may yet ask who belongs to it keeps it."""
    # Read anew, as a whole: whoever says why (says_in_use) cannot ask the database any more.
    going = Broadcast.objects.filter(pk__in=[one.pk for one in sub_objs], finished_at=None)
    if going:
        raise models.ProtectedError("A broadcast that is not over uses it.", set(going))
    models.SET_NULL(collector, field, sub_objs, using)


def keep_content(collector: Any, field: Any, sub_objs: Any, using: str) -> None:
    """`on_delete` of content: whatever became of the broadcast, it says where its links led."""
    rows = Broadcast.objects.filter(pk__in=[one.pk for one in sub_objs])  # as a whole, as above
    if rows:
        raise models.ProtectedError("A broadcast leads to it.", set(rows))


class Broadcast(TenantModel):
    """A message and its audience. Whom it reaches is settled when it begins: `BroadcastRecipient`.

    The parts of the audience that are given must all hold: members of the segment, who wear one of
    the tags, whom one of the staff has as a friend. `left_out` counts by reason who of the audience
    was not written to.

    One that was made at WeCom itself is kept for its results: it has one batch, its recipients are
    those that WeCom tells of and we know, and `total` counts the others, too.
    """

    class Origin(models.TextChoices):
        HERE = "here", pgettext_lazy("of a broadcast", "here")
        WECOM = "wecom", _("the business, at WeCom")
        MEMBER = "member", _("a member, at WeCom")

    class Route(models.TextChoices):
        MASS_TASK = "mass_task", _("mass message to customers")
        GROUP_SEND = "group_send", _("mass message to groups")
        MOMENT = "moment", _("moment")

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        SCHEDULED = "scheduled", pgettext_lazy("of a broadcast", "scheduled")
        FROZEN = "frozen", _("audience settled")
        SENDING = "sending", _("being handed to WeCom")
        WAITING = "waiting", _("waiting for staff")
        DONE = "done", _("finished")
        CANCELLED = "cancelled", _("cancelled")
        FAILED = "failed", _("failed")

    name = models.CharField(_("name"), max_length=100)
    origin = models.CharField(
        _("made by"), max_length=6, choices=Origin.choices, default=Origin.HERE, editable=False
    )
    maker = TenantForeignKey(
        Staff,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("who made it"),
    )
    outside_id = models.CharField(max_length=120, blank=True, editable=False)  # msgid or moment_id
    route = models.CharField(
        _("route"), max_length=10, choices=Route.choices, default=Route.MASS_TASK
    )
    kind = models.CharField(
        _("kind"),
        max_length=9,
        choices=TouchKind.choices,
        default=TouchKind.PROMOTION,
        help_text=_("What counts against the pace of touches of a customer."),
    )
    account = TenantForeignKey(
        WeChatAccount, on_delete=models.PROTECT, related_name="+", verbose_name=_("WeChat account")
    )
    everyone = models.BooleanField(
        _("everybody"),
        default=False,
        help_text=_("All customers (of groups: all groups) of the account."),
    )
    segment = TenantForeignKey(
        Segment,
        on_delete=keep_while_going,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("segment or list"),
    )
    segment_name = models.CharField(max_length=100, blank=True, default="", editable=False)
    tags = models.ManyToManyField(
        Tag, through="BroadcastTag", related_name="+", verbose_name=_("tags"), blank=True
    )
    groups = models.ManyToManyField(
        Group,
        through="BroadcastGroup",
        related_name="+",
        verbose_name=pgettext_lazy("of customers", "groups"),
        blank=True,
    )
    staff = models.ManyToManyField(
        Staff, through="BroadcastStaff", related_name="+", verbose_name=_("staff"), blank=True
    )
    text = models.TextField(_("text"), max_length=4000, blank=True)
    content = TenantForeignKey(
        Content,
        on_delete=keep_content,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("content"),
        help_text=_("Each customer gets a link of their own to it, as to a survey."),
    )
    attachments = models.JSONField(_("attachments"), default=list, blank=True)
    send_at = models.DateTimeField(
        _("send at"), null=True, blank=True, help_text=_("Blank: as soon as it is started.")
    )
    state = models.CharField(
        _("status"), max_length=9, choices=State.choices, default=State.DRAFT, editable=False
    )
    problem = models.CharField(_("problem"), max_length=300, blank=True, editable=False)
    # How many tags, groups and staff were chosen: one that is deleted widens no audience unseen.
    chosen = models.JSONField(default=dict, blank=True, editable=False)
    left_out = models.JSONField(default=dict, blank=True, editable=False)
    total = models.PositiveIntegerField(_("recipients"), default=0, editable=False)
    # When members were reminded, of the last day.
    reminded = ArrayField(models.DateTimeField(), default=list, blank=True, editable=False)
    due_at = models.DateTimeField(null=True, editable=False)  # while it is scheduled
    user = models.ForeignKey(
        User,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        editable=False,
        verbose_name=_("started by"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True, editable=False)
    frozen_at = models.DateTimeField(_("audience as of"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("broadcast")
        verbose_name_plural = _("broadcasts")
        indexes = [
            models.Index(
                fields=["tenant", "due_at"], name="broadcast_due", condition=~models.Q(due_at=None)
            ),
            models.Index(fields=["tenant", "origin", "-started_at"], name="broadcast_origin"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "outside_id"],
                name="broadcast_outside_once",
                condition=~models.Q(outside_id=""),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def outside(self) -> bool:
        """Made at WeCom itself: only looked at here."""
        return self.origin != self.Origin.HERE

    @property
    def says_in_use(self) -> str:
        """To whoever deletes what it needs (tenants/rest/errors.py)."""
        if self.finished_at is not None:
            return gettext("The broadcast “%(name)s” uses it.") % {"name": self.name}
        return gettext("The broadcast “%(name)s”, which is not over, uses it.") % {
            "name": self.name
        }

    @property
    def started(self) -> bool:
        return self.state != self.State.DRAFT

    @property
    def going(self) -> bool:
        """Started, and not finished in any way."""
        return self.started and self.finished_at is None


class BroadcastTag(TenantModel):
    """The audience wears one of these."""

    broadcast = TenantForeignKey(Broadcast, on_delete=models.CASCADE, related_name="+")
    tag = TenantForeignKey(Tag, on_delete=models.CASCADE, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "broadcast", "tag"], name="broadcast_tag")
        ]


class BroadcastGroup(TenantModel):
    """It goes to this group, or to the customers who are in it."""

    broadcast = TenantForeignKey(Broadcast, on_delete=models.CASCADE, related_name="+")
    group = TenantForeignKey(Group, on_delete=models.CASCADE, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "broadcast", "group"], name="broadcast_group")
        ]


class BroadcastStaff(TenantModel):
    """Only these members send."""

    broadcast = TenantForeignKey(Broadcast, on_delete=models.CASCADE, related_name="+")
    staff = TenantForeignKey(Staff, on_delete=models.CASCADE, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "broadcast", "staff"], name="broadcast_staff")
        ]
