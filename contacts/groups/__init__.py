"""Who is in which customer group, since when? Facts come in here; spells and counts follow.

`apply_snapshot` takes the platform's answer about one group, `join` and `leave` what its callbacks
tell, `record` moves of people that are known already. All may come late, twice and in any order.
"""

from contacts.groups.membership import Move, Who, record
from contacts.groups.people import adopt, resettle
from contacts.groups.snapshots import apply_snapshot, dismiss, join, leave

__all__ = [
    "Move",
    "Who",
    "adopt",
    "apply_snapshot",
    "dismiss",
    "join",
    "leave",
    "record",
    "resettle",
]
