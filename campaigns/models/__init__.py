"""One message to many: broadcasts."""

from .broadcasts import Broadcast, BroadcastGroup, BroadcastStaff, BroadcastTag
from .calls import BroadcastBatch, BroadcastRecipient, BroadcastShare

__all__ = [
    "Broadcast",
    "BroadcastBatch",
    "BroadcastGroup",
    "BroadcastRecipient",
    "BroadcastShare",
    "BroadcastStaff",
    "BroadcastTag",
]
