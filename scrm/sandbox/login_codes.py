"""Whom does a code of the sign-in pages stand for? Good once, for five minutes, in this run."""

from dataclasses import dataclass
from threading import Lock

from scrm.sandbox.clock import Clock
from scrm.sandbox.dice import Dice
from scrm.sandbox.errors import ApiError

LIFE_S = 300


@dataclass(frozen=True)
class Login:
    """A member by `userid`, or somebody else by `person`. `agentid` 0: of no app in particular."""

    corpid: str
    agentid: int
    userid: str
    person: str
    expires: float


class LoginCodes:
    def __init__(self, clock: Clock, dice: Dice) -> None:
        self._clock = clock
        self._dice = dice
        self._lock = Lock()
        self._open: dict[str, Login] = {}

    def issue(self, corpid: str, agentid: int, *, userid: str = "", person: str = "") -> str:
        code = self._dice.word(43, "login code", self._dice.number("login code"))
        expires = self._clock.now() + LIFE_S
        with self._lock:
            self._open[code] = Login(corpid, agentid, userid, person, expires)
        return code

    def redeem(self, code: str, corpid: str, agentid: int) -> Login:
        """40029 for a code that is unknown, used, late or another corp's; an app that the code
        was not made for hears that its domain does not fit."""
        with self._lock:
            login = self._open.get(code)
            if login is None or login.corpid != corpid or login.expires <= self._clock.now():
                raise ApiError(40029)
            if login.agentid not in (0, agentid):
                raise ApiError(50001)
            return self._open.pop(code)
