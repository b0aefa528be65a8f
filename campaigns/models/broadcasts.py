"""One message to many: what it says, whom it was for when it began, and what became of it."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact, Group, Segment, Tag
from journeys.models import TouchKind
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


class BroadcastBatch(TenantModel):
    """One call to the platform: one member's customers or groups; of a moment all of it.

    Asked: the call was begun and its answer is not known. `due_at` is when to call next (or the end
    of the lease of whoever calls), `poll_at` the same for reading results: two queues.
    """

    class State(models.TextChoices):
        PLANNED = "planned", _("planned")
        ASKED = "asked", _("asked")
        PREPARING = "preparing", _("being prepared by WeCom")
        WAITING = "waiting", _("waiting for staff")
        DONE = "done", _("finished")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    broadcast = TenantForeignKey(
        Broadcast, on_delete=models.CASCADE, related_name="+", verbose_name=_("broadcast")
    )
    staff = TenantForeignKey(
        Staff, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("staff")
    )
    state = models.CharField(
        _("status"), max_length=9, choices=State.choices, default=State.PLANNED
    )
    size = models.PositiveIntegerField(_("recipients"), default=0)
    provider_id = models.CharField(max_length=120, blank=True)  # msgid or moment_id
    job_id = models.CharField(max_length=120, blank=True)  # of a moment, until it has its id
    errcode = models.IntegerField(_("error code"), null=True)
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # failures in a row
    lost = models.PositiveSmallIntegerField(default=0)  # calls that turned out not to have arrived
    asked_at = models.DateTimeField(_("asked"), null=True)
    accepted_at = models.DateTimeField(_("taken by WeCom"), null=True)
    wants_reminder = models.BooleanField(default=False)
    wants_cancel = models.BooleanField(default=False)
    due_at = models.DateTimeField(null=True)
    poll_at = models.DateTimeField(null=True)
    polled_at = models.DateTimeField(_("results as of"), null=True)
    poll_attempts = models.PositiveSmallIntegerField(default=0)

    class Meta(TenantModel.Meta):
        verbose_name = _("call of a broadcast")
        verbose_name_plural = _("calls of broadcasts")
        indexes = [
            models.Index(fields=["tenant", "broadcast", "state"], name="broadcast_batch_state"),
            models.Index(
                fields=["tenant", "due_at"],
                name="broadcast_batch_due",
                condition=~models.Q(due_at=None),
            ),
            models.Index(
                fields=["tenant", "poll_at"],
                name="broadcast_batch_poll",
                condition=~models.Q(poll_at=None),
            ),
            models.Index(
                fields=["tenant", "provider_id"],
                name="broadcast_batch_provider",
                condition=~models.Q(provider_id=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.broadcast} · {self.staff or self.pk}"


class BroadcastShare(TenantModel):
    """What one member has to confirm of a batch. `cursor` is where reading its results goes on.

    Of a moment: how many customers see it, liked and commented on it. Of a message that was made at
    WeCom `size` is how many recipients it told of, once that was read.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("not confirmed yet")
        CONFIRMED = "confirmed", _("confirmed")
        DONE = "done", _("all results read")
        REFUSED = "refused", _("cannot send")

    batch = TenantForeignKey(BroadcastBatch, on_delete=models.CASCADE, related_name="+")
    staff = TenantForeignKey(
        Staff, on_delete=models.PROTECT, related_name="+", verbose_name=_("staff")
    )
    state = models.CharField(
        _("status"), max_length=9, choices=State.choices, default=State.WAITING
    )
    confirmed_at = models.DateTimeField(_("confirmed"), null=True)
    reading = models.BooleanField(default=False)
    cursor = models.CharField(max_length=500, blank=True)
    size = models.PositiveIntegerField(_("recipients"), null=True)
    seen_by = models.PositiveIntegerField(_("customers who see it"), default=0)
    likes = models.PositiveIntegerField(_("likes"), default=0)
    comments = models.PositiveIntegerField(_("comments"), default=0)

    class Meta(TenantModel.Meta):
        verbose_name = _("member's part of a broadcast")
        verbose_name_plural = _("members' parts of broadcasts")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "batch", "staff"], name="broadcast_share_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.staff)


class BroadcastRecipient(TenantModel):
    """One customer, or one group, of a broadcast. `target` is its id at the platform, frozen."""

    class State(models.TextChoices):
        PLANNED = "planned", _("planned")
        WAITING = "waiting", _("waiting for staff")
        DELIVERED = "delivered", _("delivered")
        NOT_A_FRIEND = "not_friend", _("no longer a friend")
        QUOTA = "quota", _("over WeCom's quota")
        NOT_SENT = "not_sent", _("not confirmed by the member")
        FAILED = "failed", _("failed")
        LEFT_OUT = "left_out", _("left out")
        CANCELLED = "cancelled", _("cancelled")

    broadcast = TenantForeignKey(
        Broadcast, on_delete=models.CASCADE, related_name="+", verbose_name=_("broadcast")
    )
    batch = TenantForeignKey(BroadcastBatch, on_delete=models.CASCADE, null=True, related_name="+")
    staff = TenantForeignKey(
        Staff, on_delete=models.PROTECT, related_name="+", verbose_name=_("staff")
    )
    contact = TenantForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("contact")
    )
    group = TenantForeignKey(
        Group,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        verbose_name=pgettext_lazy("of customers", "group"),
    )
    target = models.CharField(max_length=64, blank=True)
    state = models.CharField(
        _("status"), max_length=10, choices=State.choices, default=State.PLANNED
    )
    settled_at = models.DateTimeField(_("settled"), null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("recipient of a broadcast")
        verbose_name_plural = _("recipients of broadcasts")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "broadcast", "contact"], name="broadcast_contact_once"
            ),
            models.UniqueConstraint(
                fields=["tenant", "broadcast", "group"], name="broadcast_group_once"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "broadcast", "state", "id"], name="broadcast_to_state"),
            models.Index(fields=["tenant", "batch", "target"], name="broadcast_to_target"),
            models.Index(
                fields=["tenant", "contact"],
                name="broadcast_to_contact",
                condition=~models.Q(contact=None),
            ),
            models.Index(
                fields=["tenant", "settled_at"],
                name="broadcast_to_settled",
                condition=~models.Q(settled_at=None),
            ),
        ]

    def __str__(self) -> str:
        return str(self.contact or self.group or self.pk)


UNSETTLED = (BroadcastRecipient.State.PLANNED, BroadcastRecipient.State.WAITING)
