"""Scripts of timed steps, who runs through them, and every message planned or sent."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from contacts.models import Channel, Contact, Event, Follow, LiveCode, Segment
from tenants.models import Staff, WeChatAccount
from tenants.scope import TenantForeignKey, TenantModel

from .content import Content


class Sop(TenantModel):
    """A script. Editing makes a draft version; publishing freezes it; the enrolled keep theirs."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")

    name = models.CharField(_("name"), max_length=100)
    status = models.CharField(
        _("status"), max_length=6, choices=Status.choices, default=Status.DRAFT, editable=False
    )
    trigger = models.CharField(_("starts on"), max_length=64, default="follow.opened")
    channel = TenantForeignKey(
        Channel,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("only channel"),
    )
    live_code = TenantForeignKey(
        LiveCode,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("only live code"),
    )
    # Which one, of a script that starts on entering or leaving a segment.
    segment = TenantForeignKey(
        Segment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("only segment"),
    )
    leave_on_reply = models.BooleanField(_("leaves on a reply"), default=False)
    leave_on_order = models.BooleanField(_("leaves on an order"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("SOP")
        verbose_name_plural = _("SOPs")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="sop_name")]

    def __str__(self) -> str:
        return self.name


class SopVersion(TenantModel):
    sop = TenantForeignKey(Sop, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    published_at = models.DateTimeField(_("published"), null=True, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("SOP version")
        verbose_name_plural = _("SOP versions")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "sop", "number"], name="sop_version_number")
        ]

    def __str__(self) -> str:
        return f"{self.sop} v{self.number}"


class Route(models.TextChoices):
    """How a touch reaches the contact."""

    MASS_TASK = "mass_task", _("WeCom message, confirmed by staff")
    STAFF_TASK = "staff_task", _("task for staff")
    APP_MESSAGE = "app_message", _("note to staff in WeCom")
    OA_MESSAGE = "oa_message", _("customer message of the official account")
    TEMPLATE = "template", _("template message of the official account")
    SUBSCRIBE = "subscribe", _("subscribe message of the official account")
    NONE = "none", _("nothing is sent (test route)")


# By a member of staff, who must be friends with the contact; by an official account, to its fan.
THROUGH_STAFF = frozenset({Route.MASS_TASK, Route.STAFF_TASK, Route.APP_MESSAGE})
TO_FANS = frozenset({Route.OA_MESSAGE, Route.TEMPLATE, Route.SUBSCRIBE})
BY_TEMPLATE = frozenset({Route.TEMPLATE, Route.SUBSCRIBE})


class TouchKind(models.TextChoices):
    PROMOTION = "promotion", _("promotion")
    SERVICE = "service", _("service")
    GREETING = "greeting", _("greeting")


class SopStep(TenantModel):
    """A step: `day` days after enrolment at `at_time` local, or `delay_minutes` after it."""

    version = TenantForeignKey(SopVersion, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField(_("position"))
    delay_minutes = models.PositiveIntegerField(_("minutes after enrolment"), null=True, blank=True)
    day = models.PositiveSmallIntegerField(_("day"), null=True, blank=True)
    at_time = models.TimeField(_("time of day"), null=True, blank=True)
    route = models.CharField(
        _("route"), max_length=12, choices=Route.choices, default=Route.MASS_TASK
    )
    # Routes to try in their order when those before have no way to the contact.
    fallbacks = models.JSONField(_("otherwise"), default=list, blank=True)
    official = TenantForeignKey(
        WeChatAccount,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("official account"),
    )
    template_id = models.CharField(_("template id"), max_length=64, blank=True, default="")
    # Of each place of the template: its text.
    template_fields = models.JSONField(_("template fields"), default=dict, blank=True)
    kind = models.CharField(
        _("kind"), max_length=9, choices=TouchKind.choices, default=TouchKind.SERVICE
    )
    content = TenantForeignKey(
        Content,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("content"),
    )
    text = models.TextField(_("text"), max_length=1300, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "version", "position"], name="sop_step_position"
            ),
            models.CheckConstraint(
                condition=models.Q(delay_minutes__isnull=False) ^ models.Q(day__isnull=False),
                name="sop_step_one_clock",
            ),
        ]

    @property
    def routes(self) -> list[str]:
        """The route and those after it, in order."""
        return [self.route, *(str(route) for route in self.fallbacks)]

    @property
    def said(self) -> list[str]:
        """Every text of the step, with its placeholders."""
        return [self.text, *(str(text) for text in self.template_fields.values())]


class Enrolment(TenantModel):
    """One run of one contact through one SOP version."""

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        LEFT = "left", _("left")

    sop = TenantForeignKey(Sop, on_delete=models.CASCADE, related_name="+")
    version = TenantForeignKey(SopVersion, on_delete=models.PROTECT, related_name="+")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    follow = TenantForeignKey(Follow, on_delete=models.CASCADE, null=True, related_name="+")
    event = TenantForeignKey(Event, on_delete=models.SET_NULL, null=True, related_name="+")
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.RUNNING)
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "sop", "contact"],
                condition=models.Q(state="running"),
                name="one_running_enrolment",
            ),
            models.UniqueConstraint(fields=["tenant", "sop", "event"], name="enrolment_per_event"),
        ]
        indexes = [
            models.Index(fields=["tenant", "contact", "state"], name="enrolment_contact"),
            models.Index(fields=["tenant", "sop", "state"], name="enrolment_sop"),
        ]

    def __str__(self) -> str:
        return str(self.contact)


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
            models.Index(fields=["tenant", "enrolment"], name="touch_enrolment"),
            models.Index(fields=["tenant", "contact", "-id"], name="touch_contact"),
            # Is a task that WeCom lists one of ours?
            models.Index(
                fields=["tenant", "provider_id"],
                name="touch_provider",
                condition=~models.Q(provider_id=""),
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
