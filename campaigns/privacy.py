"""What do campaigns keep of an erased person, and of two records that become one?"""

from __future__ import annotations

from campaigns.broadcasts import personal
from campaigns.models import BroadcastRecipient
from contacts.merging import rules
from contacts.privacy import decisions

_DELIVERED = BroadcastRecipient.State.DELIVERED


def register() -> None:
    decisions.cleared("that a message to many went out", BroadcastRecipient,
                      rewrite=personal.forget)  # fmt: skip
    # One person is one recipient: the message that arrived counts.
    rules.prefer(
        BroadcastRecipient,
        lambda absorbed, kept: absorbed.state == _DELIVERED and kept.state != _DELIVERED,
    )
