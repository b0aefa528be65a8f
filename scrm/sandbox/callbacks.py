"""Which callbacks went out, to whom, in how many attempts, and what came back?

At least once and in no promised order: several threads deliver, a failed delivery is repeated with
a new timestamp, nonce and signature around the same inner XML.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from threading import Condition
from typing import cast

from scrm.sandbox import transport, wrapping
from scrm.sandbox.clock import Clock
from scrm.sandbox.dice import Dice
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.faults import Faults, Rule
from scrm.sandbox.fields import Json
from scrm.sandbox.settings import Settings
from scrm.sandbox.state import App
from scrm.sandbox.timetable import Timetable
from scrm.sandbox.wrapping import Recipient, Stamp

KEPT = 20_000
SWAP_S = 0.5
SKEW_S = 300


@dataclass
class Attempt:
    kind: str  # delivery | duplicate | bad_signature | other_receive_id | dtd
    at: float
    timestamp: str
    nonce: str
    status: int
    seconds: float
    error: str
    answer: str


@dataclass
class Callback:
    """`corpid` is an appid when it goes to an official account."""

    id: int
    corpid: str
    agentid: int
    event: str
    xml: str
    created: float
    state: str = "queued"  # queued | delivered | refused | failed
    attempts: list[Attempt] = field(default_factory=list)


class Callbacks:
    def __init__(self, clock: Clock, dice: Dice, faults: Faults, timetable: Timetable) -> None:
        self._clock = clock
        self._dice = dice
        self._faults = faults
        self._timetable = timetable
        self._kept: deque[Callback] = deque(maxlen=KEPT)
        self._idle = Condition()
        self._pending = 0

    def send(
        self,
        corpid: str,
        to: Recipient,
        event: str,
        xml: str,
        settings: Settings,
        begun: Callable[[], None] = lambda: None,
        heard: Callable[[transport.Answer], None] = lambda answer: None,
    ) -> Callback:
        """Queues one callback. `begun` is called as its first delivery sets out, `heard` with the
        answer that ended it."""
        number = self._dice.number("callback")
        agentid = to.agentid if isinstance(to, App) else 0
        callback = Callback(number, corpid, agentid, event, xml, self._clock.now())
        struck = self._faults.struck("callback", corpid, event)
        delivery = Delivery(self, callback, to, settings, struck, begun, heard)
        with self._idle:
            self._kept.append(callback)
        delay = self._dice.between(*settings.callback_delay_s, "delay", number)
        delay += sum(rule.delay_s for rule in struck if rule.kind == "delay")
        delay += SWAP_S if any(rule.kind == "swap" for rule in struck) else 0.0
        self.later(delay, delivery.first)
        return callback

    def again(
        self, number: int, to_whom: Callable[[Callback], Recipient], settings: Settings
    ) -> Callback:
        """Delivers an old callback once more, as the platform may."""
        found = next((kept for kept in list(self._kept) if kept.id == number), None)
        if found is None:
            raise RefusedError(f"there is no callback {number}", 404)
        delivery = Delivery(self, found, to_whom(found), settings, [])
        self.later(0.0, lambda: delivery.attempt("duplicate"))
        return found

    def later(self, seconds: float, work: Callable[[], object]) -> None:
        with self._idle:
            self._pending += 1

        def run() -> None:
            try:
                work()
            finally:
                with self._idle:
                    self._pending -= 1
                    self._idle.notify_all()

        self._timetable.after(seconds, run)

    def flush(self, timeout: float) -> bool:
        """Waits (real seconds) until nothing is queued, under way or due again."""
        with self._idle:
            return self._idle.wait_for(lambda: self._pending == 0, timeout)

    def read(self, corpid: str = "", since: int = 0, limit: int = 0) -> Json:
        """Those after number `since`; the last `limit` of them when it is given."""
        found = [
            callback
            for callback in sorted(self._kept, key=lambda callback: callback.id)
            if callback.id > since and corpid in ("", callback.corpid)
        ]
        return {
            "pending": self._pending,
            "callbacks": [
                cast(Json, asdict(callback)) for callback in (found[-limit:] if limit else found)
            ],
        }

    def now(self) -> float:
        return self._clock.now()

    @property
    def dice(self) -> Dice:
        return self._dice


@dataclass
class Delivery:
    """One callback on its way to one app or official account."""

    callbacks: Callbacks
    callback: Callback
    to: Recipient
    settings: Settings
    struck: list[Rule]
    begun: Callable[[], None] = lambda: None
    heard: Callable[[transport.Answer], None] = lambda answer: None

    def first(self) -> None:
        for kind in wrapping.forgeries(self.to):
            if any(rule.kind == kind for rule in self.struck):
                self.attempt(kind)
        self.begun()
        self._deliver(1)

    def _deliver(self, number: int) -> None:
        answer = self.attempt("delivery")
        settled = answer.status == 200 or (
            answer.status and self.settings.retry_on_status == "never"
        )
        if settled:
            self.callback.state = "delivered" if answer.status == 200 else "refused"
            if any(rule.kind == "duplicate" for rule in self.struck):
                self.callbacks.later(self._pause(number), lambda: self.attempt("duplicate"))
            self.heard(answer)
        elif number < self.settings.callback_deliveries:
            self.callbacks.later(self._pause(number), lambda: self._deliver(number + 1))
        else:
            self.callback.state = "failed"
            self.heard(answer)

    def attempt(self, kind: str) -> transport.Answer:
        now = self.callbacks.now()
        dice, key = self.callbacks.dice, ("callback", self.callback.id, len(self.callback.attempts))
        timestamp = str(int(now + self._skew(dice, key)))
        nonce = str(int(dice.between(10**8, 10**9, *key, "nonce")))
        stamp = Stamp(timestamp, nonce, dice.octets(16, *key))
        callback = self.callback
        query, body = wrapping.wrapped(self.to, callback.corpid, callback.xml, stamp, kind=kind)
        answer = transport.call(
            "POST", self.to.callback_url, query, body, self.settings.callback_timeout_s
        )
        self.callback.attempts.append(
            Attempt(
                kind,
                now,
                timestamp,
                nonce,
                answer.status,
                round(answer.seconds, 4),
                answer.error,
                answer.body[:200].decode(errors="replace"),
            )
        )
        return answer

    def _skew(self, dice: Dice, key: tuple[object, ...]) -> float:
        widest = self.settings.callback_skew_s
        if any(rule.kind == "skew" for rule in self.struck):
            widest = max(widest, SKEW_S)
        return dice.between(-widest, widest, *key, "skew")

    def _pause(self, number: int) -> float:
        span = self.settings.callback_spacing_s
        return self.callbacks.dice.between(*span, "spacing", self.callback.id, number)


def check_url(corpid: str, to: Recipient, settings: Settings, dice: Dice, *, at: float) -> None:
    """The platform enables a URL only when it sends back an echo, exactly and within a second."""
    transport.check_url(to.callback_url)
    number = dice.number("url check")
    echo = str(int(dice.between(10**18, 10**19, "echo", number)))
    stamp = Stamp(str(int(at)), str(10**8 + number), dice.octets(16, "url check", number))
    query = wrapping.echo_query(to, corpid, echo, stamp)
    answer = transport.call("GET", to.callback_url, query, None, settings.url_check_timeout_s)
    if not answer.status:
        raise RefusedError(f"the callback URL gave no answer within its time: {answer.error}")
    if answer.status != 200 or answer.body != echo.encode():
        raise RefusedError(
            f"the callback URL answered HTTP {answer.status} and not the exact echo: "
            "the token, the key or the id differ, or the URL is another page"
        )
    if answer.seconds > settings.url_check_timeout_s:
        raise RefusedError(f"the callback URL took {answer.seconds:.1f} s to answer the check")
