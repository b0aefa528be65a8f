"""What does a callback about a group mean? That it is new or no more; that people came or went.

The list of members in the callback counts where it leads on from the version that we know; in any
case a list that was told is a fact. What is missing in between is read.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from contacts.groups import membership, reading, snapshots
from contacts.models import Group
from tenants.wechat import event_types as events

_MOVES: Final = {"add_member": True, "del_member": False}
_BY_QR: Final = 3


def hear(account_id: int, event: events.GroupChanged, at: datetime) -> None:
    """Inside a scope: repeated ones change nothing; late ones are put where they belong."""
    if not event.chat_id:
        return
    group = snapshots.called(event.chat_id)
    if event.change == "dismiss":
        snapshots.set_dismissed(group, min(at, group.dismissed_at or at))
        return
    if event.detail in _MOVES and event.members is not None:
        _move(group, event, at)
        if _leads_on(group, event):
            return
    if event.version and event.version != group.member_version:
        Group.objects.filter(pk=group.pk).update(told_version=event.version)
    reading.ask([group.pk], account_id)


def _move(group: Group, event: events.GroupChanged, at: datetime) -> None:
    members = event.members or ()
    if _MOVES[event.detail]:
        snapshots.join(event.chat_id, members, at, event.join_scene or 0)
    else:
        snapshots.leave(event.chat_id, members, at, event.quit_scene or 0)


def _leads_on(group: Group, event: events.GroupChanged) -> bool:
    """Nothing is missing before it; and it says all (not by which code somebody came in)."""
    group = membership.lock(group.pk)
    if not event.last_version or event.last_version != group.member_version:
        return False
    group.member_version = event.version
    group.save(update_fields=["member_version"])
    return not (_MOVES[event.detail] and event.join_scene == _BY_QR)
