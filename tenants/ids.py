"""How rows are named outside: opaque ids, and public codes that tell the tenant.

An id is no secret and no permission; it only must not count our rows aloud. Codes (callback
paths, tracked links) carry the tenant, so that a scope can be opened before any look-up.
"""

import hashlib
import secrets

from django.conf import settings
from sqids import Sqids

_codes = Sqids(alphabet=settings.ID_ALPHABET[::-1], min_length=12)
_LARGEST = 2**63 - 1

# A row id is multiplied through 64 bits together with a check of 16 bits, so that neighbours look
# unlike and text that merely resembles an id is none. Pages and bulk answers name hundreds of rows:
# this takes a microsecond where Sqids takes a hundred.
_ALPHABET: str = settings.ID_ALPHABET
_DIGITS = {character: value for value, character in enumerate(_ALPHABET)}
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_KEY = int.from_bytes(hashlib.blake2b(_ALPHABET.encode(), digest_size=8).digest()) | 1
_INVERSE = pow(_KEY, -1, 2**64)
_MASK = 2**64 - 1
_LENGTH = 11
_ROWS = 2**48


def _check(row_id: int) -> int:
    return (row_id * 0x9E3779B97F4A7C15 + 0x7F4A7C15 & _MASK) >> 48


def encode(row_id: int) -> str:
    """The opaque id of a row: eleven letters and digits."""
    if not 0 <= row_id < _ROWS:
        raise ValueError("no row has this number")
    mixed = (row_id << 16 | _check(row_id)) * _KEY & _MASK
    mixed = (mixed ^ mixed >> 32) * _KEY & _MASK
    # Cut into parts below 2^30 first: dividing those is several times quicker.
    mixed, low = divmod(mixed, 62**5)
    top, high = divmod(mixed, 62**4)
    low, last = divmod(low, 62)
    p = _PAIRS
    return (
        p[low % 3844] + p[low // 3844] + p[high % 3844] + p[high // 3844] + p[top] + _ALPHABET[last]
    )


def decode(text: str) -> int | None:
    """The row id, or None when `text` is not an id that `encode` makes."""
    if len(text) != _LENGTH:
        return None
    mixed = 0
    try:
        for place in range(_LENGTH - 3, -1, -2):
            mixed = mixed * 3844 + _DIGITS[text[place]] * 62 + _DIGITS[text[place + 1]]
        mixed = mixed * 62 + _DIGITS[text[-1]]
    except KeyError:
        return None
    if mixed > _MASK:
        return None
    mixed = mixed * _INVERSE & _MASK
    mixed = (mixed ^ mixed >> 32) * _INVERSE & _MASK
    row_id = mixed >> 16
    return row_id if mixed & 0xFFFF == _check(row_id) else None


def row_id(text: str) -> int:
    """The row id for a look-up; 0, which no row has, when `text` is no id."""
    return decode(text) or 0


def new_code(tenant_id: int, bits: int = 60) -> str:
    """A random public code of this tenant; `bits` of it are unguessable."""
    return str(_codes.encode([tenant_id, secrets.randbits(bits)]))


def tenant_of_code(code: str) -> int | None:
    numbers = _codes.decode(code)
    if len(numbers) != 2 or numbers[0] > _LARGEST or _codes.encode(numbers) != code:
        return None
    return int(numbers[0])
