"""What do reports read? Facts per contact, and counted cells over them; facts.py keeps both right.

Facts hold ids of contacts, channels and stages as plain numbers, not as keys: they are a reading of
other tables, may be dropped and made again at any time, and outlive a deleted contact until the
next refresh takes its share out of the cells. A `channel_id` of 0 is "no channel".
Times are whole microseconds since 1970 UTC where they are calculated with, so that windows are
exact; days and months are of the tenant's zone. Money is whole fen.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from analytics import (  # noqa: F401 - Django finds tables through this module
    alert_models,
    goal_models,
)
from tenants.scope import TenantModel

# Of GapCell: all channels together.
EVERY_CHANNEL = -1


class DirtyContact(TenantModel):
    """Something about this contact changed since its facts were read. Append-only, then deleted."""

    contact_id = models.BigIntegerField()
    # Nothing but what the contact bought.
    orders = models.BooleanField(default=False, db_default=False)
    # Nothing but signs of life.
    spoke = models.BooleanField(default=False, db_default=False)

    class Meta(TenantModel.Meta):
        pass


class FactsState(TenantModel):
    """How far the tenant's facts are. `basis` is what all of them depend on: zone, order of stages.

    `version` grows with every refresh: a reader that sees it unchanged has seen one state.
    """

    pk = models.CompositePrimaryKey("tenant_id", "only")
    only = models.BooleanField(default=True)
    basis = models.CharField(max_length=500, blank=True)
    version = models.BigIntegerField(default=0)
    caught_up_at = models.DateTimeField()
    # Median time between consecutive paid orders of one customer (FIGURES R34), and when read.
    gap = models.DurationField(null=True)
    gap_read_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        pass


class ContactFact(TenantModel):
    """When a contact became reachable, through which channel, and its latest stage (0: none).

    Contacts with neither have no row.
    """

    pk = models.CompositePrimaryKey("tenant_id", "contact_id")
    contact_id = models.BigIntegerField()
    channel_id = models.BigIntegerField()
    reach_at = models.DateTimeField(null=True)
    reach_day = models.DateField(null=True)
    stage_id = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["tenant", "reach_at"], include=["channel_id"], name="contact_fact_reach"
            )
        ]


class CustomerFact(TenantModel):
    """What a customer was worth by age: `margins[n]` came in by paid orders of age `ages[n]`.

    The age of an order is the smallest whole d with paid_at ≤ first + d days (FIGURES R21), up to
    365; `margin_365` is the sum. Every customer has age 0: the first order.
    Of all orders, `revenues` and `month_margins` came in in each of the calendar `months`.
    """

    pk = models.CompositePrimaryKey("tenant_id", "contact_id")
    contact_id = models.BigIntegerField()
    channel_id = models.BigIntegerField()
    reach_us = models.BigIntegerField(null=True)
    reach_month = models.DateField(null=True)
    first_us = models.BigIntegerField()
    first_day = models.DateField()
    margin_365 = models.BigIntegerField()
    ages = ArrayField(models.SmallIntegerField())
    margins = ArrayField(models.BigIntegerField())
    months = ArrayField(models.DateField(), db_default=[])
    revenues = ArrayField(models.BigIntegerField(), db_default=[])
    month_margins = ArrayField(models.BigIntegerField(), db_default=[])

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "reach_us"], name="customer_fact_reached"),
            models.Index(
                fields=["tenant", "first_us"],
                include=["channel_id", "reach_us", "margin_365", "contact_id"],
                name="customer_fact_bought",
            ),
        ]


class ReferralPart(TenantModel):
    """What referral adds to a customer's LTV (FIGURES R24): one referred customer, or the rewards.

    `contact_id` is the referred customer, or the rewarded one itself; `customer_id`, `channel_id`
    and `reach_us` are those of the customer whose LTV it counts in. A value counts for d when
    `observed_us` + d days lie before the moment of the report.
    """

    pk = models.CompositePrimaryKey("tenant_id", "contact_id", "reward")
    contact_id = models.BigIntegerField()
    reward = models.BooleanField()
    customer_id = models.BigIntegerField()
    channel_id = models.BigIntegerField()
    reach_us = models.BigIntegerField()
    observed_us = models.BigIntegerField()
    d30 = models.BigIntegerField()
    d60 = models.BigIntegerField()
    d90 = models.BigIntegerField()
    d180 = models.BigIntegerField()
    d365 = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "reach_us"], name="referral_part_reach"),
            models.Index(fields=["tenant", "customer_id"], name="referral_part_customer"),
        ]


class StageReach(TenantModel):
    """When a contact first reached a stage or one beyond it (FIGURES R35).

    `gap_us` is the time since the stage before, if neither of the two was skipped; `bucket` groups
    gaps of similar length, in their order.
    """

    pk = models.CompositePrimaryKey("tenant_id", "contact_id", "stage_id")
    contact_id = models.BigIntegerField()
    stage_id = models.BigIntegerField()
    channel_id = models.BigIntegerField()
    start_us = models.BigIntegerField()
    start_day = models.DateField()
    reached_us = models.BigIntegerField()
    gap_us = models.BigIntegerField(null=True)
    bucket = models.SmallIntegerField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["tenant", "start_us"],
                include=["stage_id", "channel_id", "bucket", "reached_us", "gap_us"],
                name="stage_reach_start",
            ),
            models.Index(
                fields=["tenant", "stage_id", "bucket", "start_us"],
                include=["channel_id", "reached_us", "gap_us"],
                condition=models.Q(bucket__isnull=False),
                name="stage_reach_bucket",
            ),
            models.Index(fields=["tenant", "reached_us"], name="stage_reach_latest"),
        ]


class DayCell(TenantModel):
    """New contacts and new customers of a day and channel."""

    pk = models.CompositePrimaryKey("tenant_id", "day", "channel_id")
    day = models.DateField()
    channel_id = models.BigIntegerField()
    contacts = models.BigIntegerField(default=0)
    customers = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        pass


class CohortCell(TenantModel):
    """Margin by age of those who became reachable in a month; `customers` stands at age 0."""

    pk = models.CompositePrimaryKey("tenant_id", "month", "channel_id", "age")
    month = models.DateField()
    channel_id = models.BigIntegerField()
    age = models.SmallIntegerField()
    margin = models.BigIntegerField()
    customers = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        pass


class CohortMonth(TenantModel):
    """What those who first bought in the month `cohort` bought in `month`, and how many did."""

    pk = models.CompositePrimaryKey("tenant_id", "cohort", "channel_id", "month")
    cohort = models.DateField()
    channel_id = models.BigIntegerField()
    month = models.DateField()
    customers = models.BigIntegerField()
    revenue = models.BigIntegerField()
    margin = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        pass


class FunnelCell(TenantModel):
    """Of the contacts that entered the journey on a day: how many reached the stage, or beyond."""

    pk = models.CompositePrimaryKey("tenant_id", "day", "channel_id", "stage_id")
    day = models.DateField()
    channel_id = models.BigIntegerField()
    stage_id = models.BigIntegerField()
    contacts = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        pass


class GapCell(TenantModel):
    """How many gaps fall into a bucket, by month of entry into the journey; see StageReach."""

    pk = models.CompositePrimaryKey("tenant_id", "channel_id", "month", "stage_id", "bucket")
    month = models.DateField()
    channel_id = models.BigIntegerField()
    stage_id = models.BigIntegerField()
    bucket = models.SmallIntegerField()
    contacts = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        pass


class StageCount(TenantModel):
    """How many contacts stand in a stage by their latest move."""

    pk = models.CompositePrimaryKey("tenant_id", "channel_id", "stage_id")
    channel_id = models.BigIntegerField()
    stage_id = models.BigIntegerField()
    contacts = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        pass


class AssetPiece(TenantModel):
    """A stretch of time in which a contact, or a Follow, stood in one row of the user assets.

    Of a contact `staff_id` is 0, of a Follow `level` is 0; asset_readings.py says more. Pieces in
    which a contact is active (L2, L3) always have an end: the last sign of life wears off.
    """

    pk = models.CompositePrimaryKey("tenant_id", "contact_id", "staff_id", "since", "level")
    contact_id = models.BigIntegerField()
    staff_id = models.BigIntegerField()
    level = models.SmallIntegerField()
    channel_id = models.BigIntegerField()
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)
    began = models.DateTimeField()  # when the contact became reachable: the same in all its pieces
    came = models.SmallIntegerField()  # which of asset_readings.LINES, from 1 on
    went = models.SmallIntegerField(null=True)
    since_day = models.DateField()
    until_day = models.DateField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["tenant", "until"],
                include=["since", "level", "contact_id", "began", "came", "went", "channel_id"],
                condition=models.Q(level__gte=2),
                name="asset_piece_active",
            )
        ]


class AssetCell(TenantModel):
    """By how many did a row of the user assets change on a day, line by line?

    Of contacts by level (`staff_id` 0), of Follows by staff (`level` 0).
    """

    pk = models.CompositePrimaryKey("tenant_id", "staff_id", "level", "channel_id", "day")
    staff_id = models.BigIntegerField()
    level = models.SmallIntegerField()
    channel_id = models.BigIntegerField()
    day = models.DateField()
    acquired = models.BigIntegerField(default=0)
    returned = models.BigIntegerField(default=0)
    moved_in = models.BigIntegerField(default=0)
    lost_by_customer = models.BigIntegerField(default=0)
    lost_by_staff = models.BigIntegerField(default=0)
    moved_out = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        pass


class RfmBorders(TenantModel):
    """What a customer must surpass for the scores 2, 3, 4 and 5 of a period; see rfm_borders.py.

    Of a period without customers they are empty.
    """

    pk = models.CompositePrimaryKey("tenant_id", "start", "end")
    start = models.DateField()
    end = models.DateField()
    read_at = models.DateTimeField()
    r = ArrayField(models.DateTimeField())
    f = ArrayField(models.BigIntegerField())
    m = ArrayField(models.BigIntegerField())

    class Meta(TenantModel.Meta):
        pass


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
