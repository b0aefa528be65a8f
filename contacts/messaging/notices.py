"""Messages by template to the fans of an official account, and what became of them.

A template message is settled by repeating it: the platform knows its client_msg_id for ten minutes.
A subscribe message is settled by the callback of its result; without one a person decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from contacts import kinds
from contacts.messaging.fans import Fan, no_way_when_refused
from contacts.messaging.routes import (
    Accepted,
    NoRoute,
    Request,
    Settling,
    of_kind,
)
from contacts.models import Event, Identity
from tenants.scope import current_tenant_id, scope
from tenants.wechat import official
from tenants.wechat.client import Client, OfficialAccountClient
from tenants.wechat.errors import Retryable, Unknown
from tenants.wechat.official import Notice

SAME_FOR: Final = timedelta(seconds=official.SAME_NOTICE_S)
# After this no callback of a result is expected any more.
RESULT_WITHIN: Final = timedelta(minutes=10)
AGAIN_S: Final = 30.0
# The platform's times are whole seconds of its own clock.
CLOCKS: Final = timedelta(seconds=5)


@dataclass(frozen=True)
class Template:
    """`fields` are the places of the template and their texts; `address` opens on a tap."""

    template_id: str
    fields: Mapping[str, str]
    address: str = ""


class _ByTemplate:
    awaits_staff = False
    needs_following = True

    def prepare(self, fan: Fan, template: Template, key: str) -> Request:
        """`key` names this message for good: the same key is never two messages."""
        if not template.template_id or not template.fields:
            raise NoRoute("no_content")
        if self.needs_following and fan.left:
            raise NoRoute("not_following")
        name = hashlib.sha256(f"{current_tenant_id()}:{key}".encode()).hexdigest()[:32]
        return {
            **fan.frozen(),
            "template_id": template.template_id,
            "fields": dict(template.fields),
            "address": template.address,
            "client_msg_id": name,
        }

    def send(self, client: Client, request: Request) -> Accepted:
        with no_way_when_refused():
            return self.ask(of_kind(client, OfficialAccountClient), request)

    def ask(self, client: OfficialAccountClient, request: Request) -> Accepted:
        raise NotImplementedError


class TemplateMessage(_ByTemplate):
    name = "template"
    settles = Settling.REPEAT

    def ask(self, client: OfficialAccountClient, request: Request) -> Accepted:
        openid, name = str(request["openid"]), str(request["client_msg_id"])
        return Accepted(official.send_template(client, openid, _notice(request), name))

    def find(
        self, client: Client, request: Request, sent_at: datetime, taken: Collection[str]
    ) -> Accepted | None:
        if timezone.now() - sent_at >= SAME_FOR:
            raise Unknown("too late to repeat")
        try:
            return self.send(client, request)
        except Unknown as error:
            raise Retryable(error.message, api=error.api, retry_after=AGAIN_S) from None


class SubscribeMessage(_ByTemplate):
    name = "subscribe"
    settles = Settling.RESULT
    needs_following = False  # an acceptance is enough

    def ask(self, client: OfficialAccountClient, request: Request) -> Accepted:
        return Accepted(official.send_subscribed(client, str(request["openid"]), _notice(request)))

    def find(
        self, client: Client, request: Request, sent_at: datetime, taken: Collection[str]
    ) -> Accepted | None:
        with scope(client.credentials.tenant_id):
            told = [result for result in results(request, sent_at) if result.key not in taken]
        if told:
            return Accepted(told[0].key)
        if timezone.now() - sent_at < RESULT_WITHIN:
            raise Retryable("its result may still come", retry_after=AGAIN_S)
        raise Unknown("no result came")


def _notice(request: Request) -> Notice:
    fields = request["fields"]
    texts = (
        {str(name): str(text) for name, text in fields.items()} if isinstance(fields, dict) else {}
    )
    return Notice(str(request["template_id"]), texts, str(request["address"]))


# --- results ---


@dataclass(frozen=True)
class Result:
    """What a callback told of one message by template.

    `key` is the msgid, which the answer to a template message names before, that to a subscribe
    message sometimes. `problem` is empty
    when it arrived, else blocked or failed.
    """

    contact_id: int
    route: str
    app: str
    key: str
    template_id: str
    problem: str
    at: datetime

    @classmethod
    def of(cls, event: Event) -> Result:
        told = {name: str(value) for name, value in event.properties.items()}
        return cls(
            contact_id=event.contact_id,
            route=told.get("route", ""),
            app=told.get("account", ""),
            key=told.get("message", ""),
            template_id=told.get("template", ""),
            problem="" if told.get("by") == "success" else told.get("by", "failed"),
            at=event.at,
        )


def results(request: Request, since: datetime) -> list[Result]:
    """Inside a scope: results of such messages to this fan, told since then, the oldest first."""
    fan = Identity.objects.filter(
        kind=Identity.Kind.OPENID, account=str(request["app"]), value=str(request["openid"])
    ).first()
    if fan is None:
        return []
    rows = Event.objects.filter(
        contact_id=fan.contact_id, kind=kinds.NOTICE_FINISHED, at__gte=since - CLOCKS
    )
    found = [Result.of(row) for row in rows.order_by("at", "id")]
    wanted = (request["route"], request["app"])
    return [
        one
        for one in found
        if (one.route, one.app) == wanted and one.template_id in ("", request["template_id"])
    ]
