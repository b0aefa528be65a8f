"""Where does the next page begin, and did we hand out that cursor?

A cursor names the last row given by its ever-growing number, so that rows which come in during a
walk are neither repeated nor lost.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import TypeVar

from scrm.sandbox.dice import Dice
from scrm.sandbox.errors import ApiError

Row = TypeVar("Row")
SEAL = 12


def page(
    rows: Sequence[Row],
    *,
    number: Callable[[Row], int],
    of: str,
    cursor: str,
    limit: int,
    dice: Dice,
    short: bool = False,
) -> tuple[list[Row], str]:
    """Rows must be in ascending order of `number`. `of` names the walk; cursors fit only theirs."""
    last = _opened(cursor, of, dice) if cursor else 0
    left = [row for row in rows if number(row) > last]
    size = limit
    if short and limit > 1:
        size = 1 + int(dice.fraction("page", of, last) * limit)
    taken = left[:size]
    more = len(left) > len(taken)
    return taken, _sealed(number(taken[-1]), of, dice) if more else ""


def _seal(last: int, of: str, dice: Dice) -> bytes:
    key = dice.octets(32, "cursor")
    return hmac.new(key, f"{of}:{last}".encode(), hashlib.sha256).digest()[:SEAL]


def _sealed(last: int, of: str, dice: Dice) -> str:
    return base64.urlsafe_b64encode(_seal(last, of, dice) + str(last).encode()).decode()


def _opened(cursor: str, of: str, dice: Dice) -> int:
    try:
        raw = base64.urlsafe_b64decode(cursor.encode())
        last = int(raw[SEAL:])
    except (binascii.Error, ValueError) as error:
        raise ApiError(40058, "invalid cursor") from error
    if not hmac.compare_digest(_seal(last, of, dice), raw[:SEAL]):
        raise ApiError(40058, "invalid cursor")
    return last
