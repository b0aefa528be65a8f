"""The server of an official account: it calls the sandbox, and takes what its fans do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import xmltodict
from wechatpy.crypto import WeChatCrypto as OaCrypto
from wechatpy.utils import check_signature

from scrm.sandbox import Sandbox

from .actors import QUICK, Answer, Receiver, Steering, fetch, served
from .uploads import BOUNDARY, PNG, form

SWIFT = {**QUICK, "template_delay_s": [0, 0]}


@dataclass
class OaCaller:
    """Knows an appid and a secret."""

    url: str
    account: dict[str, Any]
    token: str = ""

    def gettoken(self, **other: str) -> Any:
        query = {
            "grant_type": "client_credential",
            "appid": self.account["appid"],
            "secret": self.account["secret"],
            **other,
        }
        return fetch("GET", f"{self.url}/cgi-bin/token?{urlencode(query)}").json()

    def stable(self, *, force: bool = False) -> Any:
        body = {
            "grant_type": "client_credential",
            "appid": self.account["appid"],
            "secret": self.account["secret"],
            "force_refresh": force,
        }
        raw = json.dumps(body).encode()
        return fetch("POST", f"{self.url}/cgi-bin/stable_token", raw).json()

    def target(self, path: str, query: dict[str, object]) -> str:
        self.token = self.token or self.stable()["access_token"]
        return f"{self.url}/cgi-bin/{path}?{urlencode({'access_token': self.token, **query})}"

    def get(self, path: str, /, **query: object) -> Any:
        return fetch("GET", self.target(path, query)).json()

    def post(self, path: str, /, **body: object) -> Any:
        return fetch("POST", self.target(path, {}), json.dumps(body).encode()).json()

    def say(self, openid: str, text: str = "您好") -> int:
        body = {"touser": openid, "msgtype": "text", "text": {"content": text}}
        return int(self.post("message/custom/send", **body)["errcode"])

    def code(self, scene: str, action: str = "QR_LIMIT_STR_SCENE", **more: object) -> Any:
        info = {"scene": {"scene_str": scene}}
        return self.post("qrcode/create", action_name=action, action_info=info, **more)

    def upload(self, kind: str = "image", content: bytes = PNG) -> Any:
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        return fetch(
            "POST", self.target("media/upload", {"type": kind}), form(content), **headers
        ).json()

    def image(self, ticket: str) -> Answer:
        return fetch("GET", f"{self.url}/cgi-bin/showqrcode?{urlencode({'ticket': ticket})}")


@dataclass
class OaReceiver(Receiver):
    """Believes only what the product's library for official accounts verifies."""

    account: dict[str, Any] = field(default_factory=dict)
    reply: str = "success"

    @property
    def keys(self) -> OaCrypto:
        return OaCrypto(*(self.account[name] for name in ("token", "aes_key", "appid")))

    def checked(self, query: dict[str, str]) -> str:
        self._check(query)
        return self.echo(query["echostr"])

    def opened(self, query: dict[str, str], body: str) -> dict[str, Any]:
        self._check(query)
        if self.account["mode"] != "plain":
            signed = (query["msg_signature"], query["timestamp"], query["nonce"])
            body = self.keys.decrypt_message(body, *signed)
        return dict(xmltodict.parse(body)["xml"])

    def _check(self, query: dict[str, str]) -> None:
        signed = (query["signature"], query["timestamp"], query["nonce"])
        check_signature(self.account["token"], *signed)


@dataclass
class OaScene:
    sandbox: Sandbox
    sim: Steering
    caller: OaCaller
    app: OaReceiver

    @property
    def appid(self) -> str:
        return str(self.caller.account["appid"])

    def act(self, name: str, **more: object) -> Any:
        done = self.sim.post(f"act/oa_{name}", appid=self.appid, **more)
        self.sim.flush()
        return done

    def fan(self, **more: object) -> str:
        """The openid of somebody new who follows."""
        return str(self.act("follow", **more)["openid"])

    def phone(self, openid: str) -> list[dict[str, Any]]:
        return list(self.sim.get(f"oa/fans/{self.appid}/{openid}")["messages"])

    def template(self, **more: object) -> str:
        return str(self.sim.post("oa/templates", appid=self.appid, **more)["template_id"])


@contextmanager
def oa_scene(*, listening: bool = False, seed: int = 1, **account: object) -> Iterator[OaScene]:
    """One official account; what fans do arrives at `app` when it listens."""
    app = OaReceiver()
    with Sandbox(seed=seed) as sandbox, served(app, "oa"):
        sim = Steering(sandbox.url)
        sim.post("settings", SWIFT)
        founded = sim.post("oa/accounts", {"name": "示例公众号", **account})
        app.account = founded
        if listening:
            listen(sim, app)
        yield OaScene(sandbox, sim, OaCaller(sandbox.url, founded), app)


def listen(sim: Steering, app: OaReceiver) -> Any:
    return sim.post("oa/callback_url", appid=app.account["appid"], callback_url=app.url)
