"""How does an official account reach a fan, and what does it know of one?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tenants.wechat import answers
from tenants.wechat.client import OfficialAccountClient
from tenants.wechat.errors import Unknown

TEXT_LIMIT: Final = 2048  # bytes of a customer message
# For how long the platform knows a client_msg_id; a margin of a minute is taken off.
SAME_NOTICE_S: Final = 9 * 60

WINDOW_CLOSED: Final = 45015  # the fan has not written or acted lately enough
WINDOW_USED_UP: Final = 45047
NOT_FOLLOWING: Final = 43004
NOT_ACCEPTED: Final = 43101  # the fan did not accept this subscribe message, or no more of them


@dataclass(frozen=True, slots=True)
class Fan:
    """`unionid` is empty unless the account is bound to an open platform."""

    openid: str
    unionid: str
    subscribed: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """A message by template: its places and what to fill in. `address` opens on a tap."""

    template_id: str
    fields: Mapping[str, str]
    address: str = ""


def get_fan(client: OfficialAccountClient, openid: str) -> Fan:
    """Repeatable. Who does not follow has only ids."""
    params = {"openid": openid, "lang": "zh_CN"}
    answer = client.call("get", "user/info", params=params, repeatable=True)
    return Fan(
        openid=openid,
        unionid=answers.text(answer, "unionid"),
        subscribed=answers.number(answer, "subscribe") == 1,
    )


def send_text(client: OfficialAccountClient, openid: str, text: str) -> None:
    """A customer message. Not repeatable, and no call tells whether one arrived: Unknown is for a
    person to settle. 45015 and 45047 are Terminal: the window is closed or used up."""
    body = {"touser": openid, "msgtype": "text", "text": {"content": text}}
    client.call("post", "message/custom/send", data=body, repeatable=False)


def send_template(
    client: OfficialAccountClient, openid: str, notice: Notice, client_msg_id: str
) -> str:
    """The msgid, which the callback of its result names. Settle Unknown by the same call with the
    same `client_msg_id` within SAME_NOTICE_S: the platform then answers with the first msgid."""
    path = "message/template/send"
    body: dict[str, object] = {
        "touser": openid,
        "template_id": notice.template_id,
        "client_msg_id": client_msg_id,
        "data": _filled(notice),
    }
    if notice.address:
        body["url"] = notice.address
    msgid = answers.text(client.call("post", path, data=body, repeatable=False), "msgid")
    if not msgid:
        raise Unknown("the answer names no msgid", api=path)
    return msgid


def send_subscribed(client: OfficialAccountClient, openid: str, notice: Notice) -> str:
    """The msgid where the answer has one, else "". Not repeatable: each acceptance is good for one
    message. Settle Unknown by the callback of its result, which names the fan and the template.
    43101 is Terminal: no acceptance is left."""
    body: dict[str, object] = {
        "touser": openid,
        "template_id": notice.template_id,
        "data": _filled(notice),
    }
    if notice.address:
        body["page"] = notice.address
    path = "message/subscribe/bizsend"
    return answers.text(client.call("post", path, data=body, repeatable=False), "msgid")


def _filled(notice: Notice) -> dict[str, dict[str, str]]:
    return {name: {"value": text} for name, text in notice.fields.items()}
