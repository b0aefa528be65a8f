"""The demo businesses' corporations in the sandbox, and the people who scan their codes."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import requests
from django.conf import settings
from django.urls import reverse

from scrm.demo.businesses import Business
from tenants.models import WeChatAccount

_VISITORS = ("小鹿 🦌", "Momo", "安然", "一只橘猫", "圆圆妈妈")


class Sandbox:
    """The control side of the sandbox (scrm/sandbox/README.md)."""

    def __init__(self) -> None:
        self.url = f"{settings.WECHAT_BASE_URL}/_sim"

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/{path}", json=body, timeout=20)
        if answer.status_code == requests.codes.conflict:
            return {}
        answer.raise_for_status()
        return dict(answer.json())


def corpid_of(business: Business) -> str:
    return "ww" + hashlib.sha256(business.slug.encode()).hexdigest()[:16]


def new_account(business: Business) -> WeChatAccount:
    """Inside a scope: the account as an operator would enter it."""
    seed = hashlib.sha256(f"demo {business.slug}".encode()).digest()
    return WeChatAccount.objects.create(
        name=f"{business.name} 企业微信",
        app_id=corpid_of(business),
        agent_id="1000002",
        secret=base64.urlsafe_b64encode(seed).decode()[:43],
        callback_token=seed.hex()[:24],
        callback_aes_key=base64.b64encode(seed).decode().rstrip("="),
    )


def found(sandbox: Sandbox, business: Business, account: WeChatAccount) -> None:
    """Make the corporation with its staff, unless the sandbox still knows it. Outside a scope."""
    sandbox.post(
        "corps",
        name=business.name,
        corpid=account.app_id,
        secret=account.secret,
        agentid=int(account.agent_id),
        token=account.callback_token,
        aes_key=account.callback_aes_key,
        callback_url=settings.BASE_URL + reverse("wechat-callback", args=[account.code]),
        check=False,
    )
    for userid, name in business.staff:
        sandbox.post("staff", corpid=account.app_id, userid=userid, name=name)


def let_visitors_scan(sandbox: Sandbox, account: WeChatAccount, state: str) -> None:
    for name in _VISITORS:
        sandbox.post("act/scan", corpid=account.app_id, state=state, customer={"name": name})
    sandbox.post("callbacks/flush", timeout_s=15)
