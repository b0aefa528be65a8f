"""Callbacks about staff, departments and tags: what they mean for our tables.

Those about tags name ids only and come in swarms: they have the list read anew, once for all.
"""

from __future__ import annotations

from contacts.models import SyncRun
from contacts.sync import running, staff
from tenants.models import Staff, WeChatAccount
from tenants.wechat import event_types as events

Kind = SyncRun.Kind


def hear(account: WeChatAccount, event: events.Event) -> None:
    """Inside a scope: apply it, or have what it is about read. Repeated ones change nothing."""
    match event:
        case events.StaffChanged(change="delete"):
            left = Staff.objects.filter(userid=event.user_id).values_list("id", flat=True)
            staff.resign(list(left))
        case events.StaffChanged():
            staff.rename(account.pk, event.user_id, event.new_user_id)
            _read(account, Kind.STAFF)
        case events.DepartmentChanged():
            _read(account, Kind.STAFF)
        case events.TagChanged():
            _read(account, Kind.TAGS)


def _read(account: WeChatAccount, kind: str) -> None:
    """Only what was read before is kept up: the first reading is a person's decision."""
    if running.was_read(account.pk, kind):
        running.ask(account, [kind])
