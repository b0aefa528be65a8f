"""The page of RFM: a map of customers, eight groups in plain words, and who is behind each cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from analytics import answers, shown
from analytics.pages import frame
from analytics.pages.frame import Asked
from analytics.pages.tables import Card, Column, Figure, Table, counted
from analytics.periods import Question
from analytics.rfm import scores
from analytics.rfm.scores import BEST, GROUPS, SCORES, Cell, Score
from contacts.models import Segment
from contacts.segments import keeping
from contacts.segments.rules import RuleError
from tenants import audit
from tenants.middleware import tenant_of
from tenants.models import User
from tenants.roles import Can

_NAMES: Final = ("r", "f", "m", "group", "page")
_MOST_PAGES: Final = 200


@dataclass(frozen=True)
class Chosen:
    """Whom the address asks for: a group, or a cell of the map."""

    title: str
    ranges: Mapping[Score, tuple[int, int]]
    group: str = ""

    def rule(self, asked: Asked) -> dict[str, Any]:
        """As a segment's. A period that ends today goes on with the days."""
        span = asked.question.span
        tomorrow = timezone.now().astimezone(span.zone).date() + timedelta(days=1)
        period: dict[str, Any] = {"after": f"{span.start}", "before": f"{span.end}"}
        if span.end == tomorrow and (span.end - span.start).days <= 3660:
            period = {"within_days": (span.end - span.start).days}
        scores = {score: {"is": low} for score, (low, _high) in self.ranges.items()}
        return {"rfm": ({"group": self.group} if self.group else scores) | period}


def page(request: HttpRequest) -> HttpResponse:
    return keep(request) if request.method == "POST" else _shown(request)


@frame.page
def _shown(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, *_NAMES, days=365)
    cells = _cells(asked.question)
    currency = tenant_of(request).currency
    chosen = _chosen(asked.given)
    groups = _groups(cells, currency, asked)

    def made(question: Question) -> tuple[Table, Table]:
        then = _cells(question)
        return of_groups(then, _groups(then, currency, asked), currency), whole_file(then)

    return frame.show(
        request,
        asked,
        of_groups(cells, groups, currency),
        "analytics/rfm.html",
        file=("rfm", whole_file(cells)),
        again=made,
        heading="RFM",
        map=_map(cells, asked, currency),
        columns=range(1, BEST + 1),
        groups=groups,
        chosen=chosen,
        people=_people(request, asked, chosen, cells) if chosen else None,
    )


def _cells(question: Question) -> list[Cell]:
    return answers.kept("rfm", question, lambda: scores.report(question))


# --- the map and the groups ---


def _map(cells: Sequence[Cell], asked: Asked, currency: str) -> list[dict[str, object]]:
    """A row for each R, the best above; the shade of a tile is the mean of M."""
    rows = []
    for r in range(BEST, 0, -1):
        tiles = []
        for f in range(1, BEST + 1):
            here = [cell for cell in cells if (cell.r, cell.f) == (r, f)]
            tiles.append(_tile(here, r, f, asked, currency))
        rows.append({"r": r, "tiles": tiles})
    return rows


def _tile(here: Sequence[Cell], r: int, f: int, asked: Asked, currency: str) -> dict[str, object]:
    heads = sum(cell.contacts for cell in here)
    if not heads:
        return {"heads": ""}
    mean = Fraction(sum(cell.m * cell.contacts for cell in here), heads)
    each = Fraction(sum(cell.revenue for cell in here), heads)
    return {
        "heads": shown.count(heads),
        "each": shown.money_at_a_glance(each, currency),
        "title": f"R {r} · F {f} · M {shown.ratio(mean)}",
        "heat": 2 * int(mean + Fraction(1, 2)),
        "url": asked.link(r=r, f=f, m=None, group=None, page=None) + "#people",
        "here": (asked.given.get("r"), asked.given.get("f")) == (str(r), str(f)),
    }


def _groups(cells: Sequence[Cell], currency: str, asked: Asked) -> list[dict[str, Any]]:
    everybody = sum(cell.contacts for cell in cells)
    whole = sum(cell.revenue for cell in cells)
    found = []
    for group in GROUPS:
        mine = [cell for cell in cells if scores.group_of(cell.r, cell.f, cell.m) is group]
        heads, revenue = sum(cell.contacts for cell in mine), sum(cell.revenue for cell in mine)
        found.append(
            {
                "key": group.key,
                "name": str(group.name),
                "advice": str(group.advice),
                "marks": [
                    (score.upper(), high) for score, high in zip(SCORES, group.high, strict=True)
                ],
                "heads": heads,
                "customers": shown.count(heads),
                "share": shown.rate(Fraction(heads, everybody)) if everybody else shown.NONE,
                "revenue": shown.money_at_a_glance(revenue, currency),
                "revenue_share": shown.rate(Fraction(revenue, whole) if whole else None),
                "each": shown.money_at_a_glance(
                    Fraction(revenue, heads) if heads else None, currency
                ),
                "url": asked.link(group=group.key, r=None, f=None, m=None, page=None) + "#people",
            }
        )
    return found


