"""How does a figure read on a page? In the reader's language, with the tenant's currency."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.exact import fen

NONE = "–"
_SIGNS = {"CNY": "¥", "JPY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "HKD": "HK$", "TWD": "NT$"}
# Both of our languages group by three with a comma and write a decimal point.


def count(number: int | None) -> str:
    return NONE if number is None else f"{number:,}"


def sign(currency: str) -> str:
    return _SIGNS.get(currency, currency + " ")


def money(exact: Fraction | int | None, currency: str) -> str:
    rounded = fen(exact)
    if rounded is None:
        return NONE
    minus = "−" if rounded < 0 else ""
    whole, part = divmod(abs(rounded), 100)
    return f"{minus}{sign(currency)}{whole:,}.{part:02}"


def money_at_a_glance(exact: Fraction | int | None, currency: str) -> str:
    """Large amounts without cents."""
    if exact is None or abs(Fraction(exact)) < 1000 * 100:
        return money(exact, currency)
    whole = fen(Fraction(exact) / 100) or 0
    return money(whole * 100, currency)[:-3]


def rate(exact: Fraction | None) -> str:
    return NONE if exact is None else f"{float(exact):.1%}"


def growth(now: Fraction | int | None, before: Fraction | int | None) -> str:
    """By how many per cent something grew; of nothing nobody knows."""
    if now is None or not before:
        return NONE
    return _signed(f"{float((Fraction(now) - before) / abs(Fraction(before))):+,.1%}")


def points(now: Fraction | int | None, before: Fraction | int | None) -> str:
    """By how many percentage points a rate changed."""
    if now is None or before is None:
        return NONE
    text = _signed(f"{float((Fraction(now) - before) * 100):+,.1f}")
    return _("%(number)s points") % {"number": text}


def _signed(text: str) -> str:
    return text.replace("-", "−") if text.strip("+-0.%") else text.strip("+-")


def ratio(exact: Fraction | None) -> str:
    return NONE if exact is None else f"{float(exact):,.2f}"


def days(number: int | None) -> str:
    if number is None:
        return NONE
    return ngettext("%(number)s day", "%(number)s days", number) % {"number": f"{number:,}"}


def observed(number: int | None, customers: Mapping[int, int]) -> str:
    """What an LTV of so many days rests on; `customers` were observed that long."""
    if number is None:
        return ""
    heads = customers[number]
    text = ngettext(
        "%(days)s days, %(customers)s customer", "%(days)s days, %(customers)s customers", heads
    )
    return text % {"days": number, "customers": count(heads)}


def duration(seconds: Fraction | None) -> str:
    """Two units at most: "3 d 4 h", "12 min"."""
    if seconds is None:
        return NONE
    span = timedelta(seconds=round(float(seconds)))
    hours, rest = divmod(span.seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = [
        (span.days, _("%(n)s d")),
        (hours, _("%(n)s h")),
        (minutes, _("%(n)s min")),
        (left, _("%(n)s s")),
    ]
    first = next((place for place, (n, _unit) in enumerate(parts) if n), 3)
    told = [unit % {"n": n} for n, unit in parts[first : first + 2] if n]
    return " ".join(told) or _("at once")
