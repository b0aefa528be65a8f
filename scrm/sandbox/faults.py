"""What goes wrong, where, and how often?"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from threading import Lock
from typing import cast

from scrm.sandbox import fields
from scrm.sandbox.clock import Clock
from scrm.sandbox.dice import Dice
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.fields import Json

ON_API = (
    "errcode",
    "http_502",
    "truncated_json",
    "html_200",
    "delay",
    "slow_body",
    "reset_before",
    "reset_after",
)
# The first three send a forged copy ahead of the true callback: a good receiver refuses the one and
# takes the other.
ON_CALLBACK = ("bad_signature", "other_receive_id", "dtd", "duplicate", "delay", "swap", "skew")
KINDS = {"api": ON_API, "callback": ON_CALLBACK}


@dataclass
class Rule:
    """Strikes calls that match `corpid` and `path`: the first n, every n-th, by chance, or all."""

    id: int
    on: str
    kind: str
    corpid: str = ""
    path: str = "*"
    first: int = 0
    every: int = 0
    probability: float = 1.0
    starts: float = 0.0
    ends: float = 0.0
    errcode: int = -1
    errmsg: str = ""
    delay_s: float = 1.0
    matched: int = 0
    struck: int = 0

    def _covers(self, corpid: str, path: str, now: float) -> bool:
        if self.ends and not self.starts <= now < self.ends:
            return False
        return self.corpid in ("", corpid) and fnmatchcase(path, self.path)

    def strikes(self, corpid: str, path: str, now: float, dice: Dice) -> bool:
        if not self._covers(corpid, path, now):
            return False
        self.matched += 1
        if self.first and self.matched > self.first:
            return False
        if self.every and self.matched % self.every:
            return False
        if dice.fraction("fault", self.id, self.matched) >= self.probability:
            return False
        self.struck += 1
        return True


class Faults:
    def __init__(self, clock: Clock, dice: Dice) -> None:
        self._clock = clock
        self._dice = dice
        self._rules: list[Rule] = []
        self._lock = Lock()

    def add(self, body: Mapping[str, object]) -> Rule:
        kind = fields.given(body, "kind")
        on = fields.text(body, "on") or ("api" if kind in ON_API else "callback")
        if kind not in KINDS.get(on, ()):
            raise RefusedError(f"there is no fault {kind!r} on {on!r}: {ON_API} or {ON_CALLBACK}")
        now = self._clock.now()
        lasts = fields.number(body, "for_s")
        starts = now + fields.number(body, "after_s")
        rule = Rule(
            id=self._dice.number("rule"),
            on=on,
            kind=kind,
            corpid=fields.text(body, "corpid"),
            path=fields.text(body, "path", "*"),
            first=fields.integer(body, "first"),
            every=fields.integer(body, "every"),
            probability=fields.number(body, "probability", 1.0),
            starts=starts,
            ends=starts + lasts if lasts else 0.0,
            errcode=fields.integer(body, "errcode", -1),
            errmsg=fields.text(body, "errmsg"),
            delay_s=fields.number(body, "delay_s", 1.0),
        )
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def struck(self, on: str, corpid: str, path: str) -> list[Rule]:
        with self._lock:
            if not self._rules:
                return []
            now = self._clock.now()
            return [
                rule
                for rule in self._rules
                if rule.on == on and rule.strikes(corpid, path, now, self._dice)
            ]

    def shown(self) -> Json:
        with self._lock:
            return {"rules": [cast(Json, asdict(rule)) for rule in self._rules]}
