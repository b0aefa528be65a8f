"""How far is reading a corporation, what differed from what we knew, and what is to be told it?"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tenants.models import Staff, User, WeChatAccount
from tenants.scope import TenantForeignKey, TenantModel

from .livecodes import LiveCode
from .person import Contact
from .tags import Tag, TagGroup


class SyncRun(TenantModel):
    """One reading of one kind of thing from an account, resumable at `place`."""

    class Kind(models.TextChoices):
        STAFF = "staff", _("staff and departments")
        TAGS = "tags", _("tags")
        CUSTOMERS = "customers", _("customers")
        UNASSIGNED = "unassigned", _("customers of resigned staff")
        BEHAVIOUR = "behaviour", _("figures of staff")
        CODES = "codes", _("live codes")
        GROUPS = "groups", pgettext_lazy("of customers", "groups")
        GROUP_FIGURES = "group_days", _("figures of groups")
        SENDS = "sends", _("messages and moments sent at WeCom")

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    account = TenantForeignKey(
        WeChatAccount, on_delete=models.CASCADE, related_name="+", verbose_name=_("WeChat account")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    state = models.CharField(_("status"), max_length=7, choices=State.choices, default=State.QUEUED)
    nightly = models.BooleanField(_("nightly"), default=False)
    done = models.PositiveIntegerField(_("read"), default=0)
    total = models.PositiveIntegerField(_("of"), null=True)
    # Where to go on after a crash; written together with the rows that were read until there.
    place = models.JSONField(default=dict, blank=True)
    created = models.PositiveIntegerField(_("created"), default=0)
    updated = models.PositiveIntegerField(_("updated"), default=0)
    ended = models.PositiveIntegerField(_("ended"), default=0)
    drifts = models.PositiveIntegerField(_("differences"), default=0)
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # since it last got on
    again = models.BooleanField(default=False)  # asked for once more while it was running
    due_at = models.DateTimeField(null=True)  # while it is not finished; else the lease
    user = models.ForeignKey(
        User,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("user"),
    )
    created_at = models.DateTimeField(_("asked for"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("synchronisation")
        verbose_name_plural = _("synchronisations")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "account", "kind"],
                condition=models.Q(finished_at=None),
                name="sync_run_open",
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "account", "kind", "-id"], name="sync_run_newest"),
            models.Index(
                fields=["tenant", "due_at"],
                name="sync_run_due",
                condition=models.Q(finished_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.account}"


class SyncPage(TenantModel):
    """The Follows that one batch of a run found at the platform; forgotten when it is finished."""

    run = TenantForeignKey(SyncRun, on_delete=models.CASCADE, related_name="+")
    follows = ArrayField(models.BigIntegerField())

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "run", "id"], name="sync_page_of_run")]


class Drift(TenantModel):
    """A difference between the platform and us that a reading found, and what became of it."""

    class Kind(models.TextChoices):
        MISSED = "missed", _("a friendship that we had not heard of")
        GONE = "gone", _("a friendship that is no more")
        RESIGNED = "resigned", _("a resignation that we had not heard of")
        TAGS = "tags", _("tags changed")
        CODE = "code", _("a live code differs")
        UNTAGGED = "untagged", _("tags that WeCom did not take")
        UNREMARKED = "unremarked", _("a remark that WeCom did not take")

    class State(models.TextChoices):
        SUSPECTED = "suspected", _("being looked at again")
        REPAIRED = "repaired", _("put right")
        OPEN = "open", _("to be looked at")

    run = TenantForeignKey(
        SyncRun, on_delete=models.CASCADE, related_name="+", verbose_name=_("synchronisation")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    state = models.CharField(_("status"), max_length=10, choices=State.choices)
    contact = TenantForeignKey(
        Contact, on_delete=models.CASCADE, null=True, related_name="+", verbose_name=_("contact")
    )
    staff = TenantForeignKey(
        Staff, on_delete=models.CASCADE, null=True, related_name="+", verbose_name=_("staff")
    )
    live_code = TenantForeignKey(
        LiveCode,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        verbose_name=_("live code"),
    )
    detail = models.CharField(_("details"), max_length=300, blank=True)
    found_at = models.DateTimeField(_("found"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("difference")
        verbose_name_plural = _("differences")
        indexes = [
            models.Index(fields=["tenant", "-id"], name="drift_newest"),
            models.Index(fields=["tenant", "run", "state", "id"], name="drift_of_run"),
            models.Index(fields=["tenant", "contact"], name="drift_contact"),
            models.Index(
                fields=["tenant", "id"], name="drift_open", condition=models.Q(state="open")
            ),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())


class TagGroupLink(TenantModel):
    """A tag group as the corporation has it; `here` is how ours was called when both agreed."""

    account = TenantForeignKey(WeChatAccount, on_delete=models.CASCADE, related_name="+")
    group = TenantForeignKey(TagGroup, on_delete=models.SET_NULL, null=True, related_name="+")
    platform_id = models.CharField(max_length=64)
    name = models.CharField(max_length=60)
    here = models.CharField(max_length=60)
    problem = models.CharField(max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "account", "platform_id"], name="tag_group_link_once"
            )
        ]


class TagLink(TenantModel):
    """A tag as the corporation has it. Without `tag` ours was deleted: theirs is to go as well."""

    account = TenantForeignKey(WeChatAccount, on_delete=models.CASCADE, related_name="+")
    tag = TenantForeignKey(Tag, on_delete=models.SET_NULL, null=True, related_name="+")
    platform_id = models.CharField(max_length=64)
    group_id = models.CharField(max_length=64)  # of the platform
    name = models.CharField(max_length=60)
    here = models.CharField(max_length=60)
    problem = models.CharField(max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "account", "platform_id"], name="tag_link_once"
            )
        ]
        indexes = [models.Index(fields=["tenant", "tag"], name="tag_link_tag")]


class PairTag(TenantModel):
    """A tag on one member's customer: does WeCom have it (`there`), and what is to be told it?

    `wanted` True: to be marked; False: to be taken away; None: both agree.
    """

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    staff = TenantForeignKey(Staff, on_delete=models.CASCADE, related_name="+")
    tag = TenantForeignKey(Tag, on_delete=models.CASCADE, related_name="+")
    there = models.BooleanField(default=False)
    wanted = models.BooleanField(null=True)
    due_at = models.DateTimeField(null=True)
    pushed_at = models.DateTimeField(null=True)  # the platform's answers lag behind what it took
    attempts = models.PositiveSmallIntegerField(default=0)
    problem = models.CharField(max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("tag of a pair")
        verbose_name_plural = _("tags of pairs")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "contact", "staff", "tag"], name="pair_tag_once"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "tag"], name="pair_tag_tag"),
            models.Index(
                fields=["tenant", "due_at"],
                name="pair_tag_due",
                condition=~models.Q(due_at=None),
            ),
        ]


class RemarkPush(TenantModel):
    """What was written here about a customer, on its way to WeCom."""

    class State(models.TextChoices):
        WAITING = "waiting", _("on its way to WeCom")
        SENT = "sent", _("in WeCom")
        FAILED = "failed", _("not taken by WeCom")

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    staff = TenantForeignKey(Staff, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    version = models.PositiveIntegerField(default=0)  # counts edits: a late answer is not theirs
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    problem = models.CharField(max_length=300, blank=True)
    sent_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("remark for WeCom")
        verbose_name_plural = _("remarks for WeCom")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "contact", "staff"], name="remark_push_once")
        ]
        indexes = [
            models.Index(
                fields=["tenant", "due_at"],
                name="remark_push_due",
                condition=~models.Q(due_at=None),
            )
        ]


class StaffFigures(TenantModel):
    """What a member did with customers on one day, as WeCom counts; None: it does not say.

    `avg_reply_minutes` is the mean time to the first answer, `blocked` how many customers deleted
    or blocked the member.
    """

    staff = TenantForeignKey(
        Staff, on_delete=models.CASCADE, related_name="+", verbose_name=_("staff")
    )
    date = models.DateField(_("date"))  # in China
    chats = models.PositiveIntegerField(_("chats"), default=0)
    messages = models.PositiveIntegerField(_("messages sent"), default=0)
    reply_percentage = models.FloatField(_("answered (%)"), null=True)
    avg_reply_minutes = models.FloatField(_("minutes to the first answer"), null=True)
    blocked = models.PositiveIntegerField(_("deleted or blocked by customers"), default=0)
    applied = models.PositiveIntegerField(_("requests sent"), default=0)
    added = models.PositiveIntegerField(_("new customers"), default=0)
    fetched_at = models.DateTimeField(_("as of"))

    class Meta(TenantModel.Meta):
        verbose_name = _("figures of a member on a day")
        verbose_name_plural = _("figures of staff")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "staff", "date"], name="staff_figures_once")
        ]
        indexes = [models.Index(fields=["tenant", "-date", "staff"], name="staff_figures_date")]

    def __str__(self) -> str:
        return f"{self.staff} · {self.date}"


class Unassigned(TenantModel):
    """A customer whose member of staff resigned, waiting for somebody to take over."""

    account = TenantForeignKey(
        WeChatAccount, on_delete=models.CASCADE, related_name="+", verbose_name=_("WeChat account")
    )
    staff = TenantForeignKey(
        Staff, on_delete=models.CASCADE, related_name="+", verbose_name=_("resigned member")
    )
    external_userid = models.CharField(max_length=64)
    contact = TenantForeignKey(
        Contact, on_delete=models.CASCADE, null=True, related_name="+", verbose_name=_("contact")
    )
    left_at = models.DateTimeField(_("resigned"), null=True)
    run_id_seen = models.BigIntegerField(default=0)  # of the reading that listed it last

    class Meta(TenantModel.Meta):
        verbose_name = _("customer without a member")
        verbose_name_plural = _("customers of resigned staff")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "account", "staff", "external_userid"], name="unassigned_once"
            )
        ]
        indexes = [models.Index(fields=["tenant", "contact"], name="unassigned_contact")]

    def __str__(self) -> str:
        return str(self.contact or self.external_userid)
