"""The figures on the page of a live code: by day and staff, its price, what became of welcomes."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest
from django.utils import timezone

from contacts.livecodes import figures
from contacts.models import LiveCode, Welcome
from tenants.money_field import shown as money_shown

PERIODS = (7, 30, 90)


def shown(request: HttpRequest, code: LiveCode) -> dict[str, object]:
    asked = request.GET.get("days", "")
    period = int(asked) if asked in map(str, PERIODS) else PERIODS[1]
    end = timezone.localdate() + timedelta(days=1)
    start = end - timedelta(days=period)
    rows = figures.rows(code, start, end)
    price = figures.price(code, start, end)
    each = price.each_fen if price else None
    return {
        "period": period,
        "periods": PERIODS,
        "rows": rows,
        "scans": sum(row.scans for row in rows),
        "added": sum(row.added for row in rows),
        "returning": sum(row.returning for row in rows),
        "lost": sum(row.lost for row in rows),
        "lost_after": figures.LOST_AFTER_DAYS,
        "staff": by_staff(rows),
        "each": money_shown(each) if each is not None else "",
        "welcomes": [
            (Welcome.State(state).label, number)
            for state, number in sorted(figures.welcomes(code, start, end).items())
        ],
    }


def by_staff(rows: list[figures.Row]) -> list[tuple[str, int, int, int]]:
    """(name, scans, added, lost) of the period, most scans first."""
    sums: dict[str, list[int]] = {}
    for row in rows:
        of = sums.setdefault(str(row.staff), [0, 0, 0])
        of[0] += row.scans
        of[1] += row.added
        of[2] += row.lost
    found = [(name, scans, added, lost) for name, (scans, added, lost) in sums.items()]
    return sorted(found, key=lambda each: (-each[1], each[0]))
