"""Who opened a page of ours inside WeChat? Codes, page tokens, and what they tell of the person."""

from dataclasses import dataclass
from threading import Lock

from scrm.sandbox import fields, transport
from scrm.sandbox.clock import Clock
from scrm.sandbox.days import DAY_S
from scrm.sandbox.dice import Dice
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.oa.errors import OaError

SCOPES = ("snsapi_base", "snsapi_userinfo")
CODE_S = 300
TOKEN_S = 7200
REFRESH_S = 30 * DAY_S
LENGTH = 88


@dataclass
class Grant:
    """What one person allowed the pages of one account."""

    appid: str
    openid: str
    scope: str
    expires: float
    used: bool = False


class Grants:
    """They end with the run, as tokens do."""

    def __init__(self, clock: Clock, dice: Dice) -> None:
        self._clock = clock
        self._dice = dice
        self._lock = Lock()
        self._codes: dict[str, Grant] = {}
        self._tokens: dict[str, Grant] = {}
        self._refreshers: dict[str, Grant] = {}

    def new_code(self, appid: str, openid: str, scope: str) -> str:
        code = "0" + self._dice.word(31, "oauth code", self._dice.number("oauth code"))
        self._codes[code] = Grant(appid, openid, scope, self._clock.now() + CODE_S)
        return code

    def redeem(self, appid: str, code: str) -> Json:
        if not code:
            raise OaError(41008)
        with self._lock:
            grant = self._codes.get(code)
            if grant is None or grant.appid != appid:
                raise OaError(40029)
            if grant.used:
                raise OaError(40163)
            if grant.expires <= self._clock.now():
                raise OaError(42003)
            grant.used = True
        return self._new_tokens(grant)

    def refresh(self, appid: str, refresher: str) -> Json:
        grant = self._refreshers.get(refresher)
        if grant is None or grant.appid != appid:
            raise OaError(40030)
        if grant.expires <= self._clock.now():
            raise OaError(42002)
        return {**self._new_tokens(grant), "refresh_token": refresher}

    def bearer(self, token: str, openid: str) -> Grant:
        if not token:
            raise OaError(41001)
        grant = self._tokens.get(token)
        if grant is None:
            raise OaError(40001)
        if grant.expires <= self._clock.now():
            raise OaError(42001)
        if grant.openid != openid:
            raise OaError(40003)
        return grant

    def appid_of(self, token: str) -> str:
        grant = self._tokens.get(token)
        return grant.appid if grant else ""

    def _new_tokens(self, grant: Grant) -> Json:
        now, number = self._clock.now(), self._dice.number("sns token")
        token = self._dice.word(LENGTH, "sns token", number)
        refresher = self._dice.word(LENGTH, "sns refresh", number)
        held = (grant.appid, grant.openid, grant.scope)
        self._tokens[token] = Grant(*held, now + TOKEN_S)
        self._refreshers[refresher] = Grant(*held, now + REFRESH_S)
        return {
            "access_token": token,
            "expires_in": TOKEN_S,
            "refresh_token": refresher,
            "openid": grant.openid,
            "scope": grant.scope,
        }


def checked_request(body: Json) -> tuple[str, str]:
    """The page to go back to and the scope; where a page may be is checked as by the platform,
    which knows one domain of each account."""
    scope = fields.text(body, "scope") or SCOPES[0]
    if scope not in SCOPES:
        raise RefusedError(f"10005: scope {scope!r} is unknown: {', '.join(SCOPES)}")
    if fields.text(body, "response_type", "code") != "code":
        raise RefusedError("response_type is code")
    target = fields.given(body, "redirect_uri")
    if not transport.is_local_page(target):
        raise RefusedError("10003: redirect_uri is not on this machine")
    return target, scope
