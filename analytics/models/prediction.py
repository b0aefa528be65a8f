"""What is foretold of customers, and by which model? prediction/forecasts.py keeps it."""

from django.db import models

from tenants.scope import TenantModel


class ForecastState(TenantModel):
    """How far predictions are: `as_of` is the moment of the fit that forecasts are made with.

    `orders` grows whenever orders changed: a fit that was kept holds as long as it stands still.
    `changed` counts the contacts concerned since the fit, which took so many seconds.
    """

    pk = models.CompositePrimaryKey("tenant_id", "only")
    only = models.BooleanField(default=True)
    orders = models.BigIntegerField(default=0)
    changed = models.BigIntegerField(default=0)
    as_of = models.DateTimeField(null=True)
    took = models.FloatField(default=0)
    # Was there a model? Else nobody has a forecast.
    known = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        pass


class PurchaseFit(TenantModel):
    """The model of the tenant's purchases as of a moment: `told` is predicting.Fit."""

    pk = models.CompositePrimaryKey("tenant_id", "as_of")
    as_of = models.DateTimeField()
    zone = models.CharField(max_length=64)
    orders = models.BigIntegerField()
    told = models.JSONField()

    class Meta(TenantModel.Meta):
        pass


class Forecast(TenantModel):
    """What a customer is expected to do within 365 days of `as_of`; `margin` is fen, unrounded.

    `next_on`: by that day a purchase is as likely as not. None: not within the year.
    """

    pk = models.CompositePrimaryKey("tenant_id", "contact_id")
    contact_id = models.BigIntegerField()
    as_of = models.DateTimeField()
    p_alive = models.FloatField()
    orders = models.FloatField()
    margin = models.FloatField()
    next_on = models.DateField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "margin"], name="forecast_margin"),
            models.Index(fields=["tenant", "p_alive"], name="forecast_alive"),
        ]


class StaleForecast(TenantModel):
    """This contact's orders changed since their forecast. Append-only, then deleted."""

    contact_id = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        pass
