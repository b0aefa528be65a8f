"""The page of the formula: what revenue is made of, what would be if, and why it changed."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from analytics import answers, formula, shown
from analytics.formula import FACTORS, Change, Formula
from analytics.pages import frame
from analytics.pages.tables import Card, Column, Table, counted
from analytics.periods import Question, Span
from tenants.middleware import tenant_of

DAYS = 30
# How far a slider goes, in percent.
_LEAST, _MOST = -50, 100


@dataclass(frozen=True)
class Sight:
    """Two periods side by side."""

    now: Formula
    before: Formula
    change: Change
    span: Span
    other: Span
    currency: str


@dataclass(frozen=True)
class Node:
    """A factor in the tree, as it is shown; `least` and `most` are the ends of its slider."""

    key: str
    title: str
    text: str
    note: str
    was: str
    moved: str
    tone: str
    least: int = _LEAST
    most: int = _MOST


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, "compare", days=DAYS)
    against = "year" if asked.given.get("compare") == "year" else "previous"
    question = asked.question
    currency = tenant_of(request).currency
    sight = answers.steadily(lambda: see(question, against, currency))
    choices = [("previous", _("Against the period before")), ("year", _("Against a year ago"))]
    return frame.show(
        request,
        asked,
        of_formula(sight),
        "analytics/formula.html",
        file=("formula", of_formula(sight)),
        heading=_("Revenue formula"),
        against=against,
        root=_root(sight),
        nodes=_nodes(sight),
        base=_base(sight),
        why=why(sight),
        other=sight.other,
        other_through=sight.other.through,
        switch=frame.switch(asked, "compare", against, choices),
    )


def see(question: Question, against: str, currency: str) -> Sight:
    other = question.earlier(year=against == "year")
    now, before = formula.report(question), formula.report(other)
    return Sight(now, before, formula.change(now, before), question.span, other.span, currency)


def titles() -> dict[str, str]:
    return {
        "assets": _("Assets"),
        "reach": _("Reach rate"),
        "conversion": _("Conversion"),
        "aov": _("Average order value"),
    }


def of_formula(sight: Sight) -> Table:
    """A line for each figure; the chart shows what explains the change."""
    table = Table(
        [
            Column(_("Figure")),
            Column(_("This period")),
            Column(_("Compared with")),
            Column(_("Change")),
            Column(
                _("Explains"),
                _("How much of the change in revenue is due to this factor (log-mean Divisia). The "
                  "four add up to the change exactly."),
            ),
        ],
        meanings=_meanings(),
    )  # fmt: skip
    if not (sight.now.assets or sight.now.paid_revenue or sight.before.paid_revenue):
        return table
    for key, title in _lines().items():
        one, other = _value(sight.now, key), _value(sight.before, key)
        fen = _share(sight.change, key)
        table.rows.append(
            [
                title,
                _listed(key, sight.now, sight.span) or _text(key, one, sight.currency),
                _listed(key, sight.before, sight.other) or _text(key, other, sight.currency),
                _moved(one, other),
                _signed(fen, sight.currency),
            ]
        )
        table.raw.append(
            [title, _plain(key, one), _plain(key, other), answers.number(_growth(one, other)),
             answers.decimal(fen)]
        )  # fmt: skip
    table.cards = _cards(sight)
    table.chart = _waterfall(sight)
    return table


def _lines() -> dict[str, str]:
    return {
        **titles(),
        "revenue": _("Revenue of reached contacts"),
        "reached": _("Reached"),
        "orders": _("Orders of the reached"),
        "unreached_revenue": _("Revenue without reach"),
    }


def _meanings() -> list[Column]:
    return [
        Column(
            _("Assets"),
            _("Contacts who could be reached at any moment of the period: friends of a member of "
              "staff, or subscribers of an account."),
        ),
        Column(_("Reached"), _("Assets to whom at least one touch was delivered in the period.")),
        Column(_("Reach rate"), _("Reached ÷ assets.")),
        Column(
            _("Orders of the reached"),
            _("Paid orders of the reached, from the first touch delivered to them in the period."),
        ),
        Column(_("Conversion"), _("Orders of the reached ÷ reached; one contact may buy often.")),
        Column(_("Average order value"), _("Revenue of these orders ÷ their number.")),
        Column(
            _("Revenue of reached contacts"),
            _("Assets × reach rate × conversion × average order value, net of refunds."),
        ),
        Column(
            _("Revenue without reach"),
            _("All other paid revenue of the period: by contacts not reached, or before they "
              "were."),
        ),
    ]  # fmt: skip


def _value(figures: Formula, key: str) -> Fraction | None:
    value: Fraction | int | None = getattr(figures, key)
    return None if value is None else Fraction(value)


def _text(key: str, value: Fraction | None, currency: str) -> str:
    if key in ("reach", "conversion"):
        return shown.rate(value)
    if key in ("assets", "reached", "orders"):
        return shown.count(None if value is None else int(value))
    return shown.money(value, currency)


def _listed(key: str, figures: Formula, span: Span) -> str:
    """Of what lists can show."""
    of = {"assets": "assets", "reached": "reached", "orders": "reached-orders"}.get(key)
    return counted(getattr(figures, key), of, **{"from": span.start, "to": span.end}) if of else ""


def _plain(key: str, value: Fraction | None) -> object:
    if key in ("aov", "revenue", "unreached_revenue"):
        return answers.decimal(value)
    return answers.number(value)


def _share(change: Change, key: str) -> int | None:
    return change.total if key == "revenue" else change.shares.get(key)


def _growth(now: Fraction | None, before: Fraction | None) -> Fraction | None:
    return now / before - 1 if now is not None and before else None


def _moved(now: Fraction | None, before: Fraction | None) -> str:
    growth = _growth(now, before)
    return shown.NONE if growth is None else f"{float(growth):+.1%}".replace("-", "−")


def _signed(fen: int | None, currency: str) -> str:
    text = shown.money(fen, currency)
    return f"+{text}" if fen is not None and fen > 0 else text


def _tone(now: Fraction | None, before: Fraction | None) -> str:
    growth = _growth(now, before)
    return "" if not growth else "good" if growth > 0 else "bad"


def _cards(sight: Sight) -> list[Card]:
    now, currency = sight.now, sight.currency
    share = Fraction(now.revenue, now.paid_revenue) if now.paid_revenue else None
    cards = [
        Card(
            _("Change in revenue"),
            _signed(sight.change.total, currency),
            _days(sight.other),
            "good" if sight.change.total > 0 else "bad" if sight.change.total < 0 else "",
        ),
        Card(
            _("Revenue without reach"),
            shown.money_at_a_glance(now.unreached_revenue, currency),
            _("%(share)s of revenue came from reached contacts") % {"share": shown.rate(share)}
            if share is not None
            else "",
        ),
    ]
    strongest = _strongest(sight.change)
    if strongest:
        fen = sight.change.shares[strongest] or 0
        tone = "good" if fen > 0 else "bad"
        cards.insert(
            1,
            Card(_("Mostly due to"), titles()[strongest], _signed(fen, currency), tone),
        )
    return cards


def _strongest(change: Change) -> str | None:
    found = max(FACTORS, key=lambda name: abs(change.shares[name] or 0))
    return found if change.shares[found] else None


def _days(span: Span) -> str:
    return _("against %(start)s to %(through)s") % {
        "start": span.start.isoformat(),
        "through": span.through.isoformat(),
    }


def _root(sight: Sight) -> Node:
    return _node(sight, "revenue", _("Revenue of reached contacts"), "")


def _nodes(sight: Sight) -> list[Node]:
    now = sight.now
    notes = {
        "assets": _("contacts who could be reached"),
        "reach": _("%(reached)s of %(assets)s had a touch")
        % {"reached": shown.count(now.reached), "assets": shown.count(now.assets)},
        "conversion": _("%(orders)s orders by %(reached)s reached")
        % {"orders": shown.count(now.orders), "reached": shown.count(now.reached)},
        "aov": _("a paid order, net of refunds"),
    }
    return [_node(sight, key, title, notes[key]) for key, title in titles().items()]


def _node(sight: Sight, key: str, title: str, note: str) -> Node:
    now, before = _value(sight.now, key), _value(sight.before, key)
    most = _MOST
    if key == "reach" and now:  # nobody reaches more than all
        most = min(_MOST, int((1 / now - 1) * 100))
    return Node(
        key=key,
        title=title,
        text=_text(key, now, sight.currency),
        note=note,
        was=_text(key, before, sight.currency),
        moved=_moved(now, before),
        tone=_tone(now, before),
        most=most,
    )


def _base(sight: Sight) -> dict[str, object]:
    """What the sliders calculate with."""
    return {
        "revenue": sight.now.revenue / 100,
        "sign": shown.sign(sight.currency),
        "factors": {
            key: {
                "value": float(value),
                "rate": key in ("reach", "conversion"),
                "money": key == "aov",
            }
            for key in FACTORS
            if (value := _value(sight.now, key)) is not None
        },
    }


def why(sight: Sight) -> list[str]:
    """The waterfall in words."""
    change, currency = sight.change, sight.currency
    amounts = {
        "before": shown.money(sight.before.revenue, currency),
        "now": shown.money(sight.now.revenue, currency),
        "by": shown.money(abs(change.total), currency),
    }
    if change.total > 0:
        told = [_("Revenue rose by %(by)s, from %(before)s to %(now)s.") % amounts]
    elif change.total < 0:
        told = [_("Revenue fell by %(by)s, from %(before)s to %(now)s.") % amounts]
    else:
        told = [_("Revenue stayed at %(now)s.") % amounts]
    if change.zero:
        told.append(_zero(sight))
    else:
        told += [_explained(name, change.shares[name] or 0, currency) for name in FACTORS]
    return told


def _zero(sight: Sight) -> str:
    name = sight.change.zero or ""
    factor = titles()[name]
    now, before = (not _value(figures, name) for figures in (sight.now, sight.before))
    when = (
        _("%(factor)s: zero in both periods, so there is nothing to share out.")
        if now and before
        else _("%(factor)s: zero in this period, so no revenue came by reach. The whole change is "
               "put down to it; of the factors after it nothing can be said.")
        if now
        else _("%(factor)s: zero in the period compared with, so no revenue came by reach then. "
               "The whole change is put down to it; of the factors after it nothing can be said.")
    )  # fmt: skip
    return when % {"factor": factor}


def _explained(name: str, fen: int, currency: str) -> str:
    given = {"factor": titles()[name], "amount": shown.money(abs(fen), currency)}
    if fen > 0:
        return _("%(factor)s added %(amount)s.") % given
    if fen < 0:
        return _("%(factor)s took away %(amount)s.") % given
    return _("%(factor)s changed nothing.") % given


def _waterfall(sight: Sight) -> dict[str, object]:
    """From the one revenue to the other; each factor begins where the one before it ended."""
    level = sight.before.revenue
    labels, texts = [_("Before")], [shown.money_at_a_glance(level, sight.currency)]
    values, tones = [(0.0, level / 100)], ["total"]
    for name, title in titles().items():
        fen = sight.change.shares[name]
        labels.append(title)
        texts.append(_signed(fen, sight.currency))
        after = level + (fen or 0)
        values.append((min(level, after) / 100, max(level, after) / 100))
        tones.append("plus" if after >= level else "minus")
        level = after
    labels.append(_("Now"))
    texts.append(shown.money_at_a_glance(level, sight.currency))
    return {
        "kind": "waterfall",
        "base": 0,
        "tones": [*tones, "total"],
        "labels": labels,
        "series": [
            {"label": _("Revenue"), "values": [*values, (0.0, level / 100)], "texts": texts}
        ],
    }
