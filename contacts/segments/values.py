"""Is a value of a rule what it should be? Numbers, ranges, days, names; or where and how not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from contacts.segments.rules import RuleError, at
from tenants import money
from tenants.ids import decode

MOST_DAYS = 3660
MOST_VALUES = 200
_LONGEST = 200


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, both ends in; None is no end."""

    low: float | None = None
    high: float | None = None

    def fits(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def sql(self, expression: str) -> tuple[str, tuple[object, ...]]:
        parts = [(">=", self.low), ("<=", self.high)]
        given = [(sign, value) for sign, value in parts if value is not None]
        return " AND ".join(f"{expression} {sign} %s" for sign, _value in given), tuple(
            value for _sign, value in given
        )


def refuse_unknown(given: Mapping[str, Any], known: Sequence[str], path: str) -> None:
    for key in given:
        if key not in known:
            names = ", ".join(f"“{name}”" for name in known)
            raise RuleError(
                at(path, str(key)),
                _("Unknown setting. Write one of %(names)s.") % {"names": names},
            )


def days(value: object, path: str) -> int:
    if not _is_whole(value) or not 1 <= value <= MOST_DAYS:  # type: ignore[operator] # a whole number
        raise RuleError(
            path, _("Write a number of days, from 1 to %(most)s.") % {"most": MOST_DAYS}
        )
    return int(value)  # type: ignore[call-overload,no-any-return] # a whole number


def count(value: object, path: str) -> Range:
    """`2` is at least two; or {"at_least": 2, "at_most": 5}, {"is": 0}."""
    if _is_whole(value):
        value = {"at_least": value}
    return span(value, path, _whole)


def amount(value: object, path: str) -> Range:
    """Money, in fen: {"at_least": "1000.00"}."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        value = {"at_least": value}
    return span(value, path, _fen)


def number(value: object, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15:
        raise RuleError(path, _("Write a number."))
    return value


def span(value: object, path: str, read: Callable[[object, str], float]) -> Range:
    if not isinstance(value, dict) or not value:
        raise RuleError(path, _("Write “at_least”, “at_most” or “is” with a number."))
    refuse_unknown(value, ("at_least", "at_most", "is"), path)
    found = {key: read(each, at(path, key)) for key, each in value.items()}
    if "is" in found:
        return Range(found["is"], found["is"])
    made = Range(found.get("at_least"), found.get("at_most"))
    if made.low is not None and made.high is not None and made.low > made.high:
        raise RuleError(path, _("“at_least” is above “at_most”: nobody could fulfil this."))
    return made


def moment(value: object, path: str) -> date | datetime:
    """A day, or a moment with an offset; a day begins in the zone of the business."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        except ValueError:
            pass
    raise RuleError(path, _("Write a day such as 2026-01-31."))


def instant(value: date | datetime, zone: ZoneInfo) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone)
    return datetime.combine(value, time(), tzinfo=zone)


def text(value: object, path: str, longest: int = _LONGEST) -> str:
    if not isinstance(value, str) or not value.strip() or "\x00" in value:
        raise RuleError(path, _("Write a text."))
    if len(value) > longest:
        raise RuleError(path, _("At most %(longest)s characters.") % {"longest": longest})
    return value


def texts(value: object, path: str, longest: int = _LONGEST) -> tuple[str, ...]:
    """One text, or a list of some."""
    if not isinstance(value, list):
        return (text(value, path, longest),)
    if not value or len(value) > MOST_VALUES:
        raise RuleError(path, _("Write a list of 1 to %(most)s values.") % {"most": MOST_VALUES})
    return tuple(text(each, at(path, nr), longest) for nr, each in enumerate(value))


def flag(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise RuleError(path, _("Write true or false."))
    return value


def named(
    texts: Sequence[str], rows: QuerySet[Any], column: str, path: str, unknown: str
) -> list[int]:
    """The rows that these names or ids mean; `unknown` is the sentence for one that means none."""
    numbers = {word: decode(word) for word in texts}
    by_name = dict(rows.filter(**{f"{column}__in": texts}).values_list(column, "pk"))
    wanted = [number for word, number in numbers.items() if number and word not in by_name]
    by_id = set(rows.filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()
    found = []
    for word in texts:
        pk = by_name.get(word) or (numbers[word] if numbers[word] in by_id else None)
        if pk is None:
            raise RuleError(path, unknown % {"name": word})
        found.append(pk)
    return found


def names(texts: Sequence[str], rows: QuerySet[Any], column: str) -> list[str]:
    """What people call the rows that are written by name or id."""
    numbers = {word: decode(word) for word in texts}
    wanted = [number for number in numbers.values() if number]
    by_id = dict(rows.filter(pk__in=wanted).values_list("pk", column)) if wanted else {}
    return [str(by_id.get(numbers[word] or 0, word)) for word in texts]


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _whole(value: object, path: str) -> float:
    if not _is_whole(value) or not 0 <= value <= 1_000_000:  # type: ignore[operator] # a whole number
        raise RuleError(path, _("Write a whole number from 0 on."))
    return int(value)  # type: ignore[call-overload,no-any-return] # a whole number


def _fen(value: object, path: str) -> float:
    try:
        if isinstance(value, bool):
            raise ValueError
        return money.to_fen(str(value))
    except ValueError:
        raise RuleError(path, _("Write an amount such as “1299” or “12.50”.")) from None
