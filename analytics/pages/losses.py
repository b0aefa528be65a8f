"""The page of losses: which of the Follows opened in the period were lost soon."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics import answers, losses, shown
from analytics.losses import DAYS, Group, People, Row
from analytics.pages import frame
from analytics.pages.tables import Card, Column, Figure, Table, counted
from analytics.periods import Question

PERIOD_DAYS = 90


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, "group", "days", days=PERIOD_DAYS)
    group = next((g for g in losses.GROUPS if g == asked.given.get("group")), losses.GROUPS[0])
    days = next((d for d in DAYS if str(d) == asked.given.get("days")), 7)

    def made(question: Question) -> tuple[Table, Table]:
        rows, people = losses.with_people(question, group, days)
        return of_losses(rows, people, group, days), whole_file(rows, group)

    table, file = made(asked.question)
    return frame.show(
        request,
        asked,
        table,
        "analytics/losses.html",
        file=(f"losses-{group}", file),
        again=made,
        heading=_("Losses"),
        group=group,
        days=days,
        day_choices=DAYS,
        switch=frame.switch(asked, "group", group, list(titles().items())),
    )


def titles() -> dict[Group, str]:
    return {
        "channel": _("Channel"),
        "staff": _("Staff"),
        "live_code": _("Live code"),
        "source": _("Source"),
    }


def of_losses(rows: Sequence[Row], people: People, group: Group, days: int) -> Table:
    """Shares for each N; the chart, the cards and who was lost of the N chosen."""
    table = Table(_columns(group, days))
    if not rows:
        return table
    whole = losses.total(rows)
    of: dict[str, object] = {"group": group, "days": days}
    for row in rows:
        lost = people.by_key.get(row.key, 0)
        listed = counted(lost, "lost-follows", **of, key=row.key or losses.NO_KEY)
        table.rows.append([*_cells(_name(group, row), row), listed])
    table.raw = [_raw(_name(group, row), row) for row in rows]
    if len(rows) > 1:
        listed = counted(people.all, "lost-follows", **of)
        table.total = [*_cells(_("Total"), whole), listed]
    table.cards = _cards(rows, whole, group, days)
    table.chart = _chart(rows, group, days)
    return table


def whole_file(rows: Sequence[Row], group: Group) -> Table:
    """With the counts behind the shares."""
    columns = [Column(titles()[group]), Column(_("Opened"))]
    for days in DAYS:
        after = shown.days(days)
        columns += [
            Column(f"{_('Observed')} · {after}"),
            Column(f"{_('Lost')} · {after}"),
            Column(f"{_('by the customer')} · {after}"),
            Column(f"{_('Share lost')} · {after}"),
        ]
    return Table(columns, raw=[_raw(_name(group, row), row, whole=True) for row in rows])


def _columns(group: Group, days: int) -> list[Column]:
    return [
        Column(titles()[group]),
        Column(
            _("Opened"),
            _("Follows opened in the period, re-openings included. A hand-over is no opening."),
        ),
        *(
            Column(
                ngettext("After %(n)s day", "After %(n)s days", days) % {"n": days},
                _("Ended by the customer or by staff within that time ÷ those that were observed "
                  "for that long. A hand-over is no loss."),
            )
            for days in DAYS
        ),
        Column(
            f"{_('Contacts lost')} · {shown.days(days)}",
            _("Of those observed for %(days)s: whose Follow ended within that time, each once; who "
              "was lost twice is one of them.") % {"days": shown.days(days)},
        ),
    ]  # fmt: skip


def _name(group: Group, row: Row) -> str:
    return losses.label(group, row) or _("none")


def _cells(name: str, row: Row) -> list[str]:
    return [name, shown.count(row.opened), *(shown.rate(row.after[n].share) for n in DAYS)]


def _raw(name: str, row: Row, *, whole: bool = False) -> list[object]:
    cells: list[object] = [name, row.opened]
    for days in DAYS:
        after = row.after[days]
        if whole:
            cells += [after.observed, after.lost, after.by_customer]
        cells.append(answers.number(after.share))
    return cells


def _cards(rows: Sequence[Row], whole: Row, group: Group, days: int) -> list[Card]:
    after = whole.after[days]
    cards = [
        Card(_("Opened"), shown.count(whole.opened), figure=Figure(whole.opened, 1)),
        Card(
            _("Lost within %(days)s") % {"days": shown.days(days)},
            shown.rate(after.share),
            _("%(lost)s of %(observed)s observed")
            % {"lost": shown.count(after.lost), "observed": shown.count(after.observed)},
            figure=Figure(after.share, -1, rate=True),
        ),
    ]
    seen = [row for row in rows if row.after[days].observed]
    if len(seen) > 1:
        worst = max(seen, key=lambda row: (row.after[days].share or 0, row.opened))
        share = shown.rate(worst.after[days].share)
        cards.append(Card(_("Most lost"), share, _name(group, worst), "warn"))
    return cards


def _chart(rows: Sequence[Row], group: Group, days: int) -> dict[str, object]:
    seen = [row for row in rows if row.after[days].share is not None][:20]
    texts = [
        f"{shown.rate(row.after[days].share)} · "
        f"{shown.count(row.after[days].lost)}/{shown.count(row.after[days].observed)}"
        for row in seen
    ]
    return {
        "kind": "bars",
        "labels": [_name(group, row) for row in seen],
        "series": [
            {
                "label": _("Share lost"),
                "values": [float(row.after[days].share or 0) for row in seen],
                "texts": texts,
            }
        ],
    }
