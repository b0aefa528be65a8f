"""One message to many: broadcasts."""

from .broadcasts import (
    Broadcast,
    BroadcastBatch,
    BroadcastGroup,
    BroadcastRecipient,
    BroadcastShare,
    BroadcastStaff,
    BroadcastTag,
)

__all__ = [
    "Broadcast",
    "BroadcastBatch",
    "BroadcastGroup",
    "BroadcastRecipient",
    "BroadcastShare",
    "BroadcastStaff",
    "BroadcastTag",
]
