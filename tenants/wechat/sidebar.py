"""May a page of ours use the client's scripts? Tickets that all workers share, and signatures.

`wx.config` is signed with the corporation's ticket, `wx.agentConfig` with the app's. The platform
gives 400 of the one and 100 of the other an hour, so each is kept until shortly before its end.
"""

import hashlib
import secrets
import time
from dataclasses import dataclass

from tenants.wechat import answers
from tenants.wechat.client import WeComClient
from tenants.wechat.errors import Retryable, Terminal
from tenants.wechat.transport import Json

LIFE_S = 7200


@dataclass(frozen=True, slots=True)
class Signature:
    """What the client compares. `timestamp` is Unix seconds; nothing of it is secret."""

    timestamp: int
    nonce: str
    signature: str


def sign(ticket: str, url: str, nonce: str, timestamp: int) -> Signature:
    """For the page at `url`; what follows a # does not belong to it."""
    address = url.partition("#")[0]
    signed = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={address}"
    digest = hashlib.sha1(signed.encode(), usedforsecurity=False).hexdigest()
    return Signature(timestamp, nonce, digest)


def sign_now(ticket: str, url: str) -> Signature:
    return sign(ticket, url, secrets.token_urlsafe(12), int(time.time()))


def corp_ticket(client: WeComClient, *, anew: bool = False) -> str:
    """Repeatable. `anew`: the client refused a signature by the one at hand."""
    return client.shared("ticket", lambda _failed: _ask(client, "get_jsapi_ticket", {}), anew=anew)


def app_ticket(client: WeComClient, *, anew: bool = False) -> str:
    """Repeatable. Each app of a corporation has a ticket of its own."""
    agent_id = client.credentials.agent_id
    if not agent_id:
        raise Terminal("the account has no agent id", api="ticket/get")
    params: Json = {"type": "agent_config"}
    return client.shared(
        f"ticket.{agent_id}", lambda _failed: _ask(client, "ticket/get", params), anew=anew
    )


def _ask(client: WeComClient, api: str, params: Json) -> tuple[str, int]:
    answer = client.call("get", api, params=params, repeatable=True)
    ticket = answers.text(answer, "ticket")
    if not ticket:
        raise Retryable("the answer holds no ticket", api=api)
    return ticket, answers.number(answer, "expires_in") or LIFE_S
