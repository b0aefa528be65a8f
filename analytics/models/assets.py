"""In which row of the user assets does a contact stand, and since when? assets/readings.py."""

from django.db import models

from tenants.scope import TenantModel


class AssetPiece(TenantModel):
    """A stretch of time in which a contact, or a Follow, stood in one row of the user assets.

    Of a contact `staff_id` is 0, of a Follow `level` is 0; assets/readings.py says more. Pieces in
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
    came = models.SmallIntegerField()  # which of assets.readings.LINES, from 1 on
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
            ),
            # Whose stretches ended, and who came back: by these, heads differ from stretches.
            models.Index(
                fields=["tenant", "until"],
                include=["since", "level", "contact_id", "began", "came", "channel_id"],
                condition=models.Q(staff_id=0, went__in=[4, 5]),
                name="asset_piece_lost",
            ),
            models.Index(
                fields=["tenant", "since"],
                include=["contact_id", "channel_id"],
                condition=models.Q(staff_id=0, came=2),
                name="asset_piece_returned",
            ),
        ]


class AssetCell(TenantModel):
    """By how many did a row of the user assets change on a day, line by line?

    Of contacts by level (`staff_id` 0), of Follows by staff (`level` 0). Each counts in its channel
    and in facts.EVERY_CHANNEL: all together.
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


class AssetChange(TenantModel):
    """How many active heads are in another piece when they leave the book of a period than when
    they entered it? Of a period of up to assets.readings.CHANGE_DAYS days, the sum of its cells.

    A cell is in it if `since_day` and `until_day` are. `heads_23` entered at L2 and left at L3, and
    so on; assets/readings.py says how pieces are counted, some of them below zero.
    """

    pk = models.CompositePrimaryKey("tenant_id", "since_day", "until_day")
    since_day = models.DateField()
    until_day = models.DateField()
    heads_22 = models.IntegerField(default=0)
    heads_23 = models.IntegerField(default=0)
    heads_32 = models.IntegerField(default=0)
    heads_33 = models.IntegerField(default=0)

    class Meta(TenantModel.Meta):
        pass


class AssetBalance(TenantModel):
    """How many stand in a row of the user assets with no end in sight, and what are they worth?

    Of pieces without `until`: of contacts by channel (`staff_id` 0), of Follows by staff and
    channel. `worth` is the margin that is foretold of them, fen. assets/balances.py keeps it.
    """

    pk = models.CompositePrimaryKey("tenant_id", "staff_id", "channel_id")
    staff_id = models.BigIntegerField()
    channel_id = models.BigIntegerField()
    heads = models.BigIntegerField()
    worth = models.DecimalField(max_digits=30, decimal_places=6)

    class Meta(TenantModel.Meta):
        pass
