"""How many orders were credited to which points? analytics/credits/readings.py."""

from django.db import models

from tenants.scope import TenantModel


class CreditCell(TenantModel):
    """Of the orders paid on a day: how many had so many `points` in the window before them, and
    one of these, the first one or not, the last one or not, of this `key`?

    `kind` is the group (readings.KINDS), `key` the id of its row. Each order counts once for each
    of its points in each window. Revenue and margin are whole fen.
    """

    pk = models.CompositePrimaryKey(
        "tenant_id", "kind", "window_days", "day", "key", "points", "first", "last"
    )
    kind = models.SmallIntegerField()
    window_days = models.SmallIntegerField()
    day = models.DateField()
    key = models.BigIntegerField()
    points = models.IntegerField()
    first = models.BooleanField()
    last = models.BooleanField()
    orders = models.BigIntegerField()
    revenue = models.BigIntegerField()
    margin = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        pass
