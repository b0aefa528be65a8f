"""Messages by day: who was sent how many by whom, packed."""

from __future__ import annotations

from django.db import models

from tenants.scope import TenantModel


class MessageDay(TenantModel):
    """What was sent on a day that is over: a column of numbers each, in one order; message_days.py.

    Ids of contacts, and of the staff who sent it, 0 for none; `gentle`, the first ones, are service
    and greetings.
    """

    pk = models.CompositePrimaryKey("tenant_id", "day")
    day = models.DateField()
    messages = models.IntegerField()
    gentle = models.IntegerField()
    contacts = models.BinaryField()
    senders = models.BinaryField()

    class Meta(TenantModel.Meta):
        pass
