"""What of a phone number may be seen by those who must not see all of it?"""

from __future__ import annotations


def phone(e164: str | None) -> str | None:
    """+8613800138000 → 138****8000; abroad the country code and the last two digits stay."""
    if not e164:
        return e164
    if e164.startswith("+861") and len(e164) == 14:
        return f"{e164[3:6]}****{e164[-4:]}"
    return f"{e164[:3]}{'*' * max(4, len(e164) - 5)}{e164[-2:]}"
