"""What the tenant sells and what contacts bought. Money is whole fen."""

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from tenants.scope import TenantForeignKey, TenantModel

from .person import Contact


class Product(TenantModel):
    class Role(models.TextChoices):
        LEAD_IN = "lead_in", _("lead-in")
        ACTIVITY = "activity", _("activity")
        HIT = "hit", _("hit")
        PROFIT = "profit", _("profit")
        EXTENSION = "extension", _("extension")

    sku = models.CharField("SKU", max_length=64)
    name = models.CharField(_("name"), max_length=200)
    role = models.CharField(_("role"), max_length=9, choices=Role.choices, blank=True)
    price_fen = models.BigIntegerField(_("price (fen)"), null=True, blank=True)
    cost_fen = models.BigIntegerField(_("cost (fen)"), null=True, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = [models.UniqueConstraint(fields=["tenant", "sku"], name="product_sku")]

    def __str__(self) -> str:
        return self.name


_REFUND = Coalesce(
    F("refunded_fen"), Case(When(status="refunded", then=F("amount_fen")), default=Value(0))
)


class Order(TenantModel):
    """A purchase. `refund_fen` and `paid` follow FIGURES R3 and are computed by the database."""

    class Status(models.TextChoices):
        PAID = "paid", _("paid")
        REFUNDED = "refunded", _("refunded")
        CANCELLED = "cancelled", _("cancelled")

    order_id = models.CharField(_("order id"), max_length=64)
    contact = TenantForeignKey(
        Contact, on_delete=models.PROTECT, related_name="+", verbose_name=_("contact")
    )
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    cost_fen = models.BigIntegerField(_("cost (fen)"), default=0)
    status = models.CharField(
        _("status"), max_length=9, choices=Status.choices, default=Status.PAID
    )
    refunded_fen = models.BigIntegerField(_("refunded (fen)"), null=True, blank=True)  # as given
    refund_fen = models.GeneratedField(
        expression=_REFUND, output_field=models.BigIntegerField(), db_persist=True
    )
    paid = models.GeneratedField(
        expression=Case(
            When(
                ~Q(status="cancelled")
                & Q(paid_at__isnull=False)
                & ~(
                    Q(refunded_fen__gt=0, refunded_fen__gte=F("amount_fen"))
                    | Q(refunded_fen=None, status="refunded", amount_fen__gt=0)
                ),
                then=Value(True),  # noqa: FBT003 - an SQL value
            ),
            default=Value(False),  # noqa: FBT003 - an SQL value
        ),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "order_id"], name="order_id_once"),
            models.CheckConstraint(
                condition=Q(amount_fen__gte=0)
                & Q(cost_fen__gte=0)
                & (
                    Q(refunded_fen=None) | Q(refunded_fen__gte=0, refunded_fen__lte=F("amount_fen"))
                ),
                name="order_amounts",
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "contact", "paid_at"], include=["paid"], name="order_contact"
            ),
            # Reports add up the orders of a period without a look at the rows.
            models.Index(
                fields=["tenant", "paid_at"],
                include=["id", "contact", "paid", "amount_fen", "refund_fen", "cost_fen"],
                name="order_paid",
            ),
        ]

    def __str__(self) -> str:
        return self.order_id


class OrderItem(TenantModel):
    pk = models.CompositePrimaryKey("tenant_id", "order_id", "line")
    order = TenantForeignKey(Order, on_delete=models.CASCADE, related_name="items")
    line = models.PositiveSmallIntegerField()
    sku = models.CharField(max_length=64)
    quantity = models.PositiveIntegerField()
    price_fen = models.BigIntegerField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "sku"], name="order_item_sku")]
