"""What do a business's own fields tell a rule? `custom.<key>`, declared or only ever stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from django.db import connection

from contacts.models import CustomField
from contacts.segments import values
from contacts.segments.leaves import Field, Shape, Tests, as_text
from contacts.segments.pieces import Moment, Piece, Where
from tenants.scope import current_tenant_id

_SAMPLE = 2000  # newest contacts that are looked at for fields that nobody declared
_NUMBER = r"^-?[0-9]{1,15}(\.[0-9]{1,6})?$"
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
_KNOWN = "COALESCE(c.custom ->> %s, '') NOT IN ('', '[]')"
_ANYTHING = ("is", "in", "known", "contains", "at_least", "at_most", "after", "before")
_SHAPES: Mapping[str, tuple[Shape, tuple[str, ...]]] = {
    CustomField.Kind.NUMBER: (Shape.NUMBER, ("is", "at_least", "at_most", "known")),
    CustomField.Kind.DATE: (Shape.DATE, ("after", "before", "known")),
    CustomField.Kind.BOOLEAN: (Shape.FLAG, ("is", "known")),
    CustomField.Kind.CHOICE: (Shape.CHOICE, ("is", "in", "known")),
    CustomField.Kind.MULTI: (Shape.CHOICE, ("is", "in", "known")),
}


def field(key: str) -> Field:
    """The field of a key; one that nobody declared may be asked anything."""
    return _as_declared(key, CustomField.objects.filter(key=key).first())


def declared() -> list[Field]:
    """What forms offer: the fields in use, and keys that the newest contacts have beside them."""
    own = {each.key: each for each in CustomField.objects.order_by("position", "id")}
    found = [_as_declared(key, each) for key, each in own.items() if not each.archived]
    return found + [_as_declared(key, None) for key in _stored() if key not in own]


def _as_declared(key: str, own: CustomField | None) -> Field:
    name, compile = f"custom.{key}", _Compile(key, own.kind if own else "")
    if own is None or own.kind not in _SHAPES:
        return Field(name, own.label if own else key, Shape.TEXT, compile, tests=_ANYTHING)
    shape, tests = _SHAPES[own.kind]
    if shape != Shape.CHOICE:
        return Field(name, own.label, shape, compile, tests=tests)
    choices = [(str(each), str(each)) for each in own.choices]
    return Field(
        name, own.label, shape, compile, tests=tests, choices=lambda: choices, closed=False
    )


class _Compile:
    """The tests of one key in the document `c.custom`."""

    def __init__(self, key: str, kind: str) -> None:
        self.key = key
        self.kind = kind

    def __call__(self, tests: Tests, moment: Moment, path: str) -> Piece:
        if "known" in tests:
            return Where(_KNOWN, (self.key,))
        if "contains" in tests:
            return Where("strpos(c.custom ->> %s, %s) > 0", (self.key, tests["contains"]))
        if {"at_least", "at_most"} & set(tests):
            return self._number(values.Range(tests.get("at_least"), tests.get("at_most")))
        if {"after", "before"} & set(tests):
            return self._day(tests)
        given = tests.get("is", tests.get("in"))
        if isinstance(given, int | float) and not isinstance(given, bool):
            return self._number(values.Range(given, given))
        wanted = [str(as_text(each)) for each in (given if isinstance(given, tuple) else (given,))]
        return self._equal(wanted)

    def _equal(self, wanted: list[str]) -> Where:
        """A field of several values holds a list; one that nobody declared may."""
        one = Where("c.custom ->> %s = ANY(%s::text[])", (self.key, wanted))
        listed = [json.dumps(each) for each in wanted]
        several = Where("c.custom -> %s @> ANY(%s::jsonb[])", (self.key, listed))
        if self.kind == CustomField.Kind.MULTI:
            return several
        if self.kind:
            return one
        return Where(f"({one.sql} OR {several.sql})", one.values + several.values)

    def _number(self, span: values.Range) -> Where:
        sql, given = span.sql("n.number")
        test = (
            f"(SELECT {sql} FROM (SELECT CASE WHEN c.custom ->> %s ~ %s"  # noqa: S608 - own names, values apart
            " THEN (c.custom ->> %s)::numeric END AS number) n)"
        )
        return Where(test, (*given, self.key, _NUMBER, self.key))

    def _day(self, tests: Tests) -> Where:
        signs = {"after": ">=", "before": "<"}
        parts, given = ["c.custom ->> %s ~ %s"], [self.key, _DAY]
        for test, value in tests.items():
            parts.append(f'left(c.custom ->> %s, 10) COLLATE "C" {signs[test]} %s')
            given += [self.key, value.isoformat()[:10]]
        return Where(" AND ".join(parts), tuple(given))


def _stored() -> Sequence[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT jsonb_object_keys(custom) FROM (SELECT custom FROM contacts_contact"
            " WHERE tenant_id = %s ORDER BY id DESC LIMIT %s) newest ORDER BY 1 LIMIT 200",
            [current_tenant_id(), _SAMPLE],
        )
        return [str(name) for (name,) in cursor.fetchall()]
