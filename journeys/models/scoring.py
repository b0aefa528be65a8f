"""Score: what earns points, the points earned, and the sum that needs no nightly job."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact, Event
from tenants.models import Staff
from tenants.scope import TenantForeignKey, TenantModel

GRADE_WEIGHTS = {"A": 1.5, "B": 1.2, "C": 1.0, "D": 0.6}
GRADE_THRESHOLDS = {"A": 60, "B": 30, "C": 0}  # fit points from which the grade holds; below: D


def default_weights() -> dict[str, float]:
    return dict(GRADE_WEIGHTS)


def default_thresholds() -> dict[str, int]:
    return dict(GRADE_THRESHOLDS)


class ScoreModel(TenantModel):
    """The published scoring of a tenant: one half-life, grades, the threshold of a lead.

    `epoch` is the fixed moment to which all points are decayed forward (PERFORMANCE: one half-life,
    so the order of two contacts never changes by waiting).
    """

    half_life_days = models.FloatField(_("half-life (days)"), default=14.0)
    epoch = models.DateTimeField(default=timezone.now, editable=False)
    grade_weights = models.JSONField(_("weights of the grades"), default=default_weights)
    grade_thresholds = models.JSONField(_("fit points of the grades"), default=default_thresholds)
    lead_threshold = models.FloatField(_("score of a lead"), default=60.0)
    version = models.PositiveIntegerField(default=1, editable=False)
    published_at = models.DateTimeField(null=True, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("scoring")
        verbose_name_plural = _("scoring")
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="one_score_model"),
            models.CheckConstraint(condition=models.Q(half_life_days__gt=0), name="half_life_positive"),
        ]


class ScoreRule(TenantModel):
    """Event kind (+ property filter) → engagement points, or attribute/tag condition → fit points."""

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

    class Meta(TenantModel.Meta):
        verbose_name = _("score rule")
        verbose_name_plural = _("score rules")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="score_rule_name")]

    def __str__(self) -> str:
        return self.name


class ScorePoint(TenantModel):
    """Points that one event earned by one rule: the explanation of a score, and its replay guard."""

    pk = models.CompositePrimaryKey("tenant_id", "event_id", "rule_id")
    event = TenantForeignKey(Event, on_delete=models.CASCADE, related_name="+")
    rule = TenantForeignKey(ScoreRule, on_delete=models.CASCADE, related_name="+")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    points = models.IntegerField()
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "contact", "rule", "at"], name="score_point_contact"),
            models.Index(fields=["tenant", "rule"], name="score_point_rule"),
        ]


class Score(TenantModel):
    """The forward-decayed sum of a contact. Score now = `key` × 2^(−(now − epoch)/half-life).

    `engagement_key` is the sum of points × 2^((t − epoch)/half-life); `key` is that (never below 0)
    times the weight of the grade, and is what the lead queue is ordered by.
    """

    pk = models.CompositePrimaryKey("tenant_id", "contact_id")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    engagement_key = models.FloatField(default=0.0)
    key = models.FloatField(default=0.0)
    fit = models.IntegerField(default=0)
    grade = models.CharField(max_length=1, default="C")
    owner = TenantForeignKey(Staff, on_delete=models.SET_NULL, null=True, related_name="+")
    last_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index("tenant", models.F("key").desc(), "contact", name="score_order"),
            models.Index("tenant", "owner", models.F("key").desc(), "contact", name="score_owner"),
        ]
