"""Does a notice from a template reach its fan, and when does the account hear of it?

A template message goes to followers; a subscription message to whoever accepted one, and each
acceptance is good for one message.
"""

import re

from scrm.sandbox import events, fields
from scrm.sandbox.errors import BadFieldError
from scrm.sandbox.fields import Json
from scrm.sandbox.oa import news
from scrm.sandbox.oa.calls import OaCall, OaEndpoint
from scrm.sandbox.oa.errors import OaError
from scrm.sandbox.oa.messages import arrive
from scrm.sandbox.oa.state import Fan, OfficialAccount, SentOnce, Template
from scrm.sandbox.world import World

FIRST_MSGID = 3_000_000_000_000_000_000
ONCE_S = 600
PLACE = re.compile(r"\{\{(\w+)\.DATA\}\}")
SUCCESS, BLOCKED, FAILED = "success", "failed:user block", "failed: system failed"


def _template(call: OaCall, kind: str) -> Template:
    template = call.account.templates.get(fields.text(call.body, "template_id"))
    if template is None or template.kind != kind:
        raise OaError(40037)
    return template


def _values(body: Json) -> dict[str, str]:
    """The texts to fill in: a number counts as one."""
    data = fields.mapping(body, "data")
    values = {}
    for name in data:
        value = fields.mapping(data, name).get("value", "")
        if not isinstance(value, str | int | float):
            raise BadFieldError(f"data.{name}.value must be a string", wrong_type=True)
        values[name] = str(value)
    return values


def _filled(template: Template, values: dict[str, str]) -> str:
    return PLACE.sub(lambda place: values.get(place[1], ""), template.content).strip()


def _card(call: OaCall, template: Template) -> Json:
    named = ("url", "page", "miniprogram")
    shown = {name: call.body[name] for name in named if call.body.get(name)}
    # A page is an address too: the phone shows either as a link.
    address = fields.text(call.body, "url") or fields.text(call.body, "page")
    content = {"template_id": template.template_id, "title": template.title, **shown}
    return {"msgtype": "template", "template": {**content, "url": address}}


def _later(world: World, msgid: int, work: "Notice") -> None:
    wait = world.dice.between(*world.settings.template_delay_s, "template delay", msgid)
    world.callbacks.later(wait, lambda: work.finish(world, msgid))


class Notice:
    """One message on its way to one fan."""

    def __init__(self, call: OaCall, fan: Fan, template: Template) -> None:
        self.account: OfficialAccount = call.account
        self.fan = fan
        self.template = template
        self.text = _filled(template, _values(call.body))
        self.card = _card(call, template)

    def finish(self, world: World, msgid: int) -> None:
        with world.lock:
            status = self._status(world, msgid)
            if status == SUCCESS:
                kind = self.template.kind
                arrive(world, self.account, self.fan, kind, self.text, [self.card])
            name, more = self._report(msgid, status)
            news.tell(world, self.account, self.fan, name, more, answered=False)

    def _status(self, world: World, msgid: int) -> str:
        by_subscription = self.template.kind == "subscribe"
        if not by_subscription and (self.fan.refuses_templates or not self.fan.subscribed):
            return BLOCKED
        share = world.settings.template_fail_share
        return FAILED if world.dice.fraction("template fails", msgid) < share else SUCCESS

    def _report(self, msgid: int, status: str) -> tuple[str, events.Fields]:
        if self.template.kind == "template":
            return "TEMPLATESENDJOBFINISH", [("MsgID", msgid), ("Status", status)]
        result: list[tuple[str, events.Value]] = [
            ("TemplateId", self.template.template_id),
            ("MsgID", msgid),
            ("ErrorCode", 0 if status == SUCCESS else -1),
            ("ErrorStatus", status),
        ]
        return "subscribe_msg_sent_event", [("SubscribeMsgSentEvent", [("List", result)])]


def _begin(call: OaCall, notice: Notice) -> int:
    msgid = FIRST_MSGID + call.world.dice.number("template message")
    _later(call.world, msgid, notice)
    return msgid


def send(call: OaCall) -> Json:
    fan = call.fan(fields.text(call.body, "touser"))
    template = _template(call, "template")
    if not fan.subscribed:
        raise OaError(43004)
    notice = Notice(call, fan, template)
    name = fields.text(call.body, "client_msg_id")
    now, once = call.world.clock.now(), call.account.sent_once
    for old in [key for key, earlier in once.items() if earlier.until <= now]:
        del once[old]
    key = f"{fan.openid}:{name}"
    if name and key in once:
        return {"msgid": once[key].msgid}
    msgid = _begin(call, notice)
    if name:
        once[key] = SentOnce(msgid, now + ONCE_S)
    return {"msgid": msgid}


def send_subscribed(call: OaCall) -> Json:
    fan = call.fan(fields.text(call.body, "touser"))
    template = _template(call, "subscribe")
    values = _values(call.body)
    for place in PLACE.findall(template.content):
        if not values.get(place):
            raise OaError(47003, f"argument invalid! data.{place}.value is empty")
    if not fan.accepted.get(template.template_id):
        raise OaError(43101)
    notice = Notice(call, fan, template)
    fan.accepted[template.template_id] -= 1
    msgid = _begin(call, notice)
    return {"msgid": msgid} if call.world.settings.subscribe_msgid else {}


def list_all(call: OaCall) -> Json:
    return {
        "template_list": [
            {
                "template_id": template.template_id,
                "title": template.title,
                "primary_industry": template.primary_industry,
                "deputy_industry": template.deputy_industry,
                "content": template.content,
                "example": template.example,
            }
            for template in call.account.templates.values()
            if template.kind == "template"
        ]
    }


ENDPOINTS = {
    "message/template/send": OaEndpoint(send, daily=100_000),
    "message/subscribe/bizsend": OaEndpoint(send_subscribed, daily=100_000),
    "template/get_all_private_template": OaEndpoint(list_all, daily=1000, post=False, bare=True),
}
