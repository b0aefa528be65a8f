"""What does a contact's own row tell a rule: name, gender, birthday, channel, custom fields …?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from contacts.models import Channel, Contact, LiveCode, SourceKind
from contacts.segments import custom, leaves, pieces, values
from contacts.segments.leaves import Field, Shape, Tests
from contacts.segments.pieces import Ids, Moment, Piece, Where
from contacts.segments.rules import at
from tenants.ids import encode
from tenants.models import Staff

OFFERED = 50


def text(column: str) -> Any:
    """The tests of a text in a column of the row, blank as good as absent."""

    def compile(tests: Tests, moment: Moment, path: str) -> Piece:
        ((test, value),) = tests.items()
        if test == "known":
            return Where(f"{column} <> ''")
        if test == "contains":
            return Where(f"strpos({column}, %s) > 0", (value,))
        return Where(f"{column} = ANY(%s::text[])", (_list(value),))

    return compile


def _list(value: str | tuple[str, ...]) -> list[str]:
    return list(value) if isinstance(value, tuple) else [value]


def date(column: str) -> Any:
    """The tests of a moment in a column of the row."""

    def compile(tests: Tests, moment: Moment, path: str) -> Piece:
        return leaves.during(column, tests, moment)

    return compile


def passed(column: str) -> Any:
    """Whose moment has come to lie as many days back as the test says."""

    def moved(tests: Tests, before: datetime, moment: Moment) -> Sequence[Ids]:
        number = tests.get("within_days", tests.get("more_than_days_ago"))
        if number is None:
            return ()
        since, until = before - timedelta(days=number), moment.ago(number)
        where = Where(f"{column} > %s AND {column} <= %s", (since, until))
        return [pieces.contacts(moment, where)]

    return moved


def rows(
    column: str, found: Callable[[], QuerySet[Any]], name: str, unknown: Callable[[], str]
) -> Any:
    """The tests of a key to named rows: a name or an id, one of them, or any at all."""

    def compile(tests: Tests, moment: Moment, path: str) -> Piece:
        ((test, value),) = tests.items()
        if test == "known":
            return Where(f"{column} IS NOT NULL")
        wanted = values.named(_list(value), found(), name, at(path, test), unknown())
        return Where(f"{column} = ANY(%s::bigint[])", (wanted,))

    return compile


def offering(
    found: Callable[[], QuerySet[Any]], column: str, label: str = ""
) -> Callable[[str], Sequence[tuple[str, str]]]:
    """Names of rows for a form, (id, name): those that begin as typed."""

    def offer(typed: str) -> Sequence[tuple[str, str]]:
        shown = label or column
        rows = found().filter(**{f"{shown}__istartswith": typed}) if typed else found()
        pairs = rows.order_by(shown).values_list("pk", shown)[:OFFERED]
        return [(encode(pk), str(name)) for pk, name in pairs]

    return offer


def calling(
    found: Callable[[], QuerySet[Any]], column: str
) -> Callable[[Sequence[str]], Sequence[str]]:
    return lambda words: values.names(words, found(), column)


def _keyed(
    name: str, label: Any, column: str, found: Callable[[], QuerySet[Any]], key: str, unknown: Any
) -> Field:
    shown = "name"
    return Field(
        name, label, Shape.CHOICE, rows(column, found, key, unknown),
        offer=offering(found, key, shown), called=calling(found, shown),
    )  # fmt: skip


def _choices(kind: Any) -> Callable[[], Sequence[tuple[str, str]]]:
    return lambda: [(value, str(label)) for value, label in kind.choices if value]


def _sealed(index: str) -> Any:
    """A column that is encrypted: known or not is all that can be asked."""
    return lambda tests, moment, path: Where(f"{index} IS NOT NULL")


def _flag(column: str) -> Any:
    def compile(tests: Tests, moment: Moment, path: str) -> Piece:
        found = Where(column)
        return found if tests["is"] else ~found

    return compile


# --- birthdays ---


def _month(tests: Tests, moment: Moment, path: str) -> Piece:
    ((test, value),) = tests.items()
    if test == "known":
        return Where("c.birthday IS NOT NULL")
    this = moment.now.astimezone(moment.zone).month
    wanted = [this if each == "this" else int(each) for each in _list(value)]
    return Where("extract(month FROM c.birthday)::int = ANY(%s::int[])", (wanted,))


def _months() -> Sequence[tuple[str, str]]:
    named = [(str(number), str(number)) for number in range(1, 13)]
    return [("this", _("this month")), *named]


def _month_passed(tests: Tests, before: datetime, moment: Moment) -> Sequence[Ids] | None:
    """At the turn of a month, everybody may be concerned."""
    now, then = (each.astimezone(moment.zone) for each in (moment.now, before))
    asked = "this" in _list(tests.get("is", tests.get("in", "")))
    return None if asked and (now.year, now.month) != (then.year, then.month) else ()


def _age(tests: Tests, moment: Moment, path: str) -> Piece:
    if "known" in tests:
        return Where("c.birthday IS NOT NULL")
    low, high = tests.get("at_least", tests.get("is")), tests.get("at_most", tests.get("is"))
    span = values.Range(low, high)
    today = moment.now.astimezone(moment.zone).date()
    sql, given = span.sql("extract(year FROM age(%s::date, c.birthday))")
    days = (today,) if low is None or high is None else (today, today)
    mixed: list[object] = []
    for day, value in zip(days, given, strict=True):
        mixed += [day, value]
    return Where(sql, tuple(mixed))


def _day_passed(tests: Tests, before: datetime, moment: Moment) -> Sequence[Ids] | None:
    """Those whose birthday came since then."""
    now, then = (each.astimezone(moment.zone).date() for each in (moment.now, before))
    days = (now - then).days
    if "known" in tests or days == 0:
        return ()
    if days > 40:
        return None
    came = [f"{then + timedelta(days=number):%m-%d}" for number in range(1, days + 1)]
    came += ["02-29"] if "03-01" in came or "02-28" in came else []
    where = Where("to_char(c.birthday, 'MM-DD') = ANY(%s::text[])", (came,))
    return [pieces.contacts(moment, where)]


def register() -> None:
    staff = Staff.objects.all
    for field in (
        Field("name", pgettext_lazy("of a person", "name"), Shape.TEXT, text("c.name")),
        Field("external_id", gettext_lazy("external id"), Shape.TEXT, text("c.external_id")),
        Field("phone", gettext_lazy("phone"), Shape.KNOWN, _sealed("c.phone_hash")),
        Field("email", gettext_lazy("e-mail"), Shape.KNOWN, _sealed("c.email_hash")),
        Field("gender", gettext_lazy("gender"), Shape.CHOICE, text("c.gender"),
              choices=_choices(Contact.Gender)),
        Field("birthday", gettext_lazy("birthday"), Shape.KNOWN,
              lambda tests, moment, path: Where("c.birthday IS NOT NULL")),
        Field("birthday_month", gettext_lazy("month of birth"), Shape.CHOICE, _month,
              choices=_months, moved=_month_passed),
        Field("age", gettext_lazy("age"), Shape.NUMBER, _age, moved=_day_passed),
        _keyed("owner", gettext_lazy("owner"), "c.owner_id", staff, "userid",
               lambda: _("There is no member of staff called “%(name)s”.")),
        Field("source", gettext_lazy("source"), Shape.CHOICE, text("c.source"),
              choices=_choices(SourceKind)),
        _keyed("channel", gettext_lazy("channel"), "c.channel_id", Channel.objects.all, "name",
               lambda: _("There is no channel called “%(name)s”; choose another one.")),
        _keyed("live_code", gettext_lazy("live code"), "c.live_code_id", LiveCode.objects.all,
               "name", lambda: _("There is no live code called “%(name)s”; choose another one.")),
        Field("referrer", gettext_lazy("referrer"), Shape.KNOWN,
              lambda tests, moment, path: Where("c.referrer_id IS NOT NULL")),
        Field("excluded", gettext_lazy("excluded"), Shape.FLAG, _flag("c.excluded")),
        Field("acquired_at", gettext_lazy("acquired"), Shape.DATE, date("c.acquired_at"),
              moved=passed("c.acquired_at")),
        Field("created_at", gettext_lazy("created"), Shape.DATE, date("c.created_at"),
              moved=passed("c.created_at")),
    ):  # fmt: skip
        leaves.add(field)
    leaves.family("custom", custom.field)
