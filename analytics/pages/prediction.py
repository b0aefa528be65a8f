"""The page of predictions: how well purchases were foretold, who is worth most, who slips away."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import Floor, Least
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from analytics import answers, behind, models, shown
from analytics.exact import fen
from analytics.pages import frame
from analytics.pages.tables import Card, Column, Table
from analytics.periods import Question
from analytics.prediction import fits, forecasts, known
from analytics.prediction.fits import AGES, Fit, Sums
from contacts.models import Contact
from tenants.middleware import tenant_of

SHOWN = 50
LEAVING = 0.5


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    """Lists are of now: the forecasts that the background keeps."""
    asked = frame.read(request, "show")
    show = asked.given.get("show", "")
    found = known.known(asked.question.as_of, exact=bool(asked.given.get("as_of")))
    fit, currency = found.fit, tenant_of(request).currency
    more: dict[str, Any] = {}
    if show in {"customers", "leaving"} and not fit.reason:
        people = _of(asked.question)
        table = _customers(people, show, fit, currency)
        found = replace(found, as_of=forecasts.state().as_of or found.as_of)
        more["segment"] = _segment(_worth_keeping(fit)) if show == "leaving" else ""
    else:
        show, some = "check", not asked.question.of_everybody
        sums = known.sums(found, asked.question)
        table = _curve(sums, currency) if fit.reason else _check(fit, sums, currency)
        more["of_all"] = shown.count(fit.customers) if some and not fit.reason else ""
    asked = replace(asked, question=replace(asked.question, as_of=found.as_of))
    return frame.show(
        request,
        asked,
        table,
        "analytics/prediction.html",
        file=(f"prediction-{show}", table),
        heading=_("Prediction"),
        show=show,
        fit=fit,
        why=fits.why(fit),
        params=_params(fit),
        least={"customers": fits.CUSTOMERS, "days": fits.HISTORY_DAYS},
        switch=None if fit.reason else frame.switch(asked, "show", show, _views()),
        **more,
    )


def _views() -> list[tuple[str, str]]:
    return [
        ("check", _("How sure")),
        ("customers", _("Worth most")),
        ("leaving", _("Slipping away")),
    ]


# --- the model, and how it did ---


def _check(fit: Fit, sums: Sums, currency: str) -> Table:
    """Repeat purchases week by week: foretold from what was known before, and made."""
    table = Table(
        [
            Column(_("Week held out")),
            Column(
                _("Expected"),
                _("Repeat purchases that the model expected in that week, knowing only what came "
                  "before the first of these weeks."),
            ),
            Column(
                _("Actual"),
                _("Repeat purchases that the same customers then made: days on which they bought."),
            ),
            Column(_("Difference"), _("Expected ÷ actual − 1.")),
        ],
        cards=_cards(fit, sums, currency),
    )  # fmt: skip
    told = fit.backtest or {"expected": [], "actual": []}
    for week, (expected, actual) in enumerate(
        zip(told["expected"], told["actual"], strict=True), start=1
    ):
        off = _off(expected, actual)
        table.rows.append([str(week), f"{expected:,.1f}", shown.count(int(actual)), _signed(off)])
        table.raw.append([week, expected, actual, off])
    if not told["actual"]:
        dash = [shown.NONE] * 3
        table.rows = [[_("too early"), *dash]]
    expected, actual = sum(told["expected"]), sum(told["actual"])
    table.total = [_("Total"), f"{expected:,.1f}", shown.count(int(actual)),
                   _signed(_off(expected, actual))]  # fmt: skip
    table.chart = {
        "kind": "lines",
        "labels": [str(week) for week in range(1, len(told["actual"]) + 1)],
        "series": [
            _line(_("Actual"), told["actual"], "{:,.0f}"),
            _line(_("Expected"), told["expected"], "{:,.1f}"),
        ],
    }
    return table


def _line(label: str, values: Sequence[float], form: str) -> dict[str, object]:
    texts = [form.format(value) for value in values]
    return {"label": label, "values": list(values), "texts": texts}


def _off(expected: float, actual: float) -> float | None:
    return expected / actual - 1 if actual else None


def _signed(share: float | None) -> str:
    return shown.NONE if share is None else f"{share:+.1%}".replace("-", "−")


def _cards(fit: Fit, sums: Sums, currency: str) -> list[Card]:
    """Sums are of those whom the filters mean, the check is of all."""
    told = fit.backtest
    off = _off(sum(told["expected"]), sum(told["actual"])) if told else None
    tones = ((0.1, "good"), (0.3, "warn"), (math.inf, "bad"))
    tone = next((tone for most, tone in tones if off is not None and abs(off) <= most), "")
    each = Fraction(sums.worth) / sums.customers if sums.customers else None
    return [
        Card(
            _("Predicted LTV"),
            shown.money_at_a_glance(Fraction(sums.worth), currency),
            _("margin of the next 365 days"),
        ),
        Card(_("A customer"), shown.money(each, currency), _("on average")),
        Card(
            _("Expected orders"),
            shown.count(round(sums.orders)),
            _("in the next 365 days"),
        ),
        _paying(sums),
        Card(
            _("Error of the check"),
            _signed(off),
            _("expected against actual, %(n)s weeks held out") % {"n": len(told["actual"])}
            if told
            else _("too early for a check"),
            tone,
        ),
    ]  # fmt: skip


def _paying(sums: Sums) -> Card:
    return Card(
        _("Paying customers"),
        shown.count(sums.customers),
        _("%(n)s bought again") % {"n": shown.count(sums.repeaters)},
    )


def _params(fit: Fit) -> list[tuple[str, str, str]]:
    """(name, value, what it says)."""
    if fit.reason:
        return []
    said = {
        "r": _("how alike customers are in how often they buy; higher is more alike"),
        "alpha": _("r ÷ alpha is the mean number of purchases a week of an active customer"),
        "a": _("a ÷ (a + b) is the mean chance to leave after a purchase"),
        "b": _("the counterpart of a"),
        "p": _("how alike the purchases of one customer are in value"),
        "q": _("how alike customers are in what they spend"),
        "v": _("p × v ÷ (q − 1) is the mean value of a purchase"),
    }
    values = {**fit.purchases, **fit.spending}
    return [(name, f"{values[name]:,.4g}", sentence) for name, sentence in said.items()]


# --- too little to learn from ---


def _curve(sums: Sums, currency: str) -> Table:
    table = Table(
        [
            Column(_("Since the first purchase")),
            Column(
                _("Margin per customer"),
                _("Mean margin within that time of the first purchase, of customers observed "
                  "for that long."),
            ),
            Column(_("Customers observed")),
        ]
    )  # fmt: skip
    seen = [d for d in AGES if sums.means.get(str(d)) is not None]
    if not seen:
        return table
    means = {d: sums.means[str(d)] for d in AGES}
    heads = {d: sums.curve[str(d)][1] for d in AGES}
    for d in AGES:
        amount = answers.amount(means[d])
        table.rows.append([shown.days(d), shown.money(means[d], currency), shown.count(heads[d])])
        table.raw.append([d, None if amount is None else Decimal(amount), heads[d]])
    table.cards = [
        Card(
            _("A customer brings"),
            shown.money_at_a_glance(means[seen[-1]], currency),
            _("within %(days)s, on average") % {"days": shown.days(seen[-1])},
        ),
        _paying(sums),
    ]
    table.chart = {
        "kind": "bars",
        "labels": [shown.days(d) for d in AGES],
        "series": [
            {
                "label": _("Margin per customer"),
                "values": [None if m is None else (fen(m) or 0) / 100
                           for m in means.values()],
                "texts": [shown.money(m, currency) for m in means.values()],
            }
        ],
    }  # fmt: skip
    return table


# --- customers ---


def _of(question: Question) -> QuerySet[models.Forecast]:
    """The forecasts of those whom the filters mean."""
    people = models.Forecast.objects.all()
    if question.of_everybody:
        return people
    return people.filter(contact_id__in=behind.meant(question))


def _worth_keeping(fit: Fit) -> int:
    """As much as a customer is worth on average, in whole units of the currency."""
    return max(1, round(fit.worth / fit.customers / 100))


def _leaving(people: QuerySet[models.Forecast], fit: Fit) -> QuerySet[models.Forecast]:
    return people.filter(p_alive__lte=LEAVING, margin__gte=_worth_keeping(fit) * 100)


def _customers(people: QuerySet[models.Forecast], show: str, fit: Fit, currency: str) -> Table:
    table = Table(_customer_columns())
    those = _leaving(people, fit) if show == "leaving" else people
    found = list(those.order_by("-margin", "contact_id")[:SHOWN])
    names = Contact.objects.in_bulk([each.contact_id for each in found])
    for each in found:
        contact = names.get(each.contact_id)
        if contact is None:
            continue
        table.rows.append(
            [
                _link(contact),
                shown.money(Fraction(each.margin), currency),
                f"{each.p_alive:.0%}",
                f"{each.orders:,.1f}",
                str(each.next_on or shown.NONE),
            ]
        )
        table.raw.append(
            [
                str(contact),
                Decimal(answers.amount(Fraction(each.margin)) or "0"),
                each.p_alive,
                each.orders,
                each.next_on,
            ]
        )
    table.cards = _customer_cards(those, currency)
    table.chart = _by_chance(people)
    return table


def _customer_columns() -> list[Column]:
    return [
        Column(_("Contact")),
        Column(
            _("Predicted LTV"),
            _("Margin expected of the next 365 days: expected orders × the value of a purchase of "
              "theirs × the share of margin in revenue."),
        ),
        Column(
            _("P(alive)"),
            _("The probability that they are still a customer. Who bought on one day only has had "
              "no occasion to leave yet: 100 %."),
        ),
        Column(_("Expected orders"), _("Days with a purchase, in the next 365 days.")),
        Column(
            _("Next order by"),
            _("By that day a purchase is as likely as not. – means: not within a year."),
        ),
    ]  # fmt: skip


def _link(contact: Contact) -> str:
    address = reverse("admin:contacts_contact_change", args=[contact.pk])
    return format_html('<a href="{}">{}</a>', address, str(contact))


def _customer_cards(those: QuerySet[models.Forecast], currency: str) -> list[Card]:
    told = those.aggregate(heads=Count("contact_id"), worth=Sum("margin"), orders=Sum("orders"))
    return [
        Card(_("Paying customers"), shown.count(told["heads"])),
        Card(
            _("Predicted LTV"),
            shown.money_at_a_glance(Fraction(told["worth"] or 0), currency),
            _("margin of the next 365 days"),
        ),
        Card(_("Expected orders"), shown.count(round(told["orders"] or 0))),
    ]


def _by_chance(people: QuerySet[models.Forecast]) -> dict[str, object]:
    """Customers by tenths of P(alive)."""
    tenth = Least(Floor(F("p_alive") * 10), 9.0)
    rows = people.annotate(tenth=tenth).values_list("tenth").annotate(heads=Count("contact_id"))
    heads = {int(place): number for place, number in rows.order_by("tenth")}
    return {
        "kind": "bars",
        "labels": [f"{n * 10}–{n * 10 + 10} %" for n in reversed(range(10))],
        "series": [
            {
                "label": _("Paying customers"),
                "values": [heads.get(n, 0) for n in reversed(range(10))],
                "texts": [shown.count(heads.get(n, 0)) for n in reversed(range(10))],
            }
        ],
    }


def _segment(worth: int) -> str:
    """The page that makes a segment of those who slip away, filled in."""
    rule = {"all": [{"field": "p_alive", "at_most": LEAVING},
                    {"field": "predicted_ltv", "at_least": worth}]}  # fmt: skip
    given = {"name": _("Valuable, slipping away"), "rule": json.dumps(rule)}
    return f"{reverse('admin:contacts_segment_add')}?{urlencode(given)}"
