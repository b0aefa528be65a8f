"""Every message planned or sent, what staff do about it, and the pace that all keep."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact, Follow
from tenants.models import Staff, WeChatAccount
from tenants.scope import TenantForeignKey, TenantModel

from .sops import Enrolment, Route, SopStep, TouchKind


class SharedTask(TenantModel):
    """One mass task at WeCom for the touches that say the same through the same member.

    Its touches tell whom it is for, and the request of each what it says: nothing of a contact
    stands here. While it has this task, a touch has no lease of its own: `due_at` is when anybody
    looks at the task next.
    """

    class State(models.TextChoices):
        GATHERING = "gathering"
        READY = "ready"  # nobody joins any more
        ASKED = "asked"
        WAITING = "waiting"  # for the member
        DONE = "done"

    account = TenantForeignKey(WeChatAccount, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64)  # of the step, the member and the words
    state = models.CharField(max_length=9, choices=State.choices, default=State.GATHERING)
    size = models.PositiveIntegerField(default=0)  # customers who were asked for, or have joined
    attempt = models.PositiveIntegerField(default=0)  # fencing number of who looks at it
    due_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    provider_id = models.CharField(max_length=120, blank=True, default="")
    called_back_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("shared mass task")
        verbose_name_plural = _("shared mass tasks")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "digest"],
                condition=models.Q(state="gathering"),
                name="one_gathering_task",
            )
        ]
        indexes = [
            models.Index(
                fields=["tenant", "due_at"],
                name="shared_task_due",
                condition=models.Q(due_at__isnull=False),
            ),
            models.Index(
                fields=["tenant", "asked_at"],
                name="shared_task_asked",
                condition=models.Q(asked_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.provider_id or self.digest[:8]


class Touch(TenantModel):
    """One planned or done message to one contact through one route. `key` makes it happen once."""

    class State(models.TextChoices):
        PLANNED = "planned", _("planned")
        CLAIMED = "claimed", _("claimed")
        SENDING = "sending", _("sending")
        AWAITING_STAFF = "awaiting_staff", _("awaiting staff")
        SENT = "sent", _("sent")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("failed")
        SKIPPED = "skipped", _("skipped")
        CANCELLED = "cancelled", _("cancelled")
        UNKNOWN = "unknown", _("not known")

    class Ask(models.TextChoices):
        """What is asked of a message that waits for its member."""

        NOTHING = "", "–"
        REMIND = "remind", _("to remind")
        CANCEL = "cancel", _("to call back")

    key = models.CharField(max_length=80)  # sop:<enrolment>:<step>
    contact = TenantForeignKey(
        Contact, on_delete=models.CASCADE, related_name="+", verbose_name=_("contact")
    )
    enrolment = TenantForeignKey(Enrolment, on_delete=models.CASCADE, null=True, related_name="+")
    step = TenantForeignKey(SopStep, on_delete=models.PROTECT, null=True, related_name="+")
    follow = TenantForeignKey(Follow, on_delete=models.SET_NULL, null=True, related_name="+")
    staff = TenantForeignKey(
        Staff, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("staff")
    )
    route = models.CharField(_("route"), max_length=12, choices=Route.choices)
    kind = models.CharField(_("kind"), max_length=9, choices=TouchKind.choices)
    state = models.CharField(
        _("state"), max_length=14, choices=State.choices, default=State.PLANNED
    )
    reason = models.CharField(_("reason"), max_length=60, blank=True)
    due_at = models.DateTimeField(_("due"))
    held = models.BooleanField(default=False)  # its SOP is paused
    # Of a claim; while the outcome is open: when to look next.
    lease_until = models.DateTimeField(null=True)
    attempt = models.PositiveSmallIntegerField(default=0)  # fencing number of the claim
    request = models.JSONField(null=True)  # frozen before the provider is called
    provider_id = models.CharField(max_length=120, blank=True)
    shared = TenantForeignKey(
        SharedTask, on_delete=models.SET_NULL, null=True, editable=False, related_name="touches"
    )
    sending_at = models.DateTimeField(null=True)  # booked against the caps from here on
    sent_at = models.DateTimeField(_("sent"), null=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True)
    ask = models.CharField(max_length=6, choices=Ask.choices, blank=True, default=Ask.NOTHING)
    reminded = models.JSONField(default=list, blank=True)  # when, of the last 24 hours
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("touch")
        verbose_name_plural = _("touches")
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="touch_once")]
        indexes = [
            models.Index(
                fields=["tenant", "due_at", "id"],
                name="touch_due",
                condition=models.Q(state="planned", held=False),
            ),
            models.Index(
                fields=["tenant", "lease_until"],
                name="touch_open",
                condition=models.Q(state__in=["claimed", "sending", "awaiting_staff", "unknown"]),
            ),
            models.Index(
                fields=["tenant", "contact", "sending_at"],
                name="touch_booked",
                condition=models.Q(sending_at__isnull=False),
            ),
            models.Index(
                fields=["tenant", "staff", "sending_at"],
                name="touch_staff_booked",
                condition=models.Q(sending_at__isnull=False),
            ),
            models.Index(
                fields=["tenant", "shared"],
                name="touch_shared",
                condition=models.Q(shared__isnull=False),
            ),
            models.Index(fields=["tenant", "enrolment"], name="touch_enrolment"),
            models.Index(fields=["tenant", "contact", "-id"], name="touch_contact"),
            # Is a task that WeCom lists one of ours?
            models.Index(
                fields=["tenant", "provider_id"],
                name="touch_provider",
                condition=~models.Q(provider_id=""),
            ),
            # What was sent in a period, without a look at the rows, and what was due in it and was
            # not.
            models.Index(
                fields=["tenant", "sent_at"],
                include=[
                    "state",
                    "route",
                    "kind",
                    "contact",
                    "staff",
                    "id",
                    "enrolment",
                    "step",
                    "delivered_at",
                    "reason",
                ],
                name="touch_sent",
                condition=models.Q(sent_at__isnull=False),
            ),
            models.Index(
                fields=["tenant", "due_at"],
                name="touch_unsent",
                condition=models.Q(sent_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return str(self.contact)


class StaffTask(TenantModel):
    """A touch that a human must carry out or confirm."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        DONE = "done", _("done")
        CANCELLED = "cancelled", _("cancelled")

    class Notice(models.TextChoices):
        """Was the member told of it by a message of our app? The desk shows it in any case."""

        NONE = "", _("not told")
        WAITING = "waiting", _("about to be told")
        SENDING = "sending", _("being told")
        TOLD = "told", _("told")
        FAILED = "failed", _("could not be told")
        UNKNOWN = "unknown", _("perhaps told")

    touch = TenantForeignKey(Touch, on_delete=models.CASCADE, null=True, related_name="+")
    contact = TenantForeignKey(
        Contact, on_delete=models.CASCADE, related_name="+", verbose_name=_("contact")
    )
    staff = TenantForeignKey(
        Staff, on_delete=models.CASCADE, related_name="+", verbose_name=_("staff")
    )
    text = models.TextField(_("text"))
    due_at = models.DateTimeField(_("due"))
    state = models.CharField(_("state"), max_length=9, choices=State.choices, default=State.OPEN)
    done_at = models.DateTimeField(_("done"), null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    notice = models.CharField(
        _("member told"), max_length=8, choices=Notice.choices, blank=True, default=Notice.NONE
    )
    notice_at = models.DateTimeField(null=True)  # when it is due, or its lease ends
    notice_message = models.UUIDField(null=True)  # one message tells of several tasks
    notice_request = models.JSONField(null=True)  # frozen before the first call
    notice_tried_at = models.DateTimeField(null=True)
    notice_problem = models.CharField(_("problem"), max_length=100, blank=True, default="")

    class Meta(TenantModel.Meta):
        verbose_name = _("staff task")
        verbose_name_plural = _("staff tasks")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "touch"], name="one_task_per_touch")
        ]
        indexes = [
            models.Index(
                fields=["tenant", "staff", "due_at"],
                name="staff_task_open",
                condition=models.Q(state="open"),
            ),
            models.Index(fields=["tenant", "contact"], name="staff_task_contact"),
            models.Index(
                fields=["tenant", "notice_at"],
                name="staff_task_notice",
                condition=models.Q(notice__in=["waiting", "sending"]),
            ),
        ]

    def __str__(self) -> str:
        return str(self.contact)


