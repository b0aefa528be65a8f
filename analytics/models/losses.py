"""Which openings of Follows count for losses, and how did they end? loss_facts/readings.py."""

from django.db import models

from tenants.scope import TenantModel


class LossFact(TenantModel):
    """A Follow was opened, not by a hand-over, on a `day`; a member and a contact once a moment.

    `ending` is one of readings.Ending, and stands for those within the longest of readings.DAYS;
    `place` says in which of these it first lies. `channel_id` and `source` (readings.SOURCES, from
    1 on) are the contact's; so is `live_code_id`, where the Follow has none. 0 is none.
    """

    pk = models.CompositePrimaryKey("tenant_id", "contact_id", "staff_id", "opened_at")
    contact_id = models.BigIntegerField()
    staff_id = models.BigIntegerField()
    opened_at = models.DateTimeField()
    day = models.DateField()
    channel_id = models.BigIntegerField()
    live_code_id = models.BigIntegerField()
    source = models.SmallIntegerField()
    ending = models.SmallIntegerField()
    place = models.SmallIntegerField()

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["tenant", "day"],
                include=[
                    "opened_at", "channel_id", "staff_id", "live_code_id", "source", "ending",
                    "place",
                ],
                name="loss_fact_day",
            )
        ]  # fmt: skip


class LossCell(TenantModel):
    """Of the Follows opened on a day in one row of a group: how many had ended within N days?

    `kind` is the group (readings.KINDS), `key` its row: an id, or the number of a source. Those
    lost by whomever include the `deleted` ones, which the customer ended; `handed` ones were
    handed over before N days had passed.
    """

    pk = models.CompositePrimaryKey("tenant_id", "kind", "day", "key")
    kind = models.SmallIntegerField()
    day = models.DateField()
    key = models.BigIntegerField()
    opened = models.IntegerField()
    lost_1 = models.IntegerField()
    lost_3 = models.IntegerField()
    lost_7 = models.IntegerField()
    lost_30 = models.IntegerField()
    lost_90 = models.IntegerField()
    deleted_1 = models.IntegerField()
    deleted_3 = models.IntegerField()
    deleted_7 = models.IntegerField()
    deleted_30 = models.IntegerField()
    deleted_90 = models.IntegerField()
    handed_1 = models.IntegerField()
    handed_3 = models.IntegerField()
    handed_7 = models.IntegerField()
    handed_30 = models.IntegerField()
    handed_90 = models.IntegerField()

    class Meta(TenantModel.Meta):
        pass
