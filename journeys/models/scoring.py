"""Score: what earns points, the points earned, and the sum that needs no nightly job."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact, Event
from tenants.scope import TenantForeignKey, TenantModel

GRADE_WEIGHTS = {"A": 1.5, "B": 1.2, "C": 1.0, "D": 0.6}
GRADE_THRESHOLDS = {"A": 60, "B": 30, "C": 0}  # fit points from which the grade holds; below: D


def default_weights() -> dict[str, float]:
    return dict(GRADE_WEIGHTS)


def default_thresholds() -> dict[str, int]:
    return dict(GRADE_THRESHOLDS)


class ScoreModel(TenantModel):
    """One published version of a tenant's scoring: frozen rules, one half-life, grades, threshold.

    `epoch` is the fixed moment to which all points are decayed forward (one half-life, so the order
    of two contacts never changes by waiting). One version is live; the next is built beside it
    while the live one stays in use, and takes over in one statement.
    """

    class State(models.TextChoices):
        BUILDING = "building", _("being computed")
        LIVE = "live", _("live")
        RETIRED = "retired", _("retired")

    version = models.PositiveIntegerField(_("version"))
    state = models.CharField(
        _("state"), max_length=8, choices=State.choices, default=State.BUILDING
    )
    rules = models.JSONField(default=list)  # as published: scoring.freeze()
    half_life_days = models.FloatField(_("half-life (days)"), default=14.0)
    epoch = models.DateTimeField(default=timezone.now)
    grade_weights = models.JSONField(_("weights of the grades"), default=default_weights)
    grade_thresholds = models.JSONField(_("fit points of the grades"), default=default_thresholds)
    lead_threshold = models.FloatField(_("score of a lead"), default=60.0)
    done_to = models.BigIntegerField(default=0)  # contacts up to this id are computed
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(_("published"), null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("scoring")
        verbose_name_plural = _("scoring")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "version"], name="score_model_version"),
            models.UniqueConstraint(
                fields=["tenant", "state"],
                condition=models.Q(state__in=["building", "live"]),
                name="one_live_score_model",
            ),
            models.CheckConstraint(
                condition=models.Q(half_life_days__gt=0), name="half_life_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"v{self.version}"


class ScoreRule(TenantModel):
    """Event kind (+ property filter) → engagement points, or attribute/tag condition → fit points.

    Editing a rule changes no score: publishing freezes all active rules into a ScoreModel.
    """

    class Part(models.TextChoices):
        ENGAGEMENT = "engagement", _("engagement")
        FIT = "fit", _("fit")

    name = models.CharField(_("name"), max_length=100)
    part = models.CharField(_("part"), max_length=10, choices=Part.choices, default=Part.ENGAGEMENT)
    kind = models.CharField(_("event kind"), max_length=64, blank=True)
    condition = models.JSONField(_("condition"), default=dict, blank=True)
    points = models.IntegerField(_("points"))
    daily_times = models.PositiveSmallIntegerField(_("times a day at most"), null=True, blank=True)
    total_points = models.PositiveIntegerField(_("points at most"), null=True, blank=True)
    active = models.BooleanField(_("active"), default=True)
    deleted_at = models.DateTimeField(null=True, editable=False)  # points already earned name it

    class Meta(TenantModel.Meta):
        verbose_name = _("score rule")
        verbose_name_plural = _("score rules")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                condition=models.Q(deleted_at=None),
                name="score_rule_name",
            )
        ]

    def __str__(self) -> str:
        return self.name


class ScorePoint(TenantModel):
    """Points that one event earned by one rule: explains a score, and guards against replay."""

    pk = models.CompositePrimaryKey("tenant_id", "model_id", "event_id", "rule_id")
    model = TenantForeignKey(ScoreModel, on_delete=models.CASCADE, related_name="+")
    event = TenantForeignKey(Event, on_delete=models.CASCADE, related_name="+")
    rule = TenantForeignKey(ScoreRule, on_delete=models.CASCADE, related_name="+")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    points = models.IntegerField()
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["tenant", "contact", "model", "rule", "at"], name="score_point_contact"
            ),
        ]


class Score(TenantModel):
    """The forward-decayed sum of a contact. Score now = `key` × 2^(−(now − epoch)/half-life).

    `engagement_key` is the sum of points × 2^((t − epoch)/half-life); `key` is that (never below 0)
    times the weight of the grade, and is what lists are ordered by. `crossed_at` is when it was
    last noticed to rise to the threshold of a lead.
    """

    pk = models.CompositePrimaryKey("tenant_id", "model_id", "contact_id")
    model = TenantForeignKey(ScoreModel, on_delete=models.CASCADE, related_name="+")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    engagement_key = models.FloatField(default=0.0)
    key = models.FloatField(default=0.0)
    fit = models.IntegerField(default=0)
    grade = models.CharField(max_length=1, default="C")
    last_at = models.DateTimeField(null=True)
    crossed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index("tenant", "model", models.F("key").desc(), "contact", name="score_order"),
            models.Index(fields=["tenant", "contact"], name="score_contact"),
        ]
