"""Do the client's scripts, as a page would call them, know whose chat is open and send into it?"""

from __future__ import annotations

import hashlib
import json
import time
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from .actors import Scene, scene

PAGE = "http://127.0.0.1:9/sidebar?x=1"
SCRIPT = "/open/js/jweixin-1.2.0.js"
APIS = ["getCurExternalContact", "sendChatMessage", "openUserProfile"]


def get(s: Scene, target: str, cookie: str = "") -> tuple[int, str, list[str], str]:
    """Status, body, cookies set, location."""
    parts = urlsplit(s.sim.url)
    connection = HTTPConnection(str(parts.hostname), parts.port)
    try:
        connection.request("GET", target, headers={"Cookie": cookie} if cookie else {})
        answer = connection.getresponse()
        body = answer.read().decode()
        held = [one.partition(";")[0] for one in answer.headers.get_all("Set-Cookie") or []]
        return answer.status, body, held, answer.headers.get("Location") or ""
    finally:
        connection.close()


def ask(s: Scene, name: str, cookie: str = "", /, **given: Any) -> dict[str, Any]:
    query = urlencode({"ask": name, "key": "7", "given": json.dumps(given)})
    _status, body, _held, _to = get(s, f"{SCRIPT}?{query}", cookie)
    start, end = 'wx.sandboxAnswered("7", ', ");\n"
    assert body.startswith(start) and body.endswith(end)
    found: dict[str, Any] = json.loads(body.removeprefix(start).removesuffix(end))
    return found


def signed(s: Scene, api: str, url: str = PAGE, **query: str) -> dict[str, Any]:
    ticket, now = s.caller.get(api, **query)["ticket"], int(time.time())
    text = f"jsapi_ticket={ticket}&noncestr=n&timestamp={now}&url={url}"
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return {"timestamp": now, "nonceStr": "n", "signature": digest, "url": url}


def agent(s: Scene) -> dict[str, Any]:
    of_app = signed(s, "ticket/get", type="agent_config")
    return {"corpid": s.corpid, "agentid": s.caller.corp["agentid"], **of_app}


def chat(s: Scene, customer: str, url: str = PAGE) -> tuple[int, str, str]:
    """Status, the cookies of the phone, and where it leads."""
    query = urlencode({"corpid": s.corpid, "userid": "li", "customer": customer, "url": url})
    status, _body, held, location = get(s, f"/chat?{query}")
    return status, "; ".join(held), location


def test_the_script_is_there_and_configures_a_page() -> None:
    with scene() as s:
        who = s.customer()
        status, body, _held, _to = get(s, SCRIPT)
        opened, phone, location = chat(s, who["customer"])
        of_corp = {"appId": s.corpid, **signed(s, "get_jsapi_ticket")}
        right = ask(s, "config", **of_corp)
        elsewhere = ask(s, "config", **{**of_corp, "url": f"{PAGE}&more"})
        entered = ask(s, "agentConfig", phone, **agent(s))
        no_phone = ask(s, "agentConfig", **agent(s))
        swapped = ask(s, "agentConfig", phone, **{**agent(s), **signed(s, "get_jsapi_ticket")})

    assert (status, "agentConfig" in body) == (200, True)
    assert (opened, location) == (302, PAGE)
    assert right == {"errMsg": "config:ok"}
    assert elsewhere == {"errMsg": "config:fail invalid signature"}
    assert entered == {"errMsg": "agentConfig:ok"}
    assert no_phone["errMsg"].startswith("agentConfig:fail not in the client")
    assert swapped == {"errMsg": "agentConfig:fail invalid signature"}


MESSAGES: list[tuple[dict[str, Any], str, list[dict[str, Any]]]] = [
    ({"msgtype": "text", "text": {"content": "你好"}}, "你好", []),
    (
        {"msgtype": "news", "news": {"link": "https://e.com", "title": "T", "desc": "D"}},
        "",
        [
            {
                "msgtype": "link",
                "link": {"title": "T", "desc": "D", "url": "https://e.com", "picurl": ""},
            }
        ],
    ),
    (
        {
            "msgtype": "miniprogram",
            "miniprogram": {"appid": "wx1", "title": "T", "page": "p", "imgUrl": "https://e.com/i"},
        },
        "",
        [
            {
                "msgtype": "miniprogram",
                "miniprogram": {
                    "appid": "wx1", "title": "T", "page": "p", "imgUrl": "https://e.com/i",
                },
            }
        ],
    ),
]  # fmt: skip


def test_messages_land_on_the_customers_phone() -> None:
    with scene() as s:
        who = s.customer()
        phone = chat(s, who["customer"])[1]
        whose = ask(s, "getCurExternalContact", phone, agent=agent(s))
        profile = ask(s, "openUserProfile", phone, agent=agent(s))
        sent = [ask(s, "sendChatMessage", phone, agent=agent(s), **one) for one, _, _ in MESSAGES]
        got = s.sim.get(f"customers/{who['customer']}")["messages"]

    assert whose == {"userId": who["external_userid"], "errMsg": "getCurExternalContact:ok"}
    assert profile["errMsg"] == "openUserProfile:ok"
    assert [one["errMsg"] for one in sent] == ["sendChatMessage:ok"] * len(MESSAGES)
    chats = [(one["text"], one["attachments"]) for one in got if one["kind"] == "chat"]
    assert chats == [(text, attachments) for _, text, attachments in MESSAGES]


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"msgtype": "text"},
        {"msgtype": "text", "text": {"content": ""}},
        {"msgtype": "image", "image": {"mediaid": "nonsense"}},
        {"msgtype": "news", "news": {"title": "no link"}},
        {"msgtype": "miniprogram", "miniprogram": {"appid": "wx1"}},
        {"msgtype": "poem"},
    ],
)
def test_what_the_client_would_not_send_fails(message: dict[str, Any]) -> None:
    with scene() as s:
        who = s.customer()
        phone = chat(s, who["customer"])[1]
        answer = ask(s, "sendChatMessage", phone, agent=agent(s), **message)
        got = s.sim.get(f"customers/{who['customer']}")["messages"]

    assert answer["errMsg"].startswith("sendChatMessage:fail")
    assert [one for one in got if one["kind"] == "chat"] == []


def test_a_page_elsewhere_and_a_stranger_open_no_chat() -> None:
    with scene() as s:
        who = s.customer()
        stranger = s.sim.post("customers", name="路人")["customer"]
        away = chat(s, who["customer"], "https://evil.example/")
        unknown = chat(s, stranger)
        silent = ask(s, "getCurExternalContact", "", agent=agent(s))
        unsigned = ask(s, "getCurExternalContact", chat(s, who["customer"])[1])

    assert (away[0], unknown[0]) == (400, 400)
    assert silent["errMsg"].startswith("getCurExternalContact:fail not in the client")
    assert unsigned["errMsg"] == "getCurExternalContact:fail agentid is missing"
