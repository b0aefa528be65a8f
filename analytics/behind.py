"""Who, or which orders, does a figure count? The same SQL as the report's, one by one.

An address names the figure and what it was asked for in one parameter of the admin's lists, so that
it survives what else those lists are filtered by.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlencode

from django.db.models.expressions import RawSQL
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics import (
    answers,
    asking,
    attribution,
    buying,
    cohorts,
    concentration,
    formula,
    funnel,
    losses,
    rates,
    reachable,
    satisfaction,
    step_roi,
    trust_mix,
)
from analytics.asking import Wrong
from analytics.assets import statement
from analytics.periods import Question, among, filters, holders, midnight, narrowed
from journeys.models import Content, Stage
from tenants.models import Tenant

NAME: Final = "of"
_OWN: Final = {"no_channel", "stage", "top", "level", "group", "days", "key", "month", "survey"}
Given = Mapping[str, str]
Group = TypeVar("Group", bound=str)
# SQL that selects ids, and its parameters by name.
Ids = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Figure:
    title: Promise
    ids: Callable[[Question, Given], Ids]
    orders: bool = False  # not contacts
    moment: bool = False  # of as_of, not of the period


@dataclass(frozen=True)
class Counted:
    """An address, read."""

    figure: Figure
    question: Question
    given: Given

    @property
    def text(self) -> str:
        span, at = self.question.span, self.question.as_of.astimezone(self.question.span.zone)
        when = f"{at:%Y-%m-%d %H:%M}" if self.figure.moment else f"{span.start} – {span.through}"
        of = [self._title, *self._details(), when]
        if "no_channel" in self.given:
            of.append(_("No channel"))
        return " · ".join([*of, *asking.narrowed_to(self.question, self.given)])

    @property
    def _title(self) -> str:
        top = self.given.get("top")
        return _("Top %(n)s %%") % {"n": top} if top else str(self.figure.title)

    def _details(self) -> Iterator[str]:
        """Of which part of the figure."""
        given = self.given
        if stage := Stage.objects.filter(key=given.get("stage", "")).first():
            yield str(stage)
        if survey := Content.objects.filter(pk=_number(given.get("survey"))).first():
            yield survey.title
        if "key" in given:
            yield self._part() or _("none")
        yield from (given[name] for name in ("level", "month") if given.get(name))

    def _part(self) -> str:
        """The name of the row that is meant."""
        if self.figure.orders:
            return attribution.name_of(_one_of(attribution.GROUPS, self.given), self.given["key"])
        return losses.name_of(_one_of(losses.GROUPS, self.given), self.given["key"])

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
    known = given.keys() <= asking.NAMES | _OWN and "\0" not in "".join(given.values())
    if figure is None or not known:
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
    return (
        "SELECT contact_id FROM analytics_stagereach WHERE tenant_id = %(tenant)s"  # noqa: S608 - our own names
        " AND stage_id = %(stage)s AND start_us >= %(start_us)s AND start_us < %(end_us)s"
        f" AND reached_us < %(as_of_us)s{holders(question)}",
        buying.given(question) | {"stage": _stage(given), "as_of_us": question.as_of_us},
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
        known = buying.given(question) | {"at": at}
        if "level" not in given:
            return sql, known
        at_level, more = statement.at_level(sql, question, at, given["level"])
        return at_level, known | more

    return ids


def _standing(question: Question, given: Given) -> Ids:
    return funnel.standing(question, _stage(given) if "stage" in given else None)


def _step_of_roi(*, bought: bool) -> Callable[[Question, Given], Ids]:
    return lambda question, given: step_roi.behind(question, _stage(given), bought=bought)


def _line(line: str) -> Callable[[Question, Given], Ids]:
    return lambda question, given: statement.behind(question, line, given.get("level", ""))


def _survey(of: str) -> Callable[[Question, Given], Ids]:
    return lambda question, given: satisfaction.behind(question, of, _number(given.get("survey")))


def _came_back(question: Question, given: Given) -> Ids:
    return cohorts.behind(question, _month(given.get("month", "")))


def _under_floor(question: Question, given: Given) -> Ids:
    return trust_mix.behind(question)


def _lost_follows(question: Question, given: Given) -> Ids:
    group = _one_of(losses.GROUPS, given)
    return losses.behind(question, group, _days(losses.DAYS, given), given.get("key", ""))


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


def _attributed(question: Question, given: Given) -> Ids:
    group, days = _one_of(attribution.GROUPS, given), _days(attribution.WINDOWS, given)
    return attribution.behind(question, group, days, given.get("key", attribution.NO_POINT))


# --- what an address says; of what means nothing nobody is listed ---


def _stage(given: Given) -> int:
    stage = Stage.objects.filter(key=given.get("stage", "")).first()
    return stage.pk if stage else 0


def _one_of(groups: Sequence[Group], given: Given) -> Group:
    return next((group for group in groups if group == given.get("group")), groups[0])


def _days(choices: Sequence[int], given: Given) -> int:
    return next((days for days in choices if str(days) == given.get("days")), choices[0])


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 18 else 0


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01").replace(year=min(int(text[:4]), 2200))
    except ValueError:
        return date(1970, 1, 1)


FIGURES: Final[Mapping[str, Figure]] = {
    "new-contacts": Figure(gettext_lazy("New contacts"), _reachable_first),
    "new-customers": Figure(gettext_lazy("New customers"), _bought_first),
    "reached-stage": Figure(gettext_lazy("Came to a stage"), _reached_stage),
    "standing": Figure(gettext_lazy("Stand in the journey"), _standing, moment=True),
    "passed-step": Figure(gettext_lazy("Passed"), _step_of_roi(bought=False)),
    "buyers-of-step": Figure(gettext_lazy("Buyers"), _step_of_roi(bought=True)),
    "scanned": Figure(gettext_lazy("Scanned"), _step("scanned")),
    "added": Figure(gettext_lazy("Added"), _step("added")),
    "served": Figure(gettext_lazy("Served"), _step("served")),
    "monetised": Figure(gettext_lazy("Monetised"), _step("monetised")),
    "opening": Figure(gettext_lazy("Opening"), _at("opening")),
    "closing": Figure(gettext_lazy("Closing"), _at("closing")),
    "acquired": Figure(gettext_lazy("Acquired"), _line("acquired")),
    "returned": Figure(gettext_lazy("Returned"), _line("returned")),
    "lost_by_customer": Figure(gettext_lazy("Lost: by the customer"), _line("lost_by_customer")),
    "lost_by_staff": Figure(gettext_lazy("Lost: by staff"), _line("lost_by_staff")),
    "lost-follows": Figure(gettext_lazy("Contacts lost"), _lost_follows),
    "came-back": Figure(gettext_lazy("Bought again"), _came_back),
    "under-floor": Figure(gettext_lazy("Under the floor"), _under_floor),
    "survey-asked": Figure(gettext_lazy("Asked"), _survey("asked")),
    "survey-answers": Figure(gettext_lazy("Answered a survey"), _survey("answers")),
    "survey-low": Figure(gettext_lazy("Low answers"), _survey("low")),
    "assets": Figure(gettext_lazy("Assets"), _present),
    "reached": Figure(gettext_lazy("Reached"), _part("SELECT contact_id FROM reached")),
    "buyers": Figure(gettext_lazy("Paying customers"), _bought),
    "top-buyers": Figure(gettext_lazy("Customers by revenue"), _top),
    "orders": Figure(gettext_lazy("Orders"), _paid, orders=True),
    "attributed-orders": Figure(gettext_lazy("Orders by last touch"), _attributed, orders=True),
    "first-orders": Figure(gettext_lazy("First orders"), _ranked("first"), orders=True),
    "later-orders": Figure(gettext_lazy("Later orders"), _ranked("NOT first"), orders=True),
    "reached-orders": Figure(
        gettext_lazy("Orders of the reached"),
        _part("SELECT id FROM bought WHERE reached"),
        orders=True,
    ),
}
