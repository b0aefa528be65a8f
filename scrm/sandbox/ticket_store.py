"""Which jsapi tickets are good at the moment? They end with the run, as tokens do."""

import hashlib
from dataclasses import dataclass
from threading import Lock

from scrm.sandbox.clock import Clock
from scrm.sandbox.dice import Dice
from scrm.sandbox.fields import Json

LIFE_S = 7200
LENGTH = 86


@dataclass
class Ticket:
    value: str
    expires: float


class Tickets:
    """One of each corp, and one of each app (agentid 0 stands for the corp)."""

    def __init__(self, clock: Clock, dice: Dice) -> None:
        self._clock = clock
        self._dice = dice
        self._lock = Lock()
        self._current: dict[tuple[str, int], Ticket] = {}

    def issue(self, corpid: str, agentid: int) -> Json:
        """The same while it lives; `expires_in` is what is left of it."""
        now = self._clock.now()
        with self._lock:
            ticket = self._current.get((corpid, agentid))
            if ticket is None or ticket.expires <= now:
                number = self._dice.number("jsapi ticket")
                value = self._dice.word(LENGTH, "jsapi ticket", number)
                ticket = self._current[corpid, agentid] = Ticket(value, now + LIFE_S)
        return {"ticket": ticket.value, "expires_in": int(ticket.expires - now)}

    def signature(self, corpid: str, agentid: int, pairs: list[tuple[str, str]]) -> str:
        """Empty when no ticket is good now."""
        ticket = self._current.get((corpid, agentid))
        if ticket is None or ticket.expires <= self._clock.now():
            return ""
        named = [("jsapi_ticket", ticket.value), *pairs]
        signed = "&".join(f"{name}={value}" for name, value in named)
        return hashlib.sha1(signed.encode(), usedforsecurity=False).hexdigest()
