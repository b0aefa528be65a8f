"""The page of user assets: a statement from opening to closing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import zip_longest
from typing import Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from analytics import answers, shown
from analytics.assets import statement
from analytics.assets.statement import (
    BY_FOLLOW,
    GROUPS,
    LINES,
    OF_PEOPLE,
    Group,
    Names,
    People,
    Row,
)
from analytics.pages import frame
from analytics.pages.tables import Card, Column, Figure, Table, counted
from analytics.periods import Question, micros
from analytics.segment_leaves import OWNERSHIPS
from analytics.standing import Ownership
from contacts.models import ContactSettings
from tenants.ids import encode
from tenants.middleware import tenant_of

DAYS = 30
_SIGNS: Final[Mapping[str, str]] = {
    "acquired": "+", "returned": "+", "moved_in": "+",
    "lost_by_customer": "−", "lost_by_staff": "−", "moved_out": "−",
}  # fmt: skip
# Of these lines heads are contacts: nobody comes for the first time twice.
_LISTED: Final = frozenset({"opening", "acquired", "closing"})


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, "group", days=DAYS)
    group = next((g for g in GROUPS if g == asked.given.get("group")), GROUPS[0])
    currency = tenant_of(request).currency

    def made(question: Question) -> tuple[Table, Table]:
        rows = answers.of_assets(question, group)
        table = of_assets(rows, statement.names(group, rows), group, currency)
        return table, table

    rows = answers.of_assets(asked.question, group)
    people = None if group in BY_FOLLOW else statement.people(asked.question, group)
    table = of_assets(rows, statement.names(group, rows), group, currency, people)
    now = "as_of" not in asked.given and asked.question.span.end_us > micros(timezone.now())
    listed = links(rows, group, asked.question) if now and table.rows else []
    return frame.show(
        request,
        asked,
        table,
        "analytics/assets.html",
        file=(f"user-assets-{group}", table),
        again=made,
        heading=_("User assets"),
        group=group,
        statement=pivot(table) if group == "ownership" else None,
        stacked=stacked(table, listed),
        links=listed,
        people=_people(asked, people) if table.rows and people else [],
        by_follow=group in BY_FOLLOW,
        switch=frame.switch(asked, "group", group, list(titles().items())),
    )


def _people(asked: frame.Asked, people: People) -> list[tuple[str, int, str]]:
    """Who returned or was lost, each once: a title, how many they are, where they are listed."""
    titles = {
        "returned": _("Returned"),
        "lost_by_customer": _("Lost: by the customer"),
        "lost_by_staff": _("Lost: by staff"),
    }
    found = people.all.items()
    return [(titles[line], heads, asked.behind(line)) for line, heads in found if heads]


def titles() -> dict[Group, str]:
    return {
        "ownership": _("Ownership level"),
        "staff": _("Guide"),
        "team": _("Store / team"),
        "channel": _("Channel"),
    }


def of_assets(
    rows: Sequence[Row], names: Names, group: Group, currency: str, people: People | None = None
) -> Table:
    """With `people`, who returned or was lost is listed too, where each of them is one head."""
    table = Table(_columns(group))
    whole = statement.total(rows)
    if not any(getattr(whole, line) for line in LINES):
        return table  # nothing to show
    table.rows = [
        _cells(_name(row, names, group), row, currency, _those(row, group), _listed(row, people))
        for row in rows
    ]
    table.raw = [_raw(_name(row, names, group), row) for row in rows]
    if len(rows) > 1 and group not in BY_FOLLOW:
        listed = _LISTED | _single(whole, people.all if people else {})
        table.total = _cells(_("Total"), whole, currency, {}, listed)
    table.cards = _cards(whole, group, currency)
    table.chart = _waterfall(whole, group)
    return table


def stacked(table: Table, links: Sequence[str]) -> list[dict[str, object]]:
    """A row for each group; where there is no room, each becomes a list of its own lines."""
    named = list(zip((*LINES, "value"), table.columns[1:], strict=True))
    total = [table.total] if table.total else []
    return [
        {
            "name": row[0],
            "total": row is table.total,
            "link": link,
            "cells": [
                {
                    "title": column.title,
                    "text": text,
                    "balance": line in ("opening", "closing"),
                    "nothing": text == "0" and line in _SIGNS,
                }
                for (line, column), text in zip(named, row[1:], strict=True)
            ],
        }
        for row, link in zip_longest([*table.rows, *total], links)
    ]


def pivot(table: Table) -> dict[str, object]:
    """As a statement reads: a line below the other, a level beside the other."""
    rows = [*table.rows, table.total]
    if not table.rows:
        return {}
    lines = [
        {
            "title": column.title,
            "meaning": column.meaning,
            "balance": line in ("opening", "closing"),
            "cells": [row[place] for row in rows],
        }
        for place, (line, column) in enumerate(
            zip((*LINES, "value"), table.columns[1:], strict=True), start=1
        )
    ]
    return {"heads": [row[0] for row in rows], "lines": lines}


def links(rows: Sequence[Row], group: Group, question: Question) -> list[str]:
    """Where those at closing are listed, when closing is now; empty where no list can say it."""
    contacts = reverse("admin:contacts_contact_changelist")
    follows = reverse("admin:contacts_follow_changelist")
    narrow = _narrowed(question)
    if narrow is None:
        return []
    found = []
    for row in rows:
        of: dict[str, tuple[str, dict[str, object]]] = {
            "ownership": (contacts, {"ownership": row.key, **narrow})
        }
        if row.key is not None and group == "staff" and not narrow:
            of["staff"] = (follows, {"staff__id__exact": row.key, "state": "active"})
        if row.key is not None and group == "channel":
            known = {**narrow, "channel__id__exact": row.key, "ownership": "any"}
            of["channel"] = (contacts, known)
        address, query = of.get(group, ("", {}))
        found.append(f"{address}?{urlencode(query)}" if address and row.closing else "")
    return found


def _narrowed(question: Question) -> dict[str, object] | None:
    """The filters as those of the list; None where it has no such."""
    owners = question.owners
    if question.product_role is not None or (owners is not None and len(owners) != 1):
        return None
    asked = {
        "channel__id__exact": question.channel_id,
        "segment": question.segment_id,
        "owner__id__exact": owners[0] if owners else None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _name(row: Row, names: Names, group: Group) -> str:
    if group == "ownership":
        return str(OWNERSHIPS[Ownership(str(row.key))])
    if row.key is not None:
        return names[row.key][1]
    return _("No channel") if group == "channel" else _("No team")


def _columns(group: Group) -> list[Column]:
    rule = ContactSettings.of_tenant()
    levels = _(
        "L1: can be reached. L2: also wrote, read, clicked or joined within %(interacting)s days. "
        "L3: also bought within %(owned)s days."
    ) % {"interacting": rule.interacting_days, "owned": rule.owned_days}
    follows = _("A contact who is a friend of two guides stands in both rows, so the rows do not "
                "add up to contacts.")  # fmt: skip
    first = {"ownership": levels, "staff": follows, "team": follows}.get(group, "")
    if group in BY_FOLLOW:
        moved = _("Handed over by another guide."), _("Handed over to another guide.")
        acquired, returned = _("Became friends for the first time."), _("Became friends again.")
    else:
        moved = (
            _("Began the period, or came, at another level and ended it, or left, at this one."),
            _("Began the period, or came, at this level and ended it, or left, at another one."),
        )
        acquired = _("Contacts that could be reached for the first time: the new contacts.")
        returned = _("Contacts that could be reached again after nobody could reach them.")
    by_staff = _("The last way to reach them was ended by staff or by a hand-over, or nobody knows "
                 "by whom.")  # fmt: skip
    return [
        Column(titles()[group], first),
        Column(_("Opening"), _("Could be reached just before the period began.")),
        Column(_("Acquired"), acquired),
        Column(_("Returned"), returned),
        Column(_("Moved in"), moved[0]),
        Column(_("Lost: by the customer"), _("The customer ended the last way to reach them.")),
        Column(_("Lost: by staff"), by_staff),
        Column(_("Moved out"), moved[1]),
        Column(
            _("Closing"),
            _("Opening + acquired + returned + moved in − lost − moved out; the next period "
              "opens with it."),
        ),
        Column(
            _("Expected value"),
            _("Margin that those at closing are expected to bring within 12 months. – means: too "
              "few repeat customers to predict from."),
        ),
    ]  # fmt: skip


def _listed(row: Row, people: People | None) -> frozenset[str]:
    """The lines of a row whose heads are contacts, each once."""
    if people is None:
        return _LISTED
    of_row = {line: people.by_key.get((line, row.key), 0) for line in OF_PEOPLE}
    return _LISTED | _single(row, of_row)


def _single(row: Row, people: Mapping[str, int]) -> frozenset[str]:
    return frozenset(line for line, number in people.items() if number == getattr(row, line))


def _cells(
    name: str,
    row: Row,
    currency: str,
    those: Mapping[str, object] | None,
    listed: frozenset[str] = _LISTED,
) -> list[str]:
    """`those`: parameters of a row's lists; None: it has none."""
    cells = [name]
    for line in LINES:
        number, sign = getattr(row, line), _SIGNS.get(line, "")
        if those is not None and line in listed:
            cells.append(counted(number, line, sign, **those))
        else:
            cells.append(_signed(sign, number))
    return [*cells, shown.money_at_a_glance(row.value, currency)]


