"""What do reports read? Facts per contact, and counted cells over them; facts.py keeps both right.

Facts hold ids of contacts, channels and stages as plain numbers, not as keys: they are a reading of
other tables, may be dropped and made again at any time, and outlive a deleted contact until the
next refresh takes its share out of the cells. A `channel_id` of 0 is "no channel".
Times are whole microseconds since 1970 UTC where they are calculated with, so that windows are
exact; days and months are of the tenant's zone. Money is whole fen.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from tenants.scope import TenantModel

# Of DayCell, GapCell, AssetCell and DeedCell: all channels together.
EVERY_CHANNEL = -1


class DirtyContact(TenantModel):
    """Something about this contact changed since its facts were read. Append-only, then deleted."""

    class What(models.IntegerChoices):
        """What alone changed of the contact: a number, as nothing here may hold words."""

        ANYTHING = 0, "anything"
        ORDERS = 1, "orders"
        SPOKE = 2, "signs of life"
        DEEDS = 3, "on which days it did what"
        TALK = 4, "talk to it: nothing but what waited for that"
        MESSAGES = 5, "what was sent at that moment: it was told of later, or came to nothing"
        ALTERED = 6, "anything, and messages of any day: it was merged, say, or is gone"

    contact_id = models.BigIntegerField()
    what = models.SmallIntegerField(
        choices=What.choices, default=What.ANYTHING, db_default=What.ANYTHING
    )
    # Nothing changed before this moment, if it is known.
    since = models.DateTimeField(null=True)

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
    # The latest moment that rows told of when facts were last refreshed.
    latest_at = models.DateTimeField(null=True)
    # Median time between consecutive paid orders of one customer (FIGURES R34), and when read.
    gap = models.DurationField(null=True)
    gap_read_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        pass


class ContactFact(TenantModel):
    """When a contact became reachable, through which channel, and its latest stage (0: none).

    Contacts with neither have no row. Of its Follows, by the day: on `follow_days[n]` one was
    opened (`follow_turns[n]` 1), ended (2) or ended by the customer (3).
    """

    pk = models.CompositePrimaryKey("tenant_id", "contact_id")
    contact_id = models.BigIntegerField()
    channel_id = models.BigIntegerField()
    reach_at = models.DateTimeField(null=True)
    reach_day = models.DateField(null=True)
    stage_id = models.BigIntegerField()
    follow_days = ArrayField(models.DateField(), db_default=[])
    follow_turns = ArrayField(models.SmallIntegerField(), db_default=[])

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
    Of all orders, `day_orders` with `day_revenues` and `day_margins` came in on each of the `days`,
    the last of them at `day_lasts`. The very first order brought `first_revenue`. An order of
    one of the days but from before its last moment stands in the columns `early_`, too.
    Additions by live codes: at `add_us[n]` by `add_codes[n]`, of the channel `add_channels[n]`.
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
    days = ArrayField(models.DateField(), db_default=[])
    day_orders = ArrayField(models.IntegerField(), db_default=[])
    day_revenues = ArrayField(models.BigIntegerField(), db_default=[])
    day_margins = ArrayField(models.BigIntegerField(), db_default=[])
    day_lasts = ArrayField(models.BigIntegerField(), db_default=[])
    first_revenue = models.BigIntegerField(default=0, db_default=0)
    early_days = ArrayField(models.DateField(), null=True)
    early_us = ArrayField(models.BigIntegerField(), null=True)
    early_revenues = ArrayField(models.BigIntegerField(), null=True)
    early_margins = ArrayField(models.BigIntegerField(), null=True)
    add_us = ArrayField(models.BigIntegerField(), null=True)
    add_codes = ArrayField(models.BigIntegerField(), null=True)
    add_channels = ArrayField(models.BigIntegerField(), null=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["tenant", "reach_us"],
                include=["contact_id", "channel_id"],
                name="customer_fact_reached",
            ),
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
            models.Index(
                fields=["tenant", "reached_us"],
                include=["stage_id", "contact_id"],
                name="stage_reach_latest",
            ),
        ]


class DayCell(TenantModel):
    """What contacts of a channel, or of all together, did on a day; what became of their Follows.

    `contacts` and `customers` are new ones, `repeats` are second orders. `deleted` Follows are
    those of the `ended` ones that the customer ended. Revenue and margin are whole fen;
    `first_revenue` is that of the new customers' first orders.
    """

    pk = models.CompositePrimaryKey("tenant_id", "day", "channel_id")
    day = models.DateField()
    channel_id = models.BigIntegerField()
    contacts = models.BigIntegerField(default=0, db_default=0)
    customers = models.BigIntegerField(default=0, db_default=0)
    repeats = models.BigIntegerField(default=0, db_default=0)
    orders = models.BigIntegerField(default=0, db_default=0)
    revenue = models.BigIntegerField(default=0, db_default=0)
    margin = models.BigIntegerField(default=0, db_default=0)
    first_revenue = models.BigIntegerField(default=0, db_default=0)
    opened = models.BigIntegerField(default=0, db_default=0)
    ended = models.BigIntegerField(default=0, db_default=0)
    deleted = models.BigIntegerField(default=0, db_default=0)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "channel_id", "day"], name="day_cell_channel")]


class OrderDay(TenantModel):
    """Who bought on a day: a column of numbers for each figure, all in one order; order_days.py.

    Ids of contacts, and of each the channel's (0: none), its orders of the day, their revenue and
    margin in fen and the moment of the last one in microseconds. Empty: they changed since.
    """

    pk = models.CompositePrimaryKey("tenant_id", "day")
    day = models.DateField()
    buyers = models.IntegerField(null=True)
    contacts = models.BinaryField(null=True)
    channels = models.BinaryField(null=True)
    orders = models.BinaryField(null=True)
    revenues = models.BinaryField(null=True)
    margins = models.BinaryField(null=True)
    lasts = models.BinaryField(null=True)

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
