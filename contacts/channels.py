"""How does a channel go? Whoever came by it came by none from then on."""

from __future__ import annotations

from contacts import cascade, changes
from contacts.models import Channel, Contact


def delete(channel: Channel) -> None:
    """Inside a scope; no event tells the contacts. Raises ProtectedError while costs or live codes
    are booked for it.
    """
    came = list(Contact.objects.filter(channel=channel).values_list("id", flat=True))
    cascade.delete(Channel, [channel.pk])
    changes.note(came)
