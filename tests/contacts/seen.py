"""What the tests of callbacks put into the inbox, and see of the one contact there is."""

from __future__ import annotations

import hashlib

from django.utils import timezone

from contacts.models import Contact, Event
from tenants.models import Callback
from tests.wechat_fixtures import WeChat


def only(wechat: WeChat) -> Contact:
    with wechat.business.scope():
        return Contact.objects.select_related("channel", "owner", "live_code").get()


def kinds_of(wechat: WeChat) -> list[str]:
    with wechat.business.scope():
        return list(Event.objects.order_by("at", "id").values_list("kind", flat=True))


def known_customer(wechat: WeChat) -> bytes:
    corp = wechat.world.state.corps[wechat.corpid]
    return next(iter(corp.externals)).encode()


def store(wechat: WeChat, body: bytes) -> Callback:
    with wechat.business.scope():
        return Callback.objects.create(
            account=wechat.account, body=body, digest=hashlib.sha256(body).digest()
        )


def body_of(change: str, **fields: object) -> bytes:
    inner = {
        "ToUserName": "ww",
        "FromUserName": "sys",
        "CreateTime": int(timezone.now().timestamp()),
        "MsgType": "event",
        "Event": "change_external_contact",
        "ChangeType": change,
        **fields,
    }
    children = "".join(f"<{name}>{value}</{name}>" for name, value in inner.items())
    return f"<xml>{children}</xml>".encode()
