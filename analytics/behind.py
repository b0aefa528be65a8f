"""Who, or which orders, does a figure count? The same SQL as the report's, one by one.

An address names the figure and what it was asked for in one parameter of the admin's lists, so that
it survives what else those lists are filtered by.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from django.db.models.expressions import RawSQL
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics import answers, asking, buying, concentration, formula, rates, reachable
from analytics.asking import Wrong
from analytics.periods import Question, among, filters, holders, midnight, narrowed
from journeys.models import Stage
from tenants.models import Tenant

NAME: Final = "of"
_OWN: Final = {"no_channel", "stage", "top"}
Given = Mapping[str, str]
# SQL that selects ids, and its parameters by name.
Ids = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Figure:
    title: Promise
    ids: Callable[[Question, Given], Ids]
    orders: bool = False  # not contacts


@dataclass(frozen=True)
class Counted:
    """An address, read."""

    figure: Figure
    question: Question
    given: Given

    @property
    def text(self) -> str:
        span = self.question.span
        of = [self._title, f"{span.start} – {span.through}"]
        if "no_channel" in self.given:
            of.append(_("No channel"))
        return " · ".join([*of, *asking.narrowed_to(self.question, self.given)])

    @property
    def _title(self) -> str:
        stage = Stage.objects.filter(key=self.given.get("stage", "")).first()
        if stage is not None:
            return _("Came to: %(stage)s") % {"stage": stage}
        top = self.given.get("top")
        return _("Top %(n)s %%") % {"n": top} if top else str(self.figure.title)

    def ids(self) -> RawSQL:
        """With facts up to date."""
        return _raw(*self.figure.ids(self.question, self.given))


def address(of: str, given: Mapping[str, object]) -> str:
    """Where the admin lists those whom this figure counts; of `given` empty ones are left out."""
    model = "order" if FIGURES[of].orders else "contact"
    told = {name: str(value) for name, value in given.items() if value not in ("", None)}
    query = urlencode({"figure": of, **told})
    return f"{reverse(f'admin:contacts_{model}_changelist')}?{urlencode({NAME: query})}"


def read(text: str, tenant: Tenant) -> Counted:
    """Inside a scope. Raises Wrong."""
    given = dict(parse_qsl(text[:1000]))
    figure = FIGURES.get(given.pop("figure", ""))
    if figure is None or not given.keys() <= asking.NAMES | _OWN:
        raise Wrong({NAME: text})
    question = asking.ask({name: given.get(name, "") for name in asking.NAMES}, tenant)
    return Counted(figure, answers.complete(question), given)


def meant(question: Question) -> RawSQL:
    """Everybody whom the filters mean."""
    sql = "SELECT id FROM contacts_contact WHERE tenant_id = %(tenant)s"
    return _raw(sql + among(question, "id"), filters(question))


def _raw(sql: str, parameters: Mapping[str, Any]) -> RawSQL:
    """By place instead of by name, as the ORM wants it."""
    names = re.findall(r"%\((\w+)\)s", sql)
    by_place = re.sub(r"%\(\w+\)s", "%s", sql)
    return RawSQL(by_place, [parameters[name] for name in names])  # noqa: S611 - our own SQL


# --- contacts ---


def _reachable_first(question: Question, given: Given) -> Ids:
    return (
        "SELECT contact_id FROM analytics_contactfact WHERE tenant_id = %(tenant)s"  # noqa: S608 - our own names
        f" AND reach_at >= %(from)s AND reach_at < %(until)s{holders(question)}",
        buying.given(question),
    )


def _bought_first(question: Question, given: Given) -> Ids:
    return (
        "SELECT contact_id FROM analytics_customerfact WHERE tenant_id = %(tenant)s"  # noqa: S608 - our own names
        f" AND first_us >= %(start_us)s AND first_us < %(end_us)s{holders(question)}",
        buying.given(question),
    )


def _reached_stage(question: Question, given: Given) -> Ids:
    stage = Stage.objects.filter(key=given.get("stage", "")).first()
    return (
        "SELECT contact_id FROM analytics_stagereach WHERE tenant_id = %(tenant)s"  # noqa: S608 - our own names
        " AND stage_id = %(stage)s AND start_us >= %(start_us)s AND start_us < %(end_us)s"
        f" AND reached_us < %(as_of_us)s{holders(question)}",
        buying.given(question) | {"stage": stage.pk if stage else 0, "as_of_us": question.as_of_us},
    )


def _step(name: str) -> Callable[[Question, Given], Ids]:
    def ids(question: Question, given: Given) -> Ids:
        sql = f"{rates.STEPS}SELECT contact_id FROM {name}"  # noqa: S608 - our own names
        return narrowed(sql, question), rates.given(question)

    return ids


def _part(select: str) -> Callable[[Question, Given], Ids]:
    def ids(question: Question, given: Given) -> Ids:
        return narrowed(formula.PARTS + select, question), reachable.given(question)

    return ids


def _present(question: Question, given: Given) -> Ids:
    sql = f"SELECT s.contact_id FROM contacts_reachspell s WHERE {reachable.OPEN}"  # noqa: S608 - our own names
    return sql + among(question, "s.contact_id"), reachable.given(question)


def _at(moment: str) -> Callable[[Question, Given], Ids]:
    """Who could be reached just before the first or the last moment of the period."""

    def ids(question: Question, given: Given) -> Ids:
        span = question.span
        at = midnight(span.start if moment == "opening" else span.end, span.zone)
        sql = (
            "SELECT contact_id FROM contacts_reachspell WHERE tenant_id = %(tenant)s"  # noqa: S608 - our own names
            " AND opened_at < LEAST(%(at)s, %(as_of)s) AND (ended_at IS NULL OR"
            f" ended_at >= %(at)s OR ended_at >= %(as_of)s){among(question)}"
        )
        return sql, buying.given(question) | {"at": at}

    return ids


def _bought(question: Question, given: Given) -> Ids:
    paid = buying.PAID.format(among=among(question))
    return f"SELECT contact_id FROM contacts_order WHERE {paid}", buying.given(question)  # noqa: S608 - our own names


def _top(question: Question, given: Given) -> Ids:
    """Of those who paid the same, which ones are the top does not matter for their share."""
    of = concentration.TOP.get(given.get("top", ""), 1)
    paid = buying.PAID.format(among=among(question))
    sql = (
        "SELECT contact_id FROM (SELECT contact_id,"  # noqa: S608 - our own names
        f" row_number() OVER (ORDER BY sum({buying.REVENUE}) DESC, contact_id) AS place,"
        f" count(*) OVER () AS n FROM contacts_order WHERE {paid} GROUP BY contact_id) ranked"
        " WHERE place <= greatest(1, (n * %(top)s + 999) / 1000)"
    )
    return sql, buying.given(question) | {"top": of}


# --- orders ---


def _paid(question: Question, given: Given) -> Ids:
    paid = buying.PAID.format(among=among(question))
    return f"SELECT id FROM contacts_order WHERE {paid}", buying.given(question)  # noqa: S608 - our own names


def _ranked(which: str) -> Callable[[Question, Given], Ids]:
    def ids(question: Question, given: Given) -> Ids:
        sql = concentration.RANKED_ORDERS.format(among=among(question))
        return f"{sql}SELECT id FROM bought WHERE {which}", buying.given(question)  # noqa: S608 - our own names

    return ids


FIGURES: Final[Mapping[str, Figure]] = {
    "new-contacts": Figure(gettext_lazy("New contacts"), _reachable_first),
    "new-customers": Figure(gettext_lazy("New customers"), _bought_first),
    "reached-stage": Figure(gettext_lazy("Came to a stage"), _reached_stage),
    "scanned": Figure(gettext_lazy("Scanned"), _step("scanned")),
    "added": Figure(gettext_lazy("Added"), _step("added")),
    "served": Figure(gettext_lazy("Served"), _step("served")),
    "monetised": Figure(gettext_lazy("Monetised"), _step("monetised")),
    "opening": Figure(gettext_lazy("Opening"), _at("opening")),
    "closing": Figure(gettext_lazy("Closing"), _at("closing")),
    "assets": Figure(gettext_lazy("Assets"), _present),
    "reached": Figure(gettext_lazy("Reached"), _part("SELECT contact_id FROM reached")),
    "buyers": Figure(gettext_lazy("Paying customers"), _bought),
    "top-buyers": Figure(gettext_lazy("Customers by revenue"), _top),
    "orders": Figure(gettext_lazy("Orders"), _paid, orders=True),
    "first-orders": Figure(gettext_lazy("First orders"), _ranked("first"), orders=True),
    "later-orders": Figure(gettext_lazy("Later orders"), _ranked("NOT first"), orders=True),
    "reached-orders": Figure(
        gettext_lazy("Orders of the reached"),
        _part("SELECT id FROM bought WHERE reached"),
        orders=True,
    ),
}