class MassQuota(models.TextChoices):
    """How many mass messages the platform lets one customer receive."""

    MONTH_DAYS = "month_days", _("as many a month as it has days")
    WEEK_7 = "week7", _("7 a week")
    DAY_1 = "day1", _("1 a day")
    MONTH_4 = "month4", _("4 a month")


class TouchRules(TenantModel):
    """The tenant's pace: quiet hours in its zone, frequency caps, sensitive words."""

    quiet_from = models.TimeField(_("quiet from"), default="21:30")
    quiet_to = models.TimeField(_("quiet until"), default="08:30")
    per_contact_day = models.PositiveSmallIntegerField(_("per contact a day"), default=2)
    per_contact_week = models.PositiveSmallIntegerField(_("per contact a week"), default=6)
    promotions_per_week = models.PositiveSmallIntegerField(
        _("promotions per contact a week"), default=2
    )
    per_staff_day = models.PositiveIntegerField(_("per staff a day"), default=500)
    mass_quota = models.CharField(
        _("mass messages per contact"),
        max_length=10,
        choices=MassQuota.choices,
        default=MassQuota.MONTH_DAYS,
    )
    sensitive_words = models.JSONField(_("sensitive words"), default=list, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("pace of touches")
        verbose_name_plural = _("pace of touches")
        constraints = [models.UniqueConstraint(fields=["tenant"], name="one_touch_rules")]

    def __str__(self) -> str:
        return f"{self.quiet_from}–{self.quiet_to}"
