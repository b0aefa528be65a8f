"""How does our app write to a member?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tenants.wechat import answers
from tenants.wechat.client import WeComClient

# The longest time in which the platform recognises a repeated app message: stop retrying then.
DUPLICATE_CHECK_S = 4 * 3600


@dataclass(frozen=True, slots=True)
class AppMessage:
    msgid: str
    invalid_users: tuple[str, ...]


def send_app_message(
    client: WeComClient, *, users: Sequence[str], message: Mapping[str, object]
) -> AppMessage:
    """Repeatable for four hours as long as `message` stays the same: the platform drops repeats.

    `message` holds msgtype and its object, for example `{"msgtype": "text", "text": {…}}`.
    """
    body: dict[str, object] = {
        "touser": "|".join(users),
        "agentid": int(client.credentials.agent_id or 0),
        **message,
        "enable_duplicate_check": 1,
        "duplicate_check_interval": DUPLICATE_CHECK_S,
    }
    answer = client.call("post", "message/send", data=body, repeatable=True)
    invalid = answers.text(answer, "invaliduser")
    return AppMessage(
        msgid=answers.text(answer, "msgid"),
        invalid_users=tuple(one for one in invalid.split("|") if one),
    )
