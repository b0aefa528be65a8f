"""How did the figures of a page change? Against the period before, or the same days last year.

A page gives the function that makes its tables of a question; it is asked once more, of the other
period and as known at the same moment, so that what is shown as "was" is what the same page shows
of those days.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final

from django.utils.translation import gettext as _

from analytics import shown
from analytics.pages.tables import Card, Change, Column, Figure, Table
from analytics.periods import Question, Span

NAME: Final = "compare"
# The table that a page shows of a question, and that of its file.
Make = Callable[[Question], tuple[Table, Table]]


def choices() -> list[tuple[str, str]]:
    return [
        ("", _("nothing")),
        ("previous", _("the period before")),
        ("year", _("the same days last year")),
    ]


def compare(table: Table, earlier: Table) -> None:
    """Fills in the changes of all cards that can be compared. Of the same title (businesses name
    their stages as they like) the first is the first.
    """
    before: dict[str, list[Card]] = {}
    for card in reversed(earlier.all_cards):
        before.setdefault(card.title, []).append(card)
    for card in table.all_cards:
        same = before.get(card.title)
        then = same.pop() if same else None
        if card.figure is not None:
            card.change = _change(card.figure, then)


def _change(now: Figure, then: Card | None) -> Change:
    was = then.figure.value if then is not None and then.figure is not None else None
    text = shown.points(now.value, was) if now.rate else shown.growth(now.value, was)
    known = now.value is not None and was is not None and text != shown.NONE
    moved = _sign(Fraction(now.value or 0) - Fraction(was or 0)) if known else 0
    tone = {1: "good", -1: "bad"}.get(moved * now.good, "")
    return Change(text, then.text if then is not None and was is not None else "", tone)


def _sign(number: Fraction) -> int:
    return (number > 0) - (number < 0)


def joined(file: Table, span: Span, earlier: Table, then: Span) -> Table:
    """Both files as one; the first column says of which period a row is."""
    columns = [Column(_("Period")), *file.columns]
    rows = [[days(part), *row] for part, of in ((span, file), (then, earlier)) for row in of.raw]
    return Table(columns, raw=rows)


def days(span: Span) -> str:
    return f"{span.start} – {span.through}"
