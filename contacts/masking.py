"""What of a phone number or e-mail address may be seen by those who must not see all of it?

The one rule of fields: phones and e-mails are masked for whoever lacks the ability to reveal, also
where people wrote them into other texts (remarks, properties of events, custom fields).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

# Keys whose values are numbers or addresses, however they are written.
_PHONE_KEYS: Final = frozenset({"phone", "mobile", "tel", "telephone", "手机", "手机号", "电话"})
_EMAIL_KEYS: Final = frozenset({"email", "e-mail", "mail", "邮箱"})
# A mainland mobile number on its own, with or without country code and separators; and any number
# that is written with its country code.
_PHONE: Final = re.compile(
    r"(?<![\w.+-])(?:(?:\+?86|0086)[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![\w-])"
    r"|(?<!\w)\+\d{1,3}[ -]?\d{2,4}(?:[ -]?\d{2,4}){1,3}(?!\w)"
)
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")


def phone(e164: str | None) -> str | None:
    """+8613800138000 → 138****8000; abroad the country code and the last two digits stay."""
    if not e164:
        return e164
    if e164.startswith("+861") and len(e164) == 14:
        return f"{e164[3:6]}****{e164[-4:]}"
    return f"{e164[:3]}{'*' * max(4, len(e164) - 5)}{e164[-2:]}"


def email(address: str | None) -> str | None:
    """alice@example.com → a***@example.com."""
    if not address:
        return address
    before, _at, domain = address.partition("@")
    return f"{before[:1]}***@{domain}"


def text(written: str) -> str:
    """The text with the numbers and addresses in it masked."""
    masked = _EMAIL.sub(lambda found: email(found.group()) or "", written)
    return _PHONE.sub(lambda found: _number(found.group()), masked)


def _number(written: str) -> str:
    digits = re.sub(r"\D", "", written)
    mainland = re.fullmatch(r"(?:00)?(?:86)?(1[3-9]\d{9})", digits)
    return phone(f"+86{mainland.group(1)}" if mainland else f"+{digits}") or ""


def values(document: Mapping[str, Any]) -> dict[str, Any]:
    """Properties of an event or custom fields: whatever is or holds a number is masked."""
    return {key: _value(value, key.lower()) for key, value in document.items()}


def _value(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        return values(value)
    if isinstance(value, list):
        return [_value(each, key) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    if key in _PHONE_KEYS:
        return _number(str(value))
    if isinstance(value, str):
        return email(value) if key in _EMAIL_KEYS else text(value)
    return value


def identity(kind: str, value: str) -> str:
    """An account of a person: verified phones and e-mail addresses are masked."""
    if kind == "phone":
        return phone(value) or ""
    return (email(value) or "") if kind == "email" else text(value)
