"""What do the fans of an official account tell by what they do, and by what arrives at them?

Their openid is met here; who they are, and whether they are a WeCom customer too, the worker of
contacts/details.py asks the platform.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from contacts import details, kinds
from contacts.identity import Account, Origin
from contacts.models import Identity
from tenants.models import WeChatAccount
from tenants.wechat import event_types as events

if TYPE_CHECKING:
    from contacts.ingest import Batch, Taken

FanEvent = (
    events.FanFollowed
    | events.FanLeft
    | events.FanScanned
    | events.FanSpoke
    | events.MenuClicked
    | events.TemplateFinished
    | events.SubscribeMessageChanged
)

# What the platform says of a message by template, in our words.
_ARRIVED: Final = "success"
_BLOCKED: Final = "user block"
_SENT: Final = "sent"


def hear(batch: Batch, one: Taken, event: FanEvent) -> None:
    """Within the transaction of a batch of callbacks."""
    account = one.row.account
    if account.kind != WeChatAccount.Kind.OFFICIAL:
        return
    opened = isinstance(event, events.FanFollowed)
    fan = Account(Identity.Kind.OPENID, event.openid, account.app_id)
    contact_id = batch.meet(fan, Origin(at=one.at) if opened else Origin())
    if opened or isinstance(event, events.FanSpoke | events.FanScanned):
        details.ask_of_fan(fan, account.pk, anew=opened)
    match event:
        case events.FanFollowed() | events.FanLeft():
            kind = kinds.SUBSCRIPTION_OPENED if opened else kinds.SUBSCRIPTION_ENDED
            batch.happened.append(one.tells(contact_id, kind, {"account": account.app_id}))
            batch.moved.add(contact_id)
        case events.TemplateFinished():
            told = {"route": "template", "message": event.message_id}
            _finished(batch, one, contact_id, told, event.status)
        case events.SubscribeMessageChanged():
            if event.change == _SENT:
                for number, (template, status, msgid) in enumerate(event.entries):
                    suffix = f":{number}"
                    message = msgid or bytes(one.row.digest).hex() + suffix
                    told = {"route": "subscribe", "message": message, "template": template}
                    _finished(batch, one, contact_id, told, status, suffix)
        case _:
            _acted(batch, one, contact_id, event)


def _acted(
    batch: Batch,
    one: Taken,
    contact_id: int,
    event: events.FanScanned | events.FanSpoke | events.MenuClicked,
) -> None:
    properties: dict[str, object] = {"account": one.row.account.app_id}
    if isinstance(event, events.FanSpoke):
        kind = kinds.MESSAGE_RECEIVED
    elif isinstance(event, events.MenuClicked):
        kind = kinds.MENU_CLICKED
        properties["key"] = event.key
    else:
        kind = kinds.CODE_SCANNED
        properties |= {"scene": event.scene} if event.scene else {}
    batch.happened.append(one.tells(contact_id, kind, properties))


def _finished(
    batch: Batch,
    one: Taken,
    contact_id: int,
    about: dict[str, str],
    status: str,
    suffix: str = "",
) -> None:
    """Of a template message (known by its number) or a subscribe message (perhaps only by its
    template)."""
    blocked = _BLOCKED in status
    properties = {
        "account": one.row.account.app_id,
        **about,
        "status": status,
        "by": _ARRIVED if status == _ARRIVED else "blocked" if blocked else "failed",
    }
    told: dict[str, object] = {name: value for name, value in properties.items() if value}
    batch.happened.append(one.tells(contact_id, kinds.NOTICE_FINISHED, told, suffix))
