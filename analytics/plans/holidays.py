"""Which days does a shop in China plan for? Public holidays and the sales of the trade.

Dates of the moon and of the solar terms are computed by lunar-python. What is suggested about each
(from when the sale runs, how long it takes to prepare) is a habit of the trade, not a rule: plans
are made from it and then changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from lunar_python import Lunar


def _day(month: int, day: int) -> Callable[[int], date]:
    return lambda year: date(year, month, day)


def _of_moon(month: int, day: int) -> Callable[[int], date]:
    """The day of the Chinese calendar's year that begins in this one."""
    return lambda year: date.fromisoformat(Lunar.fromYmd(year, month, day).getSolar().toYmd())


def _clear_and_bright(year: int) -> date:
    """清明, the fifteenth day after the spring equinox by the sun."""
    terms = Lunar.fromYmd(year, 3, 1).getJieQiTable()
    return date.fromisoformat(terms["清明"].toYmd())


@dataclass(frozen=True)
class Holiday:
    """`before`: days of sale before the day; `days`: from it on; `prepare`: before all that."""

    key: str
    name: str | Promise
    of_year: Callable[[int], date]
    before: int
    days: int
    prepare: int


HOLIDAYS: Final[Sequence[Holiday]] = (
    Holiday("new_year", _("New Year's Day"), _day(1, 1), 3, 3, 14),
    Holiday("spring_festival", _("Spring Festival"), _of_moon(1, 1), 20, 8, 21),
    Holiday("valentine", _("Valentine's Day"), _day(2, 14), 6, 1, 10),
    Holiday("women", _("Women's Day (8 March)"), _day(3, 8), 7, 1, 14),
    Holiday("qingming", _("Qingming"), _clear_and_bright, 2, 2, 7),
    Holiday("labour_day", _("Labour Day (1 May)"), _day(5, 1), 6, 5, 14),
    Holiday("dragon_boat", _("Dragon Boat Festival"), _of_moon(5, 5), 9, 1, 14),
    Holiday("618", _("618 sale"), _day(6, 18), 18, 3, 28),
    Holiday("qixi", _("Qixi"), _of_moon(7, 7), 6, 1, 10),
    Holiday("mid_autumn", _("Mid-Autumn Festival"), _of_moon(8, 15), 14, 1, 21),
    Holiday("national_day", _("National Day (1 October)"), _day(10, 1), 3, 7, 14),
    Holiday("double_11", _("Double 11"), _day(11, 11), 21, 1, 30),
    Holiday("double_12", _("Double 12"), _day(12, 12), 5, 1, 14),
    Holiday("christmas", _("Christmas"), _day(12, 25), 10, 1, 14),
)
_BY_KEY: Final = {holiday.key: holiday for holiday in HOLIDAYS}


@dataclass(frozen=True)
class Occasion:
    """A holiday of one year, and the days that are suggested for it; `ends_on` is the last one."""

    holiday: Holiday
    year: int

    @property
    def key(self) -> str:
        return f"{self.holiday.key}-{self.year}"

    @property
    def day(self) -> date:
        return self.holiday.of_year(self.year)

    @property
    def starts_on(self) -> date:
        return self.day - timedelta(days=self.holiday.before)

    @property
    def ends_on(self) -> date:
        return self.day + timedelta(days=self.holiday.days - 1)

    @property
    def prepare_on(self) -> date:
        return self.starts_on - timedelta(days=self.holiday.prepare)

    @property
    def earlier(self) -> Occasion:
        """The same holiday a year earlier."""
        return Occasion(self.holiday, self.year - 1)

    @property
    def title(self) -> str:
        return _("%(holiday)s %(year)d") % {"holiday": self.holiday.name, "year": self.year}


def coming(today: date) -> list[Occasion]:
    """Of the next twelve months, those whose day has not passed, in the order of their days."""
    both = [Occasion(each, year) for year in (today.year, today.year + 1) for each in HOLIDAYS]
    until = today + timedelta(days=365)
    return sorted((each for each in both if today <= each.day < until), key=lambda each: each.day)


def named(key: str) -> Occasion | None:
    """`double_11-2026`; None when there is no such thing."""
    name, _dash, year = key.rpartition("-")
    if name not in _BY_KEY or not (year.isascii() and year.isdigit() and 1971 <= int(year) <= 2199):
        return None
    return Occasion(_BY_KEY[name], int(year))