def _those(row: Row, group: Group) -> Mapping[str, object] | None:
    """Of Follows no list of contacts says how many they are."""
    if group in BY_FOLLOW:
        return None
    if group == "ownership":
        return {"level": row.key}
    return {"channel": encode(int(row.key))} if row.key is not None else {"no_channel": 1}


def _raw(name: str, row: Row) -> list[object]:
    value = answers.amount(row.value)
    return [name, *(getattr(row, line) for line in LINES), value and Decimal(value)]


def _cards(whole: Row, group: Group, currency: str) -> list[Card]:
    unit = _("follows") if group in BY_FOLLOW else _("contacts")
    came, lost = whole.acquired + whole.returned, whole.lost_by_customer + whole.lost_by_staff
    change = whole.closing - whole.opening
    growth = Fraction(change, whole.opening) if whole.opening else None
    sign = "+" if change > 0 else "−" if change < 0 else "±"
    note = f"{sign}{shown.count(abs(change))}"
    if growth is not None:
        note += f" ({sign}{shown.rate(abs(growth))})"
    mine = _("%(number)s by the customer") % {"number": shown.count(whole.lost_by_customer)}
    back = _("%(number)s of them returned") % {"number": shown.count(whole.returned)}
    tone = "good" if change > 0 else "bad" if change < 0 else ""
    opening, closing = (_balance(getattr(whole, of), of, group) for of in ("opening", "closing"))
    return [
        Card(_("Opening"), opening, unit, figure=Figure(whole.opening)),
        Card(_("Came"), _signed("+", came), back, figure=Figure(came, 1)),
        Card(_("Lost"), _signed("−", lost), mine, figure=Figure(lost, -1)),
        Card(_("Closing"), closing, note, tone, Figure(whole.closing, 1)),
        Card(
            _("Expected value"),
            shown.money_at_a_glance(whole.value, currency),
            _("within 12 months"),
            figure=Figure(whole.value, 1),
        ),
    ]


