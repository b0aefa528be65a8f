"""Who may call for an official account, and for how long?

`token` gives a new value each time and voids the one before after five minutes; `stable_token`
gives the same while it lives. The two know nothing of each other.
"""

from dataclasses import dataclass
from threading import Lock

from scrm.sandbox.clock import Clock
from scrm.sandbox.fields import Json
from scrm.sandbox.oa.errors import OaError
from scrm.sandbox.oa.quotas import Quotas
from scrm.sandbox.oa.state import OfficialAccount
from scrm.sandbox.state import State

LIFE_S = 7200
GRACE_S = 300
LENGTH = 136
GRANT_TYPE = "client_credential"
TOKENS_A_DAY = 2000
STABLE_A_DAY = 500_000
STABLE_A_MINUTE = 10_000
FORCED_A_DAY = 20
FORCED_EVERY_S = 30
IP = "127.0.0.1"


@dataclass
class Token:
    value: str
    appid: str
    issued: float
    expires: float
    voided: float = 0.0  # from when on it is not honoured any more; 0: not voided


class OaTokens:
    def __init__(self, clock: Clock, state: State, quotas: Quotas) -> None:
        self._clock = clock
        self._state = state
        self._quotas = quotas
        self._lock = Lock()
        self._issued: dict[str, Token] = {}
        self._current: dict[tuple[str, bool], Token] = {}

    def issue(self, appid: str, secret: str, grant_type: str, *, factor: float) -> Json:
        """A new token; the one before lives on for five minutes."""
        account = self._account(appid, secret, grant_type)
        self._quotas.take(appid, "token", _scaled(TOKENS_A_DAY, factor))
        with self._lock:
            self._void(account.appid, stable=False, at=self._clock.now() + GRACE_S)
            token = self._new(account, stable=False)
        return self._shown(token)

    def issue_stable(
        self, appid: str, secret: str, grant_type: str, *, force: bool, factor: float
    ) -> Json:
        """The same token while it lives, a new one in its last five minutes; `force` voids at
        once, but not within half a minute of the time before."""
        account = self._account(appid, secret, grant_type)
        self._quotas.take(appid, "stable_token", _scaled(STABLE_A_DAY, factor))
        self._quotas.take_in_minute(appid, "stable_token", _scaled(STABLE_A_MINUTE, factor))
        now = self._clock.now()
        with self._lock:
            token = self._current.get((appid, True))
            if token and (token.voided or token.expires - now <= GRACE_S):
                token = None
            if token and force and now - token.issued >= FORCED_EVERY_S:
                self._quotas.take(appid, "stable_token by force", FORCED_A_DAY)
                self._void(appid, stable=True, at=now)
                token = None
            token = token or self._new(account, stable=True)
        return self._shown(token)

    def appid_of(self, value: str) -> str:
        """Also of a dead token."""
        token = self._issued.get(value)
        return token.appid if token else ""

    def bearer(self, value: str) -> OfficialAccount:
        if not value:
            raise OaError(41001)
        token = self._issued.get(value)
        now = self._clock.now()
        if token is None or (token.voided and token.voided <= now):
            raise OaError(40001)
        if token.expires <= now:
            raise OaError(42001)
        return self._state.accounts[token.appid]

    def revoke(self, appid: str) -> int:
        """Voids what is current, as the platform sometimes does early."""
        now = self._clock.now()
        with self._lock:
            hit = [
                token
                for token in self._issued.values()
                if token.appid == appid and token.expires > now and not 0 < token.voided <= now
            ]
            for token in hit:
                token.voided = now
        return len(hit)

    def _account(self, appid: str, secret: str, grant_type: str) -> OfficialAccount:
        if grant_type != GRANT_TYPE:
            raise OaError(40002)
        account = account_of(self._state, appid, secret)
        if account.ip_list and IP not in account.ip_list:
            raise OaError(40164)
        return account

    def _new(self, account: OfficialAccount, *, stable: bool) -> Token:
        dice, now = self._state.dice, self._clock.now()
        value = dice.word(LENGTH, "oa token", account.appid, dice.number("oa token"))
        token = Token(value, account.appid, now, now + LIFE_S)
        self._issued[value] = self._current[account.appid, stable] = token
        return token

    def _void(self, appid: str, *, stable: bool, at: float) -> None:
        token = self._current.get((appid, stable))
        if token and not token.voided:
            token.voided = at

    def _shown(self, token: Token) -> Json:
        left = int(token.expires - self._clock.now())
        return {"access_token": token.value, "expires_in": left}


def account_of(state: State, appid: str, secret: str) -> OfficialAccount:
    if not appid:
        raise OaError(41002)
    if not secret:
        raise OaError(41004)
    account = state.accounts.get(appid)
    if account is None:
        raise OaError(40013)
    if account.secret != secret:
        raise OaError(40125)
    return account


def _scaled(quota: int, factor: float) -> int:
    return max(1, int(quota * factor))
