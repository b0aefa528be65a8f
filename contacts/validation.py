"""What a value from outside must look like: shared by the REST API and by files (FIGURES R42–R45).

Pure functions: text in, clean value out, or `Invalid` with a stable `code` (error files, API) and a
sentence in the reader's language. None of them asks the database. Blank cells are the caller's
affair: a function that is called with "" refuses it, unless it says otherwise.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import phonenumbers
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tenants import money

DOCUMENT_SIZE = 16 * 1024  # bytes of JSON
DOCUMENT_DEPTH = 32
ID_LENGTH = 64  # ids and kinds
NAME_LENGTH = 100
TAG_LENGTH = 60
CHANNEL_LENGTH = 100
LATEST = timedelta(days=1)  # a time may lie this far in the future (clocks differ)
EARLIEST_YEAR = 1900

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_CONTROL_BUT_BREAKS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# Zero-width marks, directions, the byte order mark: two ids that look the same would differ.
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_PLAIN_ID = re.compile(r"[!-~]{1,64}")  # most of them, and in need of no further look
_PHONE_MARKS = re.compile(r"[\s\-()]")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,14}")
_TRUNK = re.compile(r"\+[1-9][0-9]{0,2}0")  # maybe a 0 that is dialled at home only
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_LANDLINE = re.compile(r"0(?:10|2[0-9])[0-9]{8}|0[3-9][0-9]{2}[0-9]{7,8}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[ Tt][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
    r"(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_ITEM = re.compile(r"(?P<sku>.+?)[×x]\s*(?P<quantity>[0-9]+)")
_WHOLE = re.compile(r"[0-9]{1,9}")
_GENDERS = {
    "": "", "unknown": "", "未知": "",
    "female": "female", "f": "female", "女": "female",
    "male": "male", "m": "male", "男": "male",
}  # fmt: skip


class Invalid(ValueError):  # noqa: N818 - reads as what the value is
    """A value from outside is not acceptable. `code` is stable, `message` is for people."""

    def __init__(self, code: str, message: str | Promise) -> None:
        super().__init__(code)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return str(self.message)


@dataclass(frozen=True)
class Item:
    """One line of an order."""

    sku: str
    quantity: int
    price_fen: int | None = None


def text(value: str, longest: int, *, breaks: bool = False) -> str:
    """Stored as typed; too long or with control characters → Invalid. May be blank."""
    if len(value) > longest:
        raise Invalid("too_long", _("At most %(longest)s characters.") % {"longest": longest})
    if (_CONTROL_BUT_BREAKS if breaks else _CONTROL).search(value):
        raise Invalid("control_character", _("Control characters are not allowed."))
    return value


def identifier(value: str) -> str:
    """external_id, order_id, event_id, sku, userid, kind: trimmed, 1 to 64 characters."""
    if _PLAIN_ID.fullmatch(value):
        return value
    value = value.strip()
    if not value:
        raise Invalid("blank", _("This must not be blank."))
    return _visible(text(value, ID_LENGTH))


def _visible(value: str) -> str:
    if _INVISIBLE.search(value):
        raise Invalid("invisible", _("There are invisible characters in it: type it anew."))
    return value


def name(value: str) -> str:
    """A name of a person or product, as typed (R45)."""
    return text(value, NAME_LENGTH)


def channel(value: str) -> str:
    """A channel's name (R11): trimmed, NFC; "" is no channel."""
    return text(unicodedata.normalize("NFC", value.strip()), CHANNEL_LENGTH)


def tags(value: str | Iterable[str]) -> list[str]:
    """Names of tags, in order, without repeats; a cell has them `;`-separated."""
    names = re.split("[;；]", value) if isinstance(value, str) else value
    clean = (text(unicodedata.normalize("NFC", each.strip()), TAG_LENGTH) for each in names)
    return list(dict.fromkeys(each for each in clean if each))


def phone(value: str) -> str:
    """A phone number in E.164 (R44): +… or 00…, else a Chinese mobile or landline number."""
    digits = _PHONE_MARKS.sub("", unicodedata.normalize("NFKC", value.strip()))
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    elif _MOBILE.fullmatch(digits):
        digits = "+86" + digits
    elif _LANDLINE.fullmatch(digits):
        digits = "+86" + digits[1:]
    if digits.startswith("+860"):  # the trunk 0 is not part of the international form
        digits = "+86" + digits[4:]
    elif _TRUNK.match(digits):
        digits = _without_trunk(digits)
    if not _INTERNATIONAL.fullmatch(digits):
        raise Invalid("phone", _("Write a phone number such as 13800138000 or +44 20 7946 0958."))
    return digits


