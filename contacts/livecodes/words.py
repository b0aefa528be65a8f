"""How does a page say what is planned: weekdays, gaps, who stands in for whom?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.livecodes.plan import DAY_MINUTES, Short
from tenants.punctuation import listed

MOST_GAPS: Final = 5

SHORT: Final = {
    Short.SPARE: gettext_lazy("All others are out: the spare staff take the customers."),
    Short.CAP: gettext_lazy(
        "All staff have reached their limit of the day and go on taking customers, for a live code "
        "cannot be empty. Add staff or a spare."
    ),
    Short.HOURS: gettext_lazy(
        "Nobody is on duty now; whoever is available takes the customers. Add hours or a spare."
    ),
    Short.OFF: gettext_lazy(
        "All staff have switched themselves off and still get the customers. Add a spare."
    ),
    Short.NOBODY: gettext_lazy("Choose at least one active staff member for this live code."),
}


def weekdays(numbers: Collection[int]) -> str:
    """“Mon–Fri”, “Sat, Sun”, “every day”."""
    days = sorted(set(numbers))
    if len(days) == 7:
        return _("every day")
    if len(days) > 2 and days == list(range(days[0], days[-1] + 1)):
        return f"{_short(days[0])}–{_short(days[-1])}"
    return listed(_short(day) for day in days)


def gap(minutes: tuple[int, int]) -> str:
    """“Monday 22:00 – Tuesday 08:00”."""
    start, end = minutes
    if end - start >= 7 * DAY_MINUTES:
        return _("the whole week")
    return f"{_moment(start)} – {_moment(end)}"


def gaps(found: Sequence[tuple[int, int]]) -> str:
    named = listed(gap(each) for each in found[:MOST_GAPS])
    if len(found) <= MOST_GAPS:
        return named
    return _("%(named)s and %(n)d more") % {"named": named, "n": len(found) - MOST_GAPS}


def nobody(found: Sequence[tuple[int, int]]) -> str:
    """The refusal, or warning, that names the gaps."""
    return _(
        "Nobody is on duty: %(gaps)s. Give somebody these hours, or add a spare without hours."
    ) % {"gaps": gaps(found)}


def _short(day: int) -> str:
    return str(WEEKDAYS_ABBR[day - 1])


def _moment(minutes: int) -> str:
    day, minute = divmod(minutes, DAY_MINUTES)
    return f"{WEEKDAYS[day % 7]} {minute // 60:02d}:{minute % 60:02d}"
