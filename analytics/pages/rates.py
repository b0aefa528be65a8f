"""The page of the three WeCom rates: from the scan to the order, against what is usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from analytics import answers, rates, shown
from analytics.pages import frame
from analytics.pages.tables import Card, Column, Figure, Table, counted
from analytics.periods import Question
from analytics.rates import BANDS, Band, Rates, Verdict
from contacts.models import Channel
from tenants.ids import encode

DAYS = 90
_STEPS = ("scanned", "added", "served", "monetised")
_TONES = {Verdict.BELOW: "warn", Verdict.WITHIN: "good", Verdict.ABOVE: "good"}
_Named = tuple[int, str, Rates]  # id and name of a channel; 0: none


@dataclass
class Gauge(Card):
    """A rate beside its band; `least`, `width`, `mark` are in percent of the whole width."""

    told: str = ""
    heads: str = ""
    least: float = 0
    width: float = 0
    mark: float | None = None


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, days=DAYS)

    def made(question: Question) -> tuple[Table, Table]:
        table = of_rates(named(rates.by_channel(question)))
        return table, table

    table, _file = made(asked.question)
    return frame.show(
        request,
        asked,
        table,
        "analytics/rates.html",
        file=("wecom-rates", table),
        heading=_("WeCom rates"),
        again=made,
    )


def named(found: dict[int, Rates]) -> list[_Named]:
    """The most scanned channel first; one that was deleted is no channel."""
    names = dict(Channel.objects.values_list("id", "name"))
    rows: dict[int, Rates] = {}
    for key, heads in found.items():
        known = key if key in names else 0
        rows[known] = rows.get(known, Rates()) + heads
    ordered = sorted(
        rows.items(), key=lambda row: (not row[0], -row[1].scanned, names.get(row[0], ""))
    )
    return [(key, names.get(key) or _("No channel"), heads) for key, heads in ordered]


def titles() -> dict[str, str]:
    return {
        "lead_in": _("Lead-in"),
        "service": _("Service"),
        "monetisation": _("Monetisation"),
    }


def of_rates(rows: Sequence[_Named]) -> Table:
    table = Table(_columns())
    whole = sum((heads for _key, _name, heads in rows), Rates())
    if not whole.scanned:
        return table
    table.rows = [_cells(name, heads, _those(key)) for key, name, heads in rows]
    table.raw = [_raw(name, heads) for _key, name, heads in rows]
    if len(rows) > 1:
        table.total = _cells(_("Total"), whole, {})
    table.cards = [
        Card(title, counted(heads, step), note, figure=Figure(heads, 1))
        for step, title, heads, note in (
            ("scanned", _("Scanned"), whole.scanned, ""),
            ("added", _("Added"), whole.added, _step(_("Lead-in"), whole.lead_in)),
            ("served", _("Served"), whole.served, _step(_("Service"), whole.service)),
            (
                "monetised",
                _("Monetised"),
                whole.monetised,
                _step(_("Monetisation"), whole.monetisation),
            ),
        )
    ]
    table.tiles = [gauge(name, whole) for name in BANDS]
    table.chart = _funnel(whole)
    return table


def _those(key: int) -> dict[str, object]:
    """Parameters beside those of the page: of whom a row is."""
    return {"channel": encode(key)} if key else {"no_channel": 1}


def _step(title: str, rate: Fraction | None) -> str:
    return f"{title} {shown.rate(rate)}"


def _columns() -> list[Column]:
    return [
        Column(_("Channel")),
        Column(_("Scanned"), _("Contacts that scanned a live code in the period.")),
        Column(
            _("Added"),
            _("Of them: those a member of staff was added by within 7 days of the scan."),
        ),
        Column(
            _("Served"),
            _("Of the added: those who wrote and were written to, both within 7 days."),
        ),
        Column(
            _("Monetised"), _("Of the served: those with a paid order within 30 days of adding.")
        ),
        Column(_("Lead-in"), _("Added ÷ scanned. Usual: 70% or more.")),
        Column(_("Service"), _("Served ÷ added. Usual: 40% to 50%.")),
        Column(_("Monetisation"), _("Monetised ÷ served. Usual: 30% to 40%.")),
    ]


def _cells(name: str, heads: Rates, those: Mapping[str, object]) -> list[str]:
    counts = [counted(getattr(heads, step), step, **those) for step in _STEPS]
    shares = (heads.lead_in, heads.service, heads.monetisation)
    return [name, *counts, *map(shown.rate, shares)]


def _raw(name: str, heads: Rates) -> list[object]:
    shares = (heads.lead_in, heads.service, heads.monetisation)
    counts = (heads.scanned, heads.added, heads.served, heads.monetised)
    return [name, *counts, *map(answers.number, shares)]


def gauge(name: str, whole: Rates) -> Gauge:
    band = BANDS[name]
    rate: Fraction | None = getattr(whole, name)
    parts = {
        "lead_in": (whole.added, whole.scanned),
        "service": (whole.served, whole.added),
        "monetisation": (whole.monetised, whole.served),
    }[name]
    verdict = band.of(rate)
    least, most = float(band.least) * 100, float(band.most or 1) * 100
    return Gauge(
        title=titles()[name],
        text=shown.rate(rate),
        told=_told(band, verdict),
        heads=_("%(part)s of %(whole)s")
        % {"part": shown.count(parts[0]), "whole": shown.count(parts[1])},
        tone=_TONES[verdict] if verdict else "",
        figure=Figure(rate, 1, rate=True),
        least=least,
        width=most - least,
        mark=None if rate is None else round(min(float(rate) * 100, 98.8), 2),
    )


def _told(band: Band, verdict: Verdict | None) -> str:
    if verdict is None:
        return _("Nobody came this far yet.")
    least = f"{float(band.least):.0%}"
    if band.most is None:
        if verdict == Verdict.BELOW:
            return _("Below the usual %(least)s") % {"least": least}
        return _("Reaches the usual %(least)s") % {"least": least}
    given = {"least": least, "most": f"{float(band.most):.0%}"}
    if verdict == Verdict.BELOW:
        return _("Below the usual %(least)s to %(most)s") % given
    if verdict == Verdict.ABOVE:
        return _("Above the usual %(least)s to %(most)s") % given
    return _("Within the usual %(least)s to %(most)s") % given


def _funnel(whole: Rates) -> dict[str, object]:
    steps = [
        (_("Scanned"), whole.scanned, None),
        (_("Added"), whole.added, whole.lead_in),
        (_("Served"), whole.served, whole.service),
        (_("Monetised"), whole.monetised, whole.monetisation),
    ]
    return {
        "kind": "bars",
        "labels": [title for title, _heads, _rate in steps],
        "series": [
            {
                "label": _("Contacts"),
                "values": [heads for _title, heads, _rate in steps],
                "texts": [
                    shown.count(heads)
                    if rate is None
                    else f"{shown.count(heads)} · {shown.rate(rate)}"
                    for _title, heads, rate in steps
                ],
            }
        ],
    }
