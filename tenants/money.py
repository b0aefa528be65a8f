"""Money is whole fen (hundredths of the tenant's currency) inside, a decimal string outside."""

import re
from decimal import ROUND_HALF_UP, Decimal

_AMOUNT = re.compile(r"\d{1,10}(\.\d{1,2})?")


def to_fen(text: str) -> int:
    """`"12.3"` → 1230. Raises ValueError on signs, marks, more than two decimals (FIGURES R42)."""
    text = text.strip()
    if not text.isascii() or not _AMOUNT.fullmatch(text):
        raise ValueError("write an amount such as 1299 or 12.50, without sign or thousands mark")
    whole, _sep, part = text.partition(".")
    return int(whole) * 100 + int((part + "00")[:2])


def text(fen: int | Decimal | None) -> str | None:
    """1230 → `"12.30"`; fractions of a fen are rounded half up (FIGURES R6)."""
    if fen is None:
        return None
    return str((Decimal(fen) / 100).quantize(Decimal("0.01"), ROUND_HALF_UP))
