"""How rows are named outside: opaque ids, and public codes that tell the tenant.

An id is no secret and no permission; it only must not count our rows aloud. Codes (callback
paths, tracked links) carry the tenant, so that a scope can be opened before any look-up.
"""

import secrets

from django.conf import settings
from sqids import Sqids

_ids = Sqids(alphabet=settings.ID_ALPHABET, min_length=10)
_codes = Sqids(alphabet=settings.ID_ALPHABET[::-1], min_length=12)
_LARGEST = 2**63 - 1


def encode(row_id: int) -> str:
    return str(_ids.encode([row_id]))


def decode(text: str) -> int | None:
    """The row id, or None when `text` is not an id that `encode` makes."""
    numbers = _ids.decode(text)
    if len(numbers) != 1 or numbers[0] > _LARGEST or _ids.encode(numbers) != text:
        return None
    return int(numbers[0])


def new_code(tenant_id: int, bits: int = 60) -> str:
    """A random public code of this tenant; `bits` of it are unguessable."""
    return str(_codes.encode([tenant_id, secrets.randbits(bits)]))


def tenant_of_code(code: str) -> int | None:
    numbers = _codes.decode(code)
    if len(numbers) != 2 or numbers[0] > _LARGEST or _codes.encode(numbers) != code:
        return None
    return int(numbers[0])
