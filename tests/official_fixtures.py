"""An official account of the business beside its WeCom: what fans do, and what reaches them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import reverse

from contacts.models import Contact, Identity
from tenants.models import WeChatAccount
from tests.wechat_fixtures import WeChat


@dataclass
class Official:
    """One account in the sandbox, told to the business by callbacks at our real door."""

    wechat: WeChat
    account: WeChatAccount
    appid: str

    def act(self, name: str, /, **body: object) -> Any:
        return self.wechat.sim(f"act/{name}", appid=self.appid, **body)

    def follow(self, customer: str = "") -> Any:
        """Somebody follows, and we have heard of it; `customer` is a person whom WeCom knows."""
        found = self.act("oa_follow", **({"customer": customer} if customer else {}))
        self.wechat.settle()
        return found

    def template(self, kind: str = "template", content: str = "Dear {{thing1.DATA}}") -> str:
        made = self.wechat.sim("oa/templates", appid=self.appid, kind=kind, content=content)
        return str(made["template_id"])

    def fault(self, kind: str, path: str, /, **rule: object) -> None:
        self.wechat.sim("faults", kind=kind, corpid=self.appid, path=path, **rule)

    def contact(self, openid: str) -> Contact:
        """Inside a scope."""
        return Contact.objects.get(identities__kind=Identity.Kind.OPENID, identities__value=openid)

    def phone(self, customer: str) -> list[tuple[str, str]]:
        """What this account wrote to a person: (kind, text)."""
        read = self.wechat.sim(f"customers/{customer}", "GET")
        own = [one for one in read["messages"] if one["corpid"] == self.appid]
        return [(one["kind"], one["text"]) for one in own]


@pytest.fixture
def official(wechat: WeChat, web_url: str) -> Official:
    made = wechat.sim("oa/accounts", name="公众号")
    with wechat.business.scope():
        account = WeChatAccount.objects.create(
            kind=WeChatAccount.Kind.OFFICIAL,
            name="Official",
            app_id=made["appid"],
            secret=made["secret"],
            callback_token=made["token"],
            callback_aes_key=made["aes_key"],
        )
    url = web_url + reverse("wechat-callback", args=[account.code])
    wechat.sim("oa/callback_url", appid=made["appid"], callback_url=url)
    wechat.setting(template_delay_s=[0.0, 0.0])
    return Official(wechat, account, made["appid"])
