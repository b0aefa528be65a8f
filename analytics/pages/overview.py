"""The page that an owner opens first: every part of the business in a few figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics import answers, brief, overview, shown
from analytics.alerts import notices
from analytics.overview import Overview
from analytics.pages import frame
from analytics.pages.brief import sentences
from analytics.pages.rates import gauge
from analytics.pages.rates import titles as titles_of_rates
from analytics.pages.tables import Card, Column, Figure, Table, counted, spark
from analytics.periods import Question, Span, days_between
from analytics.rates import BANDS
from tenants.middleware import tenant_of

# A line of more points than these cannot be read at the size of a card.
_POINTS: Final = 92
_VALUE, _ASSETS, _RATES = "dashboard-value", "dashboard-assets", "dashboard-rates"
# How many cards each row of the page has, and which dashboard says more about them.
_ROWS: Final = ((_VALUE, 4), (_ASSETS, 4), (_RATES, 3))


@dataclass
class Tile(Card):
    """A figure, and its course over the days of the period."""

    spark: str = ""


@dataclass(frozen=True)
class Step:
    """A stage of the funnel; `share` is in whole percent of the first one."""

    card: Card
    rate: str
    share: int


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, days=overview.DAYS)
    currency = tenant_of(request).currency

    def made(question: Question) -> tuple[Table, Table]:
        table = of_overview(_report(question), question.span, currency)
        return table, table

    question = asked.question
    found, told = answers.steadily(lambda: (overview.report(question), brief.report(question)))
    table = of_overview(found, question.span, currency)
    latest, still = overview.alerts()
    return frame.show(
        request,
        asked,
        table,
        "analytics/overview.html",
        file=("overview", table),
        again=made,
        heading=_("Business overview"),
        brief=[(each, _link(each.dashboard, asked)) for each in sentences(told, found, currency)],
        groups=_groups(table, asked),
        steps=_steps(found, table),
        funnel_url=_link("dashboard-funnel", asked),
        channels=_channels(found, asked, currency),
        alerts=[(notices.sentence(alert), _page_of(alert.pk)) for alert in latest],
        more_alerts=still - len(latest),
        alerts_url=f"{reverse('admin:analytics_alert_changelist')}?state__exact=open",
    )


def _report(question: Question) -> Overview:
    return answers.steadily(lambda: overview.report(question))


def of_overview(found: Overview, span: Span, currency: str) -> Table:
    """The figures are tiles of the page, and lines of its table."""
    table = Table([Column(_("Figure")), Column(_("Value"))], meanings=_meanings())
    assets, money = found.assets, found.money
    if not (found.revenue or money.cost or money.new_contacts or assets.opening or assets.closing):
        return table
    table.tiles = [
        *_money(found, span, currency),
        *_friends(found, span),
        *(gauge(name, found.rates) for name in BANDS),
        *_came(found),
    ]
    table.rows = [[title, text] for title, text, _raw in _lines(found, currency)]
    table.raw = [[title, raw] for title, _text, raw in _lines(found, currency)]
    return table


def _money(found: Overview, span: Span, currency: str) -> list[Card]:
    money = found.money
    times = money.ltv_cac
    tone = "" if times is None else "good" if times >= 3 else "warn" if times >= 1 else "bad"
    observed = shown.observed(money.ltv_cac_days, money.observed)
    each = _("%(amount)s per new customer") % {
        "amount": shown.money_at_a_glance(money.cac, currency)
    }
    bought = ngettext("%(n)s order", "%(n)s orders", found.orders)
    return [
        Tile(
            _("Revenue"),
            shown.money_at_a_glance(found.revenue, currency),
            bought % {"n": shown.count(found.orders)},
            figure=Figure(found.revenue, 1),
            spark=_course(found.days["revenue"], span),
        ),
        Tile(
            _("Cost"),
            shown.money_at_a_glance(money.cost, currency),
            each if money.cac is not None else "",
            figure=Figure(money.cost),
            spark=_course(found.days["cost"], span),
        ),
        Tile(_("LTV : CAC"), shown.ratio(times), observed, tone, Figure(times, 1)),
        Tile(
            _("New customers"),
            counted(money.new_customers, "new-customers"),
            f"{_('New contacts')} {shown.count(money.new_contacts)}",
            figure=Figure(money.new_customers, 1),
            spark=_course(found.days["new_customers"], span),
        ),
    ]


def _friends(found: Overview, span: Span) -> list[Card]:
    assets = found.assets
    came = assets.acquired + assets.returned
    lost = assets.lost_by_customer + assets.lost_by_staff
    again = _("%(number)s of them returned") % {"number": shown.count(assets.returned)}
    mine = _("%(number)s by the customer") % {"number": shown.count(assets.lost_by_customer)}
    growth = assets.closing - assets.opening
    tone = "good" if growth > 0 else "bad" if growth < 0 else ""
    return [
        Tile(
            _("Opening"),
            counted(assets.opening, "opening"),
            _("contacts"),
            figure=Figure(assets.opening),
        ),
        Tile(
            _("Came"),
            shown.count(came),
            again,
            figure=Figure(came, 1),
            spark=_course(found.days["new_contacts"], span),
        ),
        Tile(_("Lost"), shown.count(lost), mine, figure=Figure(lost, -1)),
        Tile(
            _("Closing"),
            counted(assets.closing, "closing"),
            f"{'+' if growth > 0 else '−' if growth < 0 else '±'}{shown.count(abs(growth))}",
            tone,
            Figure(assets.closing, 1),
        ),
    ]


def _came(found: Overview) -> list[Card]:
    """How many came to each stage, in the order of the stages."""
    return [
        Card(
            str(step.stage),
            counted(step.reached, "reached-stage", stage=step.stage.key),
            figure=Figure(step.reached, 1),
        )
        for step in found.steps
    ]


def _course(days: Mapping[date, int], span: Span) -> str:
    """Day by day, or week by week where that would be too many points."""
    values = [days.get(day, 0) for day in days_between(span.start, span.end)]
    if len(values) > _POINTS:
        whole = len(values) - len(values) % 7
        values = [sum(values[at : at + 7]) for at in range(0, whole, 7)]
    return spark(values)


def _lines(found: Overview, currency: str) -> Iterable[tuple[str, str, object]]:
    """Each figure: its name, as people read it, as programs do."""
    money, assets, of_rates = found.money, found.assets, found.rates
    yield _("Revenue"), shown.money(found.revenue, currency), answers.decimal(found.revenue)
    yield _("Orders"), counted(found.orders, "orders"), found.orders
    yield _("Cost"), shown.money(money.cost, currency), answers.decimal(money.cost)
    for title, heads, of in (
        (_("New contacts"), money.new_contacts, "new-contacts"),
        (_("New customers"), money.new_customers, "new-customers"),
    ):
        yield title, counted(heads, of), heads
    yield _("CAC"), shown.money(money.cac, currency), answers.decimal(money.cac)
    yield _("LTV : CAC"), shown.ratio(money.ltv_cac), answers.number(money.ltv_cac)
    for title, line in (
        (_("Opening"), "opening"),
        (_("Acquired"), "acquired"),
        (_("Returned"), "returned"),
        (_("Lost: by the customer"), "lost_by_customer"),
        (_("Lost: by staff"), "lost_by_staff"),
        (_("Closing"), "closing"),
    ):
        heads = getattr(assets, line)
        listed = {"acquired": "new-contacts", "opening": line, "closing": line}.get(line)
        yield title, counted(heads, listed) if listed else shown.count(heads), heads
    for name, title in titles_of_rates().items():
        rate = getattr(of_rates, name)
        yield title, shown.rate(rate), answers.number(rate)
    for step in found.steps:
        text = counted(step.reached, "reached-stage", stage=step.stage.key)
        yield _("Came to: %(stage)s") % {"stage": step.stage}, text, step.reached


def _meanings() -> list[Column]:
    return [
        Column(_("Revenue"), _("Paid orders of the period, net of refunds.")),
        Column(_("Cost"), _("Money spent in the period, of all kinds.")),
        Column(_("New contacts"), _("Contacts whose first reachable moment lies in the period.")),
        Column(_("New customers"), _("Contacts whose first paid order lies in the period.")),
        Column(_("CAC"), _("Cost ÷ new customers of the same period.")),
        Column(
            _("LTV : CAC"),
            _("Margin per customer of those who came in the period, of the longest time that is "
              "known, ÷ cost per customer of the same contacts."),
        ),
        Column(
            _("Opening, closing"),
            _("Contacts that could be reached just before the period began, and ended."),
        ),
        Column(_("Lost"), _("The last way to reach a contact ended.")),
        Column(_("Lead-in"), _("Added ÷ scanned. Usual: 70% or more.")),
        Column(_("Service"), _("Served ÷ added. Usual: 40% to 50%.")),
        Column(_("Monetisation"), _("Monetised ÷ served. Usual: 30% to 40%.")),
        Column(
            _("Funnel"),
            _("Contacts whose first stage entry lies in the period and that ever reached this "
              "stage or one beyond it, up to the moment of the figures."),
        ),
    ]  # fmt: skip


# --- what leads further ---


def _groups(table: Table, asked: frame.Asked) -> dict[str, list[Card]]:
    """The rows of cards by their dashboard, to which each card leads."""
    groups, at = dict[str, list[Card]](), 0
    for name, width in _ROWS:
        groups[name.removeprefix("dashboard-")] = cards = table.tiles[at : at + width]
        at += width
        for card in cards:
            card.url = _link(name, asked)
    if groups["value"]:
        groups["value"][0].url = _link("dashboard-concentration", asked, view="months")
    return groups


def _steps(found: Overview, table: Table) -> list[Step]:
    cards = table.tiles[-len(found.steps) :] if table.tiles else []
    return [
        Step(
            card, shown.rate(step.rate_from_previous), round(float(step.rate_from_first or 0) * 100)
        )
        for card, step in zip(cards, found.steps, strict=False)
    ]


def _channels(found: Overview, asked: frame.Asked, currency: str) -> list[dict[str, object]]:
    named = [(_("Best channel"), found.best, "good"), (_("Worst channel"), found.worst, "bad")]
    return [
        {
            "title": title,
            "name": row.name,
            "ratio": shown.ratio(row.ltv_cac),
            "observed": shown.observed(row.ltv_cac_days, row.observed),
            "tone": tone,
            "note": _("%(cost)s spent, %(won)s new customers")
            % {
                "cost": shown.money_at_a_glance(row.cost, currency),
                "won": shown.count(row.new_customers),
            },
            "url": _link(_VALUE, asked, channel=row.name),
        }
        for title, row, tone in named
        if row is not None
    ]


def _link(name: str, asked: frame.Asked, **changed: object) -> str:
    """Another dashboard, of the same days."""
    span = asked.question.span
    days = {"from": span.start, "through": span.through, "to": None}
    return reverse(name) + asked.link(**days, **changed)


def _page_of(alert: int) -> str:
    return reverse("admin:analytics_alert_change", args=[alert])
