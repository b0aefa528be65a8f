"""Who may call, and for how long?"""

from collections import defaultdict, deque
from dataclasses import dataclass
from threading import Lock

from scrm.sandbox.clock import Clock
from scrm.sandbox.dice import Dice
from scrm.sandbox.errors import ApiError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import App, Corp, State

LIFE_S = 7200
LENGTH = 214
FAILURES_AN_HOUR = 2000
HOUR = 3600


@dataclass
class Token:
    value: str
    corpid: str
    agentid: int
    expires: float
    voided_as: int = 0


class Tokens:
    def __init__(self, clock: Clock, state: State) -> None:
        self._clock = clock
        self._state = state
        self._lock = Lock()
        self._issued: dict[str, Token] = {}
        self._current: dict[tuple[str, int], Token] = {}
        self._failures: defaultdict[str, deque[float]] = defaultdict(deque)
        self._locked_until: dict[str, float] = {}

    def issue(self, corpid: str, secret: str) -> Json:
        """The same token while it lives; `expires_in` is what is left of it."""
        now = self._clock.now()
        with self._lock:
            if now < self._locked_until.get(corpid, 0.0):
                raise ApiError(45009)
            try:
                corp, app = self._app_of(corpid, secret)
            except ApiError:
                self._count_failure(corpid, now)
                raise
            token = self._current.get((corp.corpid, app.agentid))
            if token is None or token.voided_as or token.expires <= now:
                token = self._new(corp, app, now)
        return {"access_token": token.value, "expires_in": int(token.expires - now)}

    def corpid_of(self, value: str) -> str:
        """For faults and the journal: also of a dead token."""
        token = self._issued.get(value)
        return token.corpid if token else ""

    def bearer(self, value: str) -> tuple[Corp, App]:
        if not value:
            raise ApiError(41001)
        token = self._issued.get(value)
        if token is None:
            raise ApiError(40014)
        if token.voided_as:
            raise ApiError(token.voided_as)
        if token.expires <= self._clock.now():
            raise ApiError(42001)
        corp = self._state.corps[token.corpid]
        app = corp.app(token.agentid)
        if app is None:
            raise ApiError(40014)
        return corp, app

    def revoke(self, corpid: str, agentid: int, code: int) -> int:
        """Voids what is current, as the platform sometimes does early. 0 means every app."""
        with self._lock:
            hit = [
                token
                for (owner, agent), token in self._current.items()
                if owner == corpid and agentid in (0, agent) and not token.voided_as
            ]
            for token in hit:
                token.voided_as = code
        return len(hit)

    def _app_of(self, corpid: str, secret: str) -> tuple[Corp, App]:
        if not corpid:
            raise ApiError(41002)
        if not secret:
            raise ApiError(41004)
        corp = self._state.corps.get(corpid)
        if corp is None:
            raise ApiError(40013)
        for app in list(corp.apps.values()):
            if app.secret == secret:
                return corp, app
        others = (app for each in list(self._state.corps.values()) for app in each.apps.values())
        raise ApiError(40091 if any(app.secret == secret for app in others) else 40001)

    def _new(self, corp: Corp, app: App, now: float) -> Token:
        dice: Dice = self._state.dice
        value = dice.word(LENGTH, "token", corp.corpid, app.agentid, dice.number("token"))
        token = Token(value, corp.corpid, app.agentid, now + LIFE_S)
        self._issued[value] = self._current[corp.corpid, app.agentid] = token
        return token

    def _count_failure(self, corpid: str, now: float) -> None:
        failures = self._failures[corpid]
        failures.append(now)
        while failures[0] <= now - HOUR:
            failures.popleft()
        if len(failures) > FAILURES_AN_HOUR:
            self._locked_until[corpid] = now + HOUR
            failures.clear()