def _balance(heads: int, of: str, group: Group) -> str:
    """Of Follows no list of contacts says how many they are."""
    return shown.count(heads) if group in BY_FOLLOW else counted(heads, of)


def _signed(sign: str, number: int) -> str:
    return (sign if number else "") + shown.count(number)


def _waterfall(whole: Row, group: Group) -> dict[str, object]:
    """Each change floats where the one before left off. `base`: where the axis begins."""
    meanings = dict(zip(LINES, (column.title for column in _columns(group)[1:]), strict=False))
    lines = [line for line in LINES if group in BY_FOLLOW or not line.startswith("moved")]
    at, values, tones = 0, list[tuple[int, int]](), list[str]()
    for line in lines:
        number = getattr(whole, line)
        sign = _SIGNS.get(line)
        after = number if sign is None else at + number if sign == "+" else at - number
        values.append((0, after) if sign is None else (min(at, after), max(at, after)))
        tones.append("total" if sign is None else "plus" if sign == "+" else "minus")
        at = after
    low = min(low for (low, _high), tone in zip(values, tones, strict=True) if tone != "total")
    high = max(high for _low, high in values)
    base = max(0, low - (high - low)) if low * 10 > high * 7 else 0
    texts = [_signed(_SIGNS.get(line, ""), getattr(whole, line)) for line in lines]
    return {
        "kind": "waterfall",
        "base": base,
        "tones": tones,
        "labels": [meanings[line] for line in lines],
        "series": [{"label": _("User assets"), "values": values, "texts": texts}],
    }
