"""How is a request prepared, sent, settled and followed, whatever its route?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from contacts.messaging import mass_tasks
from contacts.messaging.app_messages import TEXT_LIMIT as APP_TEXT_LIMIT
from contacts.messaging.app_messages import AppMessage
from contacts.messaging.customer_messages import CustomerMessage
from contacts.messaging.fans import fan_of
from contacts.messaging.mass_tasks import MassTask
from contacts.messaging.notices import SubscribeMessage, Template, TemplateMessage
from contacts.messaging.routes import (
    Accepted,
    Attachment,
    NoRoute,
    Polled,
    Request,
    Route,
    Settling,
    accounts,
    integer,
    of_kind,
)
from contacts.models import Follow
from tenants.models import Staff, WeChatAccount
from tenants.scope import scope, tenant_id_or_none
from tenants.wechat import mass_sends
from tenants.wechat.accounts import client_for, credentials_of
from tenants.wechat.client import Client, WeComClient
from tenants.wechat.errors import Terminal

TEXT_LIMIT: Final = 4000  # bytes

_mass_task, _app_message = MassTask(), AppMessage()
_customer_message = CustomerMessage()
_by_template: Final = {one.name: one for one in (TemplateMessage(), SubscribeMessage())}
_routes: Final[dict[str, Route]] = {
    _mass_task.name: _mass_task,
    _app_message.name: _app_message,
    _customer_message.name: _customer_message,
    **_by_template,
}
TO_FANS: Final = frozenset({_customer_message.name, *_by_template})


def names() -> list[str]:
    return list(_routes)


def awaits_staff(route: str) -> bool:
    return _routes[route].awaits_staff


def settles(route: str) -> Settling:
    """How a lost answer of this route becomes known."""
    return _routes[route].settles


def prepare(
    route: str, follow: Follow | None, text: str, attachments: Sequence[Attachment] = ()
) -> Request:
    """Inside a scope: the frozen request through this follow, or NoRoute with the reason."""
    if follow is None or follow.ended_at is not None:
        raise NoRoute("no_follow")
    if len(text.encode()) > TEXT_LIMIT:
        raise NoRoute("text_too_long")
    if not text and not attachments:
        raise NoRoute("no_content")
    account = account_of(follow)
    if route == _mass_task.name:
        return {"route": route, **_mass_task.prepare(account.pk, follow, text, attachments)}
    if route != _app_message.name:
        raise ValueError(f"{route} needs no follow: see prepare_for_fan")
    return _to_member(account, follow.staff, text)


def prepare_for_member(member: Staff, text: str) -> Request:
    """Inside a scope: the frozen request of an app message to a colleague, or NoRoute."""
    with_app = [one for one in accounts(WeChatAccount.Kind.WECOM) if one.agent_id]
    if not with_app:
        raise NoRoute("no_agent")
    return _to_member(with_app[0], member, text)


def prepare_for_fan(
    route: str,
    contact_id: int,
    *,
    text: str = "",
    template: Template | None = None,
    key: str = "",
    account_id: int | None = None,
) -> Request:
    """Inside a scope: the frozen request of an official account to one who is its fan, or NoRoute.

    `text` is what a customer message says, `template` what the other routes fill in; `key` names
    this message for good. Without `account_id` any account that knows the contact will do.
    """
    fan = fan_of(contact_id, account_id)
    if route == _customer_message.name:
        return {"route": route, **_customer_message.prepare(fan, contact_id, text)}
    if template is None:
        raise NoRoute("no_content")
    return {"route": route, **_by_template[route].prepare(fan, template, key)}


def send(tenant_id: int, request: Request) -> Accepted:
    """Outside any scope: one call, never repeated here. Raises NoRoute when the platform says that
    there is no way to this person now."""
    with _client(tenant_id, request) as client:
        return _route(request).send(client, request)


def settle_unknown(
    tenant_id: int, request: Request, sent_at: datetime, taken: Collection[str] = ()
) -> Accepted | None:
    """Was it done? Accepted: it is done now. None: certainly not, it may be sent again.

    `sent_at` is when `send` was called; `taken` are provider ids of other messages, which may say
    the same to the same person. Raises Retryable while it is too early to tell, Unknown when this
    route cannot tell: then a person decides; NoRoute and Terminal when it was refused meanwhile.
    """
    with _client(tenant_id, request) as client:
        return _route(request).find(client, request, sent_at, taken)


def poll(tenant_id: int, request: Request, provider_id: str) -> dict[str, Polled]:
    """What became of an accepted mass task, which a member must confirm: of each customer, by
    external_userid. Whom the platform does not write to is not listed."""
    with _client(tenant_id, request) as client:
        return mass_tasks.polled(client, request, provider_id)


def remind(tenant_id: int, request: Request, provider_id: str) -> None:
    """Outside any scope: tell the member once more that a mass task waits. At most three times in
    24 hours: a fourth is RateLimited."""
    with _client(tenant_id, request) as client:
        mass_sends.remind(of_kind(client, WeComClient), provider_id)


def cancel(tenant_id: int, request: Request, provider_id: str) -> None:
    """Outside any scope: stop what no member has confirmed yet of a mass task. Repeatable."""
    with _client(tenant_id, request) as client:
        mass_sends.cancel(of_kind(client, WeComClient), provider_id)


def account_of(follow: Follow) -> WeChatAccount:
    """Through which account this follow is served: its live code's, else the tenant's first."""
    live_code = follow.live_code
    if live_code is not None and live_code.account.active:
        return live_code.account
    found = accounts(WeChatAccount.Kind.WECOM)
    if not found:
        raise NoRoute("no_account")
    return found[0]


def _to_member(account: WeChatAccount, member: Staff, text: str) -> Request:
    if not account.agent_id:
        raise NoRoute("no_agent")
    if not member.active:
        raise NoRoute("member_gone")
    short = text.encode()[:APP_TEXT_LIMIT].decode("utf-8", "ignore")
    return {"route": _app_message.name, "account": account.pk, "user": member.userid, "text": short}


def _client(tenant_id: int, request: Request) -> Client:
    if tenant_id_or_none() is not None:
        raise RuntimeError("Inside a scope: it is a transaction, and no provider is called in one.")
    with scope(tenant_id):
        account = WeChatAccount.objects.filter(pk=integer(request, "account"), active=True).first()
        credentials = None if account is None else credentials_of(account)
    if credentials is None:
        raise Terminal("the WeChat account is gone or switched off")
    return client_for(credentials)


def _route(request: Request) -> Route:
    return _routes[str(request["route"])]
