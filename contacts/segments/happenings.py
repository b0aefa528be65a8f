"""What people did and bought: events and orders by count, window, property, sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from contacts import kinds
from contacts.segments import leaves, pieces, values
from contacts.segments.pieces import Ids, Moment, Piece
from contacts.segments.rules import RuleError, at, refuse_beside
from contacts.segments.values import Range
from tenants import money
from tenants.punctuation import listed

_WINDOW = ("within_days", "after", "before")
_NUMBER = r"^-?[0-9]{1,15}(\.[0-9]{1,6})?$"
MOST_PROPERTIES = 10


@dataclass(frozen=True)
class Window:
    """The last so many days, or from a day on, or up to a day; all of time when nothing is said."""

    within_days: int | None = None
    after: date | datetime | None = None
    before: date | datetime | None = None

    def sql(self, column: str, moment: Moment) -> tuple[str, list[object]]:
        parts: list[tuple[str, object]] = []
        if self.within_days is not None:
            parts.append((f"{column} > %s", moment.ago(self.within_days)))
        if self.after is not None:
            parts.append((f"{column} >= %s", values.instant(self.after, moment.zone)))
        if self.before is not None:
            parts.append((f"{column} < %s", values.instant(self.before, moment.zone)))
        return "".join(f" AND {part}" for part, _value in parts), [value for _part, value in parts]

    def begins(self, moment: Moment) -> datetime | None:
        if self.within_days is not None:
            return moment.ago(self.within_days)
        return None if self.after is None else values.instant(self.after, moment.zone)

    def passed(self, before: datetime, moment: Moment) -> tuple[datetime, datetime] | None:
        """The stretch of time that has fallen out of the window since then."""
        if self.within_days is None:
            return None
        return before - timedelta(days=self.within_days), moment.ago(self.within_days)

    def words(self) -> str:
        said = []
        if self.within_days == 1:
            said.append(_("in the last day"))
        elif self.within_days is not None:
            said.append(_("in the last %(days)s days") % {"days": self.within_days})
        if self.after is not None:
            said.append(_("from %(day)s on") % {"day": self.after})
        if self.before is not None:
            said.append(_("before %(day)s") % {"day": self.before})
        return " ".join(said)


def _window(given: Mapping[str, Any], path: str) -> Window:
    days = given.get("within_days")
    if days is not None and ("after" in given or "before" in given):
        raise RuleError(
            at(path, "within_days"), _("Write either “within_days” or “after” and “before”.")
        )
    return Window(
        None if days is None else values.days(days, at(path, "within_days")),
        *(
            values.moment(given[name], at(path, name)) if name in given else None
            for name in ("after", "before")
        ),
    )


# --- events ---


@dataclass(frozen=True)
class EventLeaf:
    """Events of some kinds: how many, when, with which properties; `distinct` counts different
    values of a property instead.
    """

    path: str
    kinds: tuple[str, ...]
    count: Range = field(default_factory=lambda: Range(1))
    window: Window = field(default_factory=Window)
    properties: Mapping[str, Any] = field(default_factory=dict)
    distinct: str = ""

    def compile(self, moment: Moment) -> Piece:
        within, bounds = self.window.sql("t.at", moment)
        wanted, given = self._properties()
        where = f"t.kind = ANY(%s::text[]){within}{wanted}"
        begins = self.window.begins(moment)
        one = self.count == Range(1)
        count, counted = ("count(*)", ()) if not self.distinct else (
            "count(DISTINCT t.properties ->> %s)", (self.distinct,)
        )  # fmt: skip
        if one and not self.distinct:
            return pieces.rows(
                "contacts_event", where, [list(self.kinds), *bounds, *given], moment, since=begins
            )
        having, numbers = self.count.sql(count)
        repeated = [each for number in numbers for each in (*counted, number)]
        if self.count.fits(0):  # those with more are out, everybody else is in
            having = f"NOT ({having})"
        found = pieces.rows(
            "contacts_event", where, [list(self.kinds), *bounds, *given], moment,
            having=having, having_values=repeated, since=begins,
        )  # fmt: skip
        return ~found if self.count.fits(0) else found

    def _properties(self) -> tuple[str, list[object]]:
        parts: list[str] = []
        given: list[object] = []
        for name, wanted in self.properties.items():
            if isinstance(wanted, Range):
                sql, numbers = wanted.sql("n.number")
                parts.append(
                    f" AND (SELECT {sql} FROM (SELECT CASE WHEN t.properties ->> %s ~ %s"  # noqa: S608 - own names, values apart
                    " THEN (t.properties ->> %s)::numeric END AS number) n)"
                )
                given += [*numbers, name, _NUMBER, name]
            else:
                parts.append(" AND t.properties ->> %s = ANY(%s::text[])")
                given += [name, list(wanted)]
        return "".join(parts), given

    def hears(self, kind: str) -> bool:
        return leaves.hears(self.kinds, kind)

    def moved(self, before: datetime, moment: Moment) -> Sequence[Ids] | None:
        passed = self.window.passed(before, moment)
        if passed is None:
            return ()
        where = "t.kind = ANY(%s::text[]) AND t.at > %s AND t.at <= %s"
        return [pieces.rows("contacts_event", where, (list(self.kinds), *passed), moment)]

    def basis(self) -> str:
        return ""

    def words(self) -> str:
        said = [" / ".join(kinds.short_of(kind) for kind in self.kinds)]
        if self.distinct:
            said.append(_("with different “%(property)s”") % {"property": self.distinct})
        said.append(times(self.count))
        if self.window != Window():
            said.append(self.window.words())
        if self.properties:
            told = listed(f"{name} {_told(value)}" for name, value in self.properties.items())
            said.append(_("with %(properties)s") % {"properties": told})
        return " ".join(said)


def times(span: Range) -> str:
    """How often."""
    if span.high is None:
        low = int(span.low or 0)
        if low == 1:
            return _("at least once")
        return _("at least %(count)s times") % {"count": low}
    if span.high == 0:
        return _("never")
    if span.low == span.high:
        return _("exactly %(count)s times") % {"count": int(span.high)}
    if not span.low:
        return _("at most %(count)s times") % {"count": int(span.high)}
    return _("%(low)s to %(high)s times") % {"low": int(span.low), "high": int(span.high)}


def _told(wanted: Any) -> str:
    if isinstance(wanted, Range):
        if wanted.low == wanted.high:
            return f"= {wanted.low}"
        if wanted.low is not None and wanted.high is not None:
            return f"{wanted.low}–{wanted.high}"
        return f">= {wanted.low}" if wanted.high is None else f"<= {wanted.high}"
    return f"= {' / '.join(wanted)}"


def _event(rule: Mapping[str, Any], path: str) -> EventLeaf:
    given = refuse_beside(rule, "event", "kind", path)
    values.refuse_unknown(given, ("kind", "count", "distinct", "properties", *_WINDOW), path)
    if "kind" not in given:
        raise RuleError(at(path, "kind"), _("Write the kind of event, such as content.read."))
    distinct = given.get("distinct")
    return EventLeaf(
        path,
        values.texts(given["kind"], at(path, "kind"), 64),
        values.count(given["count"], at(path, "count")) if "count" in given else Range(1),
        _window(given, path),
        _properties(given.get("properties", {}), at(path, "properties")),
        values.text(distinct, at(path, "distinct"), 100) if distinct is not None else "",
    )


def _properties(given: object, path: str) -> dict[str, Any]:
    if not isinstance(given, dict) or len(given) > MOST_PROPERTIES:
        raise RuleError(
            path,
            _("Write at most %(most)s properties as {“name”: “value”}.")
            % {"most": MOST_PROPERTIES},
        )
    return {name: _property(value, at(path, str(name))) for name, value in given.items()}


def _property(value: object, path: str) -> Any:
    if isinstance(value, dict):
        return values.span(value, path, values.number)
    many = value if isinstance(value, list) else [value]
    return values.texts([leaves.as_text(each) for each in many], path)


# --- orders ---


@dataclass(frozen=True)
class OrderLeaf:
    """Paid orders (FIGURES R3): how many, worth how much net of refunds, when, with which SKUs."""

    path: str
    count: Range | None = None
    sum: Range | None = None
    window: Window = field(default_factory=Window)
    skus: tuple[str, ...] = ()

    def compile(self, moment: Moment) -> Piece:
        within, bounds = self.window.sql("t.paid_at", moment)
        given: list[object] = [*bounds]
        where = f"t.paid{within}"
        if self.skus:
            where += (
                " AND t.id IN (SELECT i.order_id FROM contacts_orderitem i"
                " WHERE i.tenant_id = %s AND i.sku = ANY(%s::text[]))"
            )
            given += [moment.tenant, list(self.skus)]
        if self.sum is None and self._count() == Range(1):
            return pieces.rows("contacts_order", where, given, moment)
        having, numbers = self._having()
        negated = self._count().fits(0) and (self.sum is None or self.sum.fits(0))
        if negated:
            having = f"NOT ({having})"
        found = pieces.rows(
            "contacts_order", where, given, moment, having=having, having_values=numbers
        )
        return ~found if negated else found

    def _count(self) -> Range:
        if self.count is not None:
            return self.count
        return Range(0) if self.sum is not None else Range(1)

    def _having(self) -> tuple[str, list[object]]:
        asked = [("count(*)", self.count), ("sum(t.amount_fen - t.refund_fen)", self.sum)]
        parts: list[str] = []
        numbers: list[object] = []
        for expression, span in asked:
            if span is not None:
                sql, given = span.sql(expression)
                parts.append(sql)
                numbers += given
        return " AND ".join(parts), numbers

    def hears(self, kind: str) -> bool:
        return leaves.hears(("order.",), kind)

    def moved(self, before: datetime, moment: Moment) -> Sequence[Ids] | None:
        passed = self.window.passed(before, moment)
        if passed is None:
            return ()
        where = "t.paid AND t.paid_at > %s AND t.paid_at <= %s"
        return [pieces.rows("contacts_order", where, passed, moment)]

    def basis(self) -> str:
        return ""

    def words(self) -> str:
        said = [_("paid orders")]
        if self.skus:
            said.append(_("with %(skus)s") % {"skus": " / ".join(self.skus)})
        if self.window != Window():
            said.append(self.window.words())
        if self.count is not None or self.sum is None:
            said.append(times(self._count()))
        if self.sum is not None:
            said.append(_("of together %(range)s") % {"range": _worth(self.sum)})
        return " ".join(said)


def _worth(span: Range) -> str:
    low, high = money.text(int(span.low or 0)), money.text(int(span.high or 0))
    if span.high is None:
        return _("at least %(amount)s") % {"amount": low}
    if not span.low:
        return _("at most %(amount)s") % {"amount": high}
    return f"{low}–{high}"


def _order(rule: Mapping[str, Any], path: str) -> OrderLeaf:
    given = refuse_beside(rule, "order", "count", path)
    values.refuse_unknown(given, ("count", "sum", "sku", *_WINDOW), path)
    return OrderLeaf(
        path,
        values.count(given["count"], at(path, "count")) if "count" in given else None,
        values.amount(given["sum"], at(path, "sum")) if "sum" in given else None,
        _window(given, path),
        values.texts(given["sku"], at(path, "sku"), 64) if "sku" in given else (),
    )


def register() -> None:
    leaves.reader("event", _event)
    leaves.reader("order", _order)