def of_groups(cells: Sequence[Cell], groups: Sequence[dict[str, Any]], currency: str) -> Table:
    table = Table(
        [
            Column(
                _("Customer group"),
                _("High is a score of 4 or 5: better than at least three fifths of the customers "
                  "of the period."),
            ),
            Column(_("Paying customers"), _("Contacts with a paid order in the period.")),
            Column(_("Share of customers")),
            Column(_("Revenue"), _("What they paid in the period, net of refunds.")),
            Column(_("Share of revenue")),
            Column(_("Per customer")),
        ]
    )  # fmt: skip
    names = ("name", "customers", "share", "revenue", "revenue_share", "each")
    table.rows = [[group[name] for name in names] for group in groups] if cells else []
    table.meanings = [
        Column("R", _("How lately: by the last paid order in the period.")),
        Column("F", _("How often: by the number of paid orders in the period.")),
        Column("M", _("How much: by revenue in the period, net of refunds.")),
        Column(
            _("Score"),
            _("From 1 to 5, 5 is best: one more than the fifths of all customers who are strictly "
              "worse. Customers who are equal share a score."),
        ),
    ]  # fmt: skip
    if cells:
        heads = sum(cell.contacts for cell in cells)
        revenue = sum(cell.revenue for cell in cells)
        table.cards = [
            Card(_("Paying customers"), counted(heads, "buyers"), figure=Figure(heads, 1)),
            Card(
                _("Revenue"),
                shown.money_at_a_glance(revenue, currency),
                figure=Figure(revenue, 1),
            ),
            *(_group_card(groups[place], tone) for place, tone in ((0, "good"), (2, "warn"))),
        ]
    return table


def _group_card(group: Mapping[str, Any], tone: str) -> Card:
    note = _("%(share)s of revenue") % {"share": group["revenue_share"]}
    figure = Figure(group["heads"], 1 if tone == "good" else -1)
    return Card(group["name"], group["customers"], note, tone if group["heads"] else "", figure)


def whole_file(cells: Sequence[Cell]) -> Table:
    titles = ["R", "F", "M", _("Customer group"), _("Paying customers"), _("Revenue")]
    table = Table([Column(title) for title in titles])
    table.raw = [
        [cell.r, cell.f, cell.m, str(scores.group_of(cell.r, cell.f, cell.m).name), cell.contacts,
         answers.decimal(cell.revenue)]
        for cell in cells
    ]  # fmt: skip
    return table


# --- who they are ---


def _chosen(given: Mapping[str, str]) -> Chosen | None:
    group = scores.group_named(given.get("group", ""))
    if group is not None:
        return Chosen(str(group.name), group.ranges(), group.key)
    ranges: dict[Score, tuple[int, int]] = {}
    for score in SCORES:
        text = given.get(score, "")
        if len(text) == 1 and text in "12345":
            ranges[score] = (int(text), int(text))
    if not ranges:
        return None
    return Chosen(
        " · ".join(f"{score.upper()} {low}" for score, (low, _) in ranges.items()), ranges
    )


def _people(
    request: HttpRequest, asked: Asked, chosen: Chosen, cells: Sequence[Cell]
) -> dict[str, object]:
    """A page of them, and whether they can become a segment."""
    text = asked.given.get("page", "")
    number = (
        min(int(text), _MOST_PAGES) if text.isascii() and text.isdecimal() and len(text) < 6 else 1
    )
    number = max(1, number)
    members, more = scores.members(asked.question, chosen.ranges, number)
    currency, zone = tenant_of(request).currency, tenant_of(request).tz
    count = sum(cell.contacts for cell in cells if _inside(cell, chosen))
    return {
        "count": shown.count(count),
        "rows": [
            {
                "contact": member.contact,
                "scores": f"{member.r} · {member.f} · {member.m}",
                "last": f"{member.last.astimezone(zone):%Y-%m-%d}",
                "orders": shown.count(member.orders),
                "worth": shown.money(member.worth, currency),
            }
            for member in members
        ],
        "before": asked.link(page=number - 1) + "#people" if number > 1 else "",
        "after": asked.link(page=number + 1) + "#people" if more and number < _MOST_PAGES else "",
        "may_keep": _may_keep(request),
        "keeps_right": "within_days" in chosen.rule(asked)["rfm"],
        "narrowed": _narrowed(asked),
    }


def _inside(cell: Cell, chosen: Chosen) -> bool:
    scores = {"r": cell.r, "f": cell.f, "m": cell.m}
    return all(low <= scores[score] <= high for score, (low, high) in chosen.ranges.items())


def _narrowed(asked: Asked) -> bool:
    """A segment's scores are among all customers, as of now."""
    return bool(asked.given.get("as_of")) or not asked.question.of_everybody


# --- as a segment ---


def _may_keep(request: HttpRequest) -> bool:
    membership = request.user.membership if isinstance(request.user, User) else None
    return membership is not None and membership.can(Can.CONFIGURE)


def keep(request: HttpRequest) -> HttpResponse:
    """Whom the page shows becomes a segment, which keeps itself right from then on."""
    if not _may_keep(request):
        raise PermissionDenied
    asked = frame.read(request, *_NAMES, days=365)
    chosen = _chosen(asked.given)
    if chosen is None or asked.wrong or _narrowed(asked):
        messages.error(request, _("Choose a group or a cell, without further filters."))
        return redirect(request.get_full_path())
    segment = Segment(name=_free_name(chosen, asked), rule=chosen.rule(asked))
    try:
        keeping.save(segment)
    except RuleError as error:
        messages.error(request, str(error))
        return redirect(request.get_full_path())
    audit.record("segment.created", segment, request=request)
    messages.success(request, _("The segment is saved; its members are being counted."))
    return redirect("admin:contacts_segment_change", segment.pk)


def _free_name(chosen: Chosen, asked: Asked) -> str:
    span = asked.question.span
    rule = chosen.rule(asked)["rfm"]
    period = (
        _("last %(n)s days") % {"n": rule["within_days"]}
        if "within_days" in rule
        else f"{span.start} – {span.end - timedelta(days=1)}"
    )
    name = f"RFM {chosen.title} ({period})"
    taken = set(Segment.objects.filter(name__startswith=name).values_list("name", flat=True))
    numbered = (f"{name} {number}" for number in range(2, len(taken) + 3))
    return next(each for each in (name, *numbered) if each not in taken)