@lru_cache(maxsize=10_000)
def _without_trunk(digits: str) -> str:
    """+44 (0)20 … is +44 20 …, but +39 06 … keeps its 0: the library knows which."""
    try:
        number = phonenumbers.parse(digits, None)
    except phonenumbers.NumberParseException:
        return digits
    if not phonenumbers.is_valid_number(number):
        return digits
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def email(value: str) -> str:
    """One @ and a dot after it (R44)."""
    clean = _visible(text(unicodedata.normalize("NFKC", value.strip()), 254))
    before, _at, after = clean.partition("@")
    if not before or "@" in after or "." not in after or re.search(r"\s", clean):
        raise Invalid("email", _("Write an e-mail address such as name@example.com."))
    return clean


def gender(value: str) -> str:
    """female, male or "" (unknown); files may say 女, 男, 未知."""
    clean = _GENDERS.get(unicodedata.normalize("NFKC", value.strip()).lower())
    if clean is None:
        raise Invalid("gender", _("Write female or male, or leave it blank."))
    return clean


def day(value: str) -> date:
    """YYYY-MM-DD."""
    value = value.strip()
    try:
        if not _DAY.fullmatch(value):
            raise ValueError
        found = date.fromisoformat(value)
    except ValueError:
        raise Invalid("date", _("Write a date as YYYY-MM-DD.")) from None
    if found.year < EARLIEST_YEAR:
        raise Invalid("date", _("Dates before 1900 are not accepted."))
    return found


def past_day(value: str, now: datetime) -> date:
    """A day that is not later than tomorrow: birthdays, days of costs."""
    found = day(value)
    if found > (now + LATEST).date():
        raise Invalid("future", _("This lies in the future."))
    return found


def moment(value: str, zone: ZoneInfo, now: datetime) -> datetime:
    """An instant in UTC (R43): ISO 8601; without offset it is local time, a day alone its 00:00."""
    value = value.strip()
    try:
        if not _MOMENT.fullmatch(value):
            raise ValueError
        found = datetime.fromisoformat(value.upper())
        if found.tzinfo is None:
            found = found.replace(tzinfo=zone)
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid("time", _("Write a time as YYYY-MM-DD HH:MM:SS or in ISO 8601.")) from None
    if found.year < EARLIEST_YEAR:
        raise Invalid("time", _("Times before 1900 are not accepted."))
    if found > now + LATEST:
        raise Invalid("future", _("This lies in the future."))
    return found


def amount(value: str) -> int:
    """Money in fen (R42): digits, at most two decimals, no sign, no thousands mark."""
    try:
        return money.to_fen(value)
    except ValueError:
        raise Invalid("amount", _("Write an amount such as 1299 or 12.50.")) from None


def currency(value: str, own: str) -> None:
    """Only the tenant's currency is accepted (R5); blank means it."""
    if value.strip().upper() not in {"", own.upper()}:
        raise Invalid("currency", _("Only %(currency)s is accepted.") % {"currency": own})


def quantity(value: str | int) -> int:
    """A whole number of pieces, at least 1."""
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 999_999_999:
        raise Invalid("quantity", _("Write a whole quantity of 1 or more."))
    return value


def items(value: str) -> list[Item]:
    """The cell `sku×qty;…` of an order; × or x; a quantity is always there."""
    found = []
    for part in filter(None, (part.strip() for part in re.split("[;；]", value))):
        match = _ITEM.fullmatch(part)
        if match is None:
            raise Invalid("items", _("Write items as SKU×quantity, separated by semicolons."))
        found.append(Item(identifier(match["sku"]), quantity(match["quantity"])))
    return found


def choice(value: str, among: Iterable[str], *, code: str = "choice") -> str:
    """One of a few words."""
    value = value.strip().lower()
    allowed = list(among)
    if value not in allowed:
        raise Invalid(code, _("Write one of: %(words)s.") % {"words": ", ".join(allowed)})
    return value


def document(value: dict[str, Any]) -> dict[str, Any]:
    """Properties, custom fields: at most 100 names of at most 64 characters, 16 KB, 32 levels."""
    encoded = msgspec.json.encode(value)
    if len(encoded) <= ID_LENGTH:
        return value  # too short to break any of the limits
    if len(value) > 100 or any(len(name) > ID_LENGTH for name in value):
        raise Invalid("names", _("At most 100 names, of at most 64 characters each."))
    if len(encoded) > DOCUMENT_SIZE:
        raise Invalid("too_long", _("At most 16 KB of JSON."))
    if (
        encoded.count(b"{") + encoded.count(b"[") > DOCUMENT_DEPTH
        and _depth(value) > DOCUMENT_DEPTH
    ):
        raise Invalid("too_deep", _("Nested more than 32 levels deep."))
    return value


def _depth(value: object) -> int:
    """Levels of a document, counted without recursion: it may be as deep as the sender likes."""
    depth, level = 0, [value]
    while level:
        depth += 1
        inner: list[object] = []
        for each in level:
            if isinstance(each, dict):
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        level = [each for each in inner if isinstance(each, dict | list)]
    return depth
