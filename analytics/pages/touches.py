"""The page of touches: what messages did, and what they cost in friends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from analytics import answers, shown, touches
from analytics.pages import frame
from analytics.pages.tables import Card, Column, Figure, Table
from analytics.periods import Question
from analytics.touches import DAYS, ENOUGH, GROUPS, Group, Report, Row
from campaigns.models import Broadcast
from journeys.engine import Reason
from journeys.models import Route
from tenants.middleware import tenant_of

PERIOD_DAYS: Final = 90
_BARS: Final = 12


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, "group", "days", days=PERIOD_DAYS)
    group = next((g for g in GROUPS if g == asked.given.get("group")), GROUPS[0])
    days = next((d for d in DAYS if str(d) == asked.given.get("days")), DAYS[0])
    currency = tenant_of(request).currency

    def made(question: Question) -> tuple[Table, Table]:
        found = touches.report(question, group, days)
        return of_touches(found, group, days, currency), whole_file(found, group, days)

    found = touches.report(asked.question, group, days)
    return frame.show(
        request,
        asked,
        of_touches(found, group, days, currency),
        "analytics/touches.html",
        file=(f"touches-{group}", whole_file(found, group, days)),
        again=made,
        heading=_("Touches"),
        group=group,
        days=days,
        day_choices=DAYS,
        switch=frame.switch(asked, "group", group, list(titles().items())),
        reasons=_reasons(found.total),
    )


def titles() -> Mapping[Group, str]:
    return {
        "sop": "SOP",
        "step": _("Step"),
        "broadcast": _("Broadcast"),
        "content": _("Content"),
        "route": _("Route"),
        "hour": _("Hour"),
        "weekday": _("Weekday"),
    }


def of_touches(found: Report, group: Group, days: int, currency: str) -> Table:
    table = Table(_columns(group, days), meanings=_meanings())
    if not found.rows:
        return table
    table.rows = [_cells(_name(group, row), row, currency) for row in found.rows]
    table.raw = [_raw(_name(group, row), row) for row in found.rows]
    if len(found.rows) > 1:
        table.total = _cells(_("Total"), found.total, currency)
    table.cards = _cards(found, group, days, currency)
    table.chart = _chart(found.rows, group)
    return table


def _columns(group: Group, days: int) -> list[Column]:
    after = shown.days(days)
    return [
        Column(titles()[group]),
        Column(
            _("Planned"),
            _("Messages to one contact each that were sent in the period or, while they were not, "
              "due in it: of SOPs, of broadcasts, and those that a file tells were delivered. "
              "Notes to staff are none."),
        ),
        Column(_("Sent"), _("Of these: what left, and did not come back as undelivered.")),
        Column(_("Delivered"), _("Of the sent: what is known to have arrived.")),
        Column(_("Not sent"), _("Failed, skipped or cancelled; the reasons stand below.")),
        Column(
            _("Answered"),
            _("Sent touches after which the contact wrote, read, clicked, asked, answered or "
              "joined within 72 hours ÷ sent. It counts for the last touch before it."),
        ),
        Column(
            _("Link opened"),
            _("Sent touches after which a tracked link was opened within 72 hours ÷ sent."),
        ),
        Column(
            _("Ordered"),
            _("Sent touches with a paid order within %(days)s ÷ sent. An order counts for the "
              "last touch before it.") % {"days": after},
        ),
        Column(
            _("Revenue after"),
            _("Of these orders, less refunds. It came after the touch; nobody knows whether "
              "because of it."),
        ),
        Column(
            _("Friends lost"),
            _("Friends and fans who ended it themselves within 72 hours, for the last touch "
              "before it: the price of touching."),
        ),
    ]  # fmt: skip


def _meanings() -> list[Column]:
    return [
        Column(
            _("Answered most"),
            _("The highest share of answered ÷ sent, among those with %(n)s sent or more.")
            % {"n": ENOUGH},
        )
    ]


def _name(group: Group, row: Row) -> str:
    if row.name is None:
        return pgettext("of touches", "others")
    if group == "hour":
        return f"{int(row.name):02}:00"
    if group == "weekday":
        return weekday(int(row.name))
    if group == "route":
        labels = dict(Broadcast.Route.choices) | dict(Route.choices)
        return str(labels.get(row.name, row.name))
    return row.name


def weekday(number: int) -> str:
    """1 is Monday."""
    return date_format(date(2024, 1, number), "l")


def _cells(name: str, row: Row, currency: str) -> list[str]:
    return [
        name,
        shown.count(row.planned),
        shown.count(row.sent),
        shown.count(row.delivered),
        shown.count(row.failed + row.skipped + row.cancelled),
        shown.rate(row.rate(row.responded)),
        shown.rate(row.rate(row.clicked)),
        shown.rate(row.rate(row.ordered)),
        shown.money(row.revenue, currency),
        shown.count(row.lost),
    ]


def _raw(name: str, row: Row) -> list[object]:
    return [
        name, row.planned, row.sent, row.delivered, row.failed, row.skipped, row.cancelled,
        row.open, row.contacts, row.responded, answers.number(row.rate(row.responded)),
        row.clicked, answers.number(row.rate(row.clicked)), row.ordered,
        answers.number(row.rate(row.ordered)), row.orders, answers.decimal(row.revenue),
        answers.decimal(row.margin), row.lost, answers.number(row.rate(row.lost)),
        "; ".join(f"{text}: {number}" for text, number in _reasons(row)),
    ]  # fmt: skip


def whole_file(found: Report, group: Group, days: int) -> Table:
    """With the counts behind the shares."""
    heads = [
        titles()[group], _("Planned"), _("Sent"), _("Delivered"), _("Failed"), _("Skipped"),
        _("Cancelled"), _("Open"), _("Contacts"), _("Answered"), _("Share answered"),
        _("Link opened"), _("Share opened"), _("Ordered"), _("Share ordered"), _("Orders"),
        _("Revenue after"), _("Margin after"), _("Friends lost"), _("Share lost"), _("Reasons"),
    ]  # fmt: skip
    raw = [_raw(_name(group, row), row) for row in found.rows]
    return Table([Column(head) for head in heads], raw=raw)


def _reasons(row: Row) -> list[tuple[str, int]]:
    """In words, the most frequent first."""
    labels = {str(code): str(label) for code, label in Reason.choices}
    told = [(labels.get(code, code or _("not known")), n) for code, n in row.reasons.items()]
    return sorted(told, key=lambda each: (-each[1], each[0]))


def _cards(found: Report, group: Group, days: int, currency: str) -> list[Card]:
    row = found.total
    cards = [
        Card(
            _("Sent"),
            shown.count(row.sent),
            ngettext("to %(n)s contact", "to %(n)s contacts", row.contacts)
            % {"n": shown.count(row.contacts)},
            figure=Figure(row.sent),
        ),
        Card(
            _("Answered"),
            shown.rate(row.rate(row.responded)),
            _("within 72 hours"),
            figure=Figure(row.rate(row.responded), 1, rate=True),
        ),
        Card(
            _("Revenue after"),
            shown.money_at_a_glance(row.revenue, currency),
            _("within %(days)s") % {"days": shown.days(days)},
            figure=Figure(row.revenue, 1),
        ),
        Card(
            _("Friends lost"),
            shown.count(row.lost),
            _("%(rate)s of what was sent") % {"rate": shown.rate(row.rate(row.lost))},
            figure=Figure(row.lost, -1),
        ),
    ]
    if found.best is not None:
        best = found.best
        share = shown.rate(best.rate(best.responded))
        cards.append(Card(_("Answered most"), share, _name(group, best), "good"))
    return cards


def _chart(rows: Sequence[Row], group: Group) -> dict[str, object]:
    """Per cent of the sent; hours and weekdays stand in their order."""
    in_order = group in ("hour", "weekday")
    seen = [row for row in rows if row.sent]
    seen = seen if in_order else seen[:_BARS]
    series = [(_("Answered"), [row.rate(row.responded) for row in seen])]
    if in_order:
        series.insert(0, (_("Ordered"), [row.rate(row.ordered) for row in seen]))
    return {
        "kind": "pairs" if in_order else "bars",
        "labels": [row.name if group == "hour" else _name(group, row) for row in seen],
        "series": [
            {
                "label": label,
                "values": [float(100 * (share or 0)) for share in shares],
                "texts": [
                    f"{shown.rate(share)} · {shown.count(row.sent)}"
                    for share, row in zip(shares, seen, strict=True)
                ],
            }
            for label, shares in series
        ],
    }
