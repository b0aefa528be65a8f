"""On which days did a contact do something, and when the time before? deeds/readings.py."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from tenants.scope import TenantModel


class DeedFact(TenantModel):
    """All deeds of a contact: what it adds to the cells, entry by entry, as parallel arrays.

    The last four end before those deeds on whose day the contact could be reached, of which there
    is one, without money: nearly all. `referrer_id` is whose deeds depend on this contact, too.
    """

    pk = models.CompositePrimaryKey("tenant_id", "contact_id")
    contact_id = models.BigIntegerField()
    channel_id = models.BigIntegerField()
    referrer_id = models.BigIntegerField(null=True)
    kinds = ArrayField(models.SmallIntegerField())
    days = ArrayField(models.DateField())
    befores = ArrayField(models.DateField())
    seens = ArrayField(models.DateField())
    nexts = ArrayField(models.DateField())
    times = ArrayField(models.IntegerField())
    fens = ArrayField(models.BigIntegerField())

    class Meta(TenantModel.Meta):
        pass


class DeedCell(TenantModel):
    """How many contacts did this on that `day`, the time before on the day `before`?

    Who did it in a period, each once, are those whose day lies in it and whose day before does not:
    so heads of any period are a sum. `seen` is the last day, up to then, on which they could be
    reached; where that is an earlier one, `next` is the first day after. Days that are not are the
    first and the last one of the calendar (readings.NEVER). Of orders `times` counts orders, `fen`
    is their revenue, and `before` the day of the last touch before them.
    All channels together; what comes of scans in its own channel, too.
    """

    pk = models.CompositePrimaryKey(
        "tenant_id", "kind", "channel_id", "day", "before", "seen", "next"
    )
    kind = models.SmallIntegerField()
    channel_id = models.BigIntegerField()
    day = models.DateField()
    before = models.DateField()
    seen = models.DateField()
    next = models.DateField()
    times = models.BigIntegerField()
    fen = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        pass
