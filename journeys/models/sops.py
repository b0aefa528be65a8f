"""Scripts of timed steps, and who runs through them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from contacts.models import Channel, Contact, Event, Follow, LiveCode, Segment
from tenants.models import WeChatAccount
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
    # As contacts/attachments.py stores them.
    attachments = models.JSONField(_("attachments"), default=list, blank=True)

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
    def leads_to(self) -> int | None:
        """The content piece to which a link leads; a picture is sent as it is."""
        piece = self.content
        return None if piece is None or piece.kind in Content.SENT_AS_IS else piece.pk

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
