"""What did the business answer about itself? Every questionnaire is kept; the latest counts."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenants.models import User
from tenants.scope import TenantModel


class Industry(models.TextChoices):
    BEAUTY = "beauty", _("Beauty and skin care")
    MOTHER_BABY = "mother_baby", _("Mother and baby")
    HEALTH = "health", _("Health and nutrition")
    PETS = "pets", _("Pets")
    CLOTHING = "clothing", _("Clothing")
    JEWELLERY = "jewellery", _("Jewellery and affordable luxury")
    FOOD = "food", _("Food and fresh goods")
    RESTAURANTS = "restaurants", _("Restaurants and drinks")
    EDUCATION = "education", _("Education and training")
    INSURANCE = "insurance", _("Insurance and finance")
    APPLIANCES = "appliances", _("Home appliances")
    CARS = "cars", _("Cars")
    HOUSEHOLD = "household", _("Household goods")


_LEVELS = (
    "trial_cost", "brand_strength", "loyalty", "purchase_cycle", "audience_precision",
    "differentiation", "order_value",
)  # fmt: skip


class FitAnswer(TenantModel):
    """The seven levels as somebody saw them at a time. Rows are never changed."""

    industry = models.CharField(_("industry"), max_length=12, choices=Industry.choices)
    trial_cost = models.PositiveSmallIntegerField(_("trial cost"))
    brand_strength = models.PositiveSmallIntegerField(_("brand strength"))
    loyalty = models.PositiveSmallIntegerField(_("loyalty"))
    purchase_cycle = models.PositiveSmallIntegerField(_("purchase cycle"))
    audience_precision = models.PositiveSmallIntegerField(_("audience precision"))
    differentiation = models.PositiveSmallIntegerField(_("differentiation"))
    order_value = models.PositiveSmallIntegerField(_("order value"))
    # Empty: by an API key.
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    answered_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("answer about fit")
        verbose_name_plural = _("answers about fit")
        constraints = [
            models.CheckConstraint(
                condition=Q(*((f"{name}__range", (1, 5)) for name in _LEVELS)),
                name="fit_levels",
            )
        ]

    @classmethod
    def latest(cls) -> "FitAnswer | None":
        """Inside a scope."""
        return cls.objects.order_by("-id").first()
