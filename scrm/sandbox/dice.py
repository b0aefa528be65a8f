"""Where do the sandbox's ids, jitter and chances come from, so that one seed gives one run?

Every draw is a hash of the seed and a name for the draw. Threads may therefore draw in any order
without changing what each of them gets.
"""

import base64
import hashlib
from dataclasses import dataclass, field
from threading import Lock

_LOCK = Lock()


@dataclass
class Dice:
    seed: int = 1
    counters: dict[str, int] = field(default_factory=dict)

    def number(self, kind: str) -> int:
        """The next number of a kind: 1, 2, 3 …"""
        with _LOCK:
            self.counters[kind] = self.counters.get(kind, 0) + 1
            return self.counters[kind]

    def copy(self) -> "Dice":
        with _LOCK:
            return Dice(self.seed, dict(self.counters))

    def octets(self, length: int, *key: object) -> bytes:
        name = repr((self.seed, *key)).encode()
        return hashlib.shake_256(name).digest(length)

    def fraction(self, *key: object) -> float:
        """A number from 0 up to, and without, 1."""
        return int.from_bytes(self.octets(7, *key), "big") / 2**56

    def between(self, low: float, high: float, *key: object) -> float:
        return low + (high - low) * self.fraction(*key)

    def word(self, length: int, *key: object) -> str:
        """Letters, digits, "-" and "_", as the platform's own ids."""
        return base64.urlsafe_b64encode(self.octets(length, *key)).decode()[:length]

    def hexadecimal(self, length: int, *key: object) -> str:
        return self.octets(length, *key).hex()[:length]
