"""The page of the trust mix: how much of what we send is service."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from analytics import answers, shown, trust_mix
from analytics.pages import frame
from analytics.pages.tables import Card, Column, Figure, Table, counted
from analytics.periods import Question
from analytics.trust_mix import BINS, Mix, Report, Row
from tenants.models import User
from tenants.roles import Can


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, days=trust_mix.DAYS.days)
    found = trust_mix.report(asked.question)
    table = of_trust(found)

    def made(question: Question) -> tuple[Table, Table]:
        earlier = of_trust(trust_mix.report(question))
        return earlier, earlier

    user = request.user
    return frame.show(
        request,
        asked,
        table,
        "analytics/trust_mix.html",
        file=("trust-mix", table),
        again=made,
        heading=_("Trust mix"),
        since=found.since,
        until=found.until,
        settings=reverse("admin:business_settings")
        if isinstance(user, User) and user.can(Can.CONFIGURE)
        else "",
    )


def of_trust(found: Report) -> Table:
    table = Table(_columns(), meanings=_meanings())
    if not found.mix.touches:
        return table
    table.rows = [_cells(_name(row), row.mix) for row in found.rows]
    table.raw = [_raw(row) for row in found.rows]
    if len(found.rows) > 1:
        table.total = _cells(_("Total"), found.mix)
    table.cards = _cards(found)
    table.chart = _chart(found.distribution)
    return table


def _columns() -> list[Column]:
    return [
        Column(_("Staff"), _("Who sent the messages.")),
        Column(
            _("Touches"),
            _("Messages that SOPs and broadcasts sent within the 30 days, or of which a file "
              "says so."),
        ),
        Column(_("Service and greetings"), _("Those of them that were no promotion.")),
        Column(_("Trust mix"), _("Service and greetings ÷ touches.")),
    ]  # fmt: skip


def _meanings() -> list[Column]:
    return [
        Column(
            _("Mean of contacts"),
            _("Each contact's own mix, every contact the same, however many messages they got."),
        ),
        Column(
            _("Under the floor"),
            _("Contacts whose own mix is under the least trust mix of your settings."),
        ),
    ]


def _name(row: Row) -> str:
    return row.name if row.name is not None else pgettext("of touches", "others")


def _cells(name: str, mix: Mix) -> list[str]:
    return [name, shown.count(mix.touches), shown.count(mix.gentle), shown.rate(mix.share)]


def _raw(row: Row) -> list[object]:
    return [_name(row), row.mix.touches, row.mix.gentle, answers.number(row.mix.share)]


def _cards(found: Report) -> list[Card]:
    low = found.mix.under(found.floor)
    floor = _("floor: %(floor)s%%") % {"floor": found.floor}
    share = shown.rate(Fraction(found.below, found.contacts))
    return [
        Card(
            _("Trust mix"),
            shown.rate(found.mix.share),
            floor,
            "warn" if low else "good",
            Figure(found.mix.share, 1, rate=True),
        ),
        Card(
            _("Mean of contacts"), shown.rate(found.mean), figure=Figure(found.mean, 1, rate=True)
        ),
        Card(_("Touches"), shown.count(found.mix.touches), figure=Figure(found.mix.touches)),
        Card(
            _("Under the floor"),
            counted(found.below, "under-floor"),
            _("%(share)s of %(contacts)s contacts")
            % {"share": share, "contacts": shown.count(found.contacts)},
            "warn" if found.below else "",
            Figure(found.below, -1),
        ),
    ]


def _chart(distribution: Sequence[int]) -> dict[str, object]:
    """How many contacts have which mix."""
    step = 100 // BINS
    return {
        "kind": "bars",
        "labels": [f"{n * step}–{(n + 1) * step}%" for n in range(BINS)],
        "series": [
            {
                "label": _("Contacts"),
                "values": list(distribution),
                "texts": [shown.count(heads) for heads in distribution],
            }
        ],
    }
