"""What may a rule ask of a contact? A registry: contacts bring theirs, upper apps add fields.

A field is asked by tests, which its shape allows:

    text      is, in, known, contains            choice    is, in, known
    number    is, at_least, at_most, known       flag      is (true or false)
    date      within_days, more_than_days_ago, after (that day on), before (that day not), known
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from django.utils.translation import gettext as _

from contacts.segments import values
from contacts.segments.pieces import Ids, Moment, Piece, Where
from contacts.segments.rules import Reader, RuleError, at, refuse_beside

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# After an event of these families anything may be known anew of a contact, or the contact itself:
# a file's new contacts say so by their opening, and bring tags that no event tells.
ALWAYS = ("contact.", "follow.", "subscription.", "identity.")


class Shape(StrEnum):
    TEXT = "text"
    CHOICE = "choice"
    NUMBER = "number"
    DATE = "date"
    FLAG = "flag"
    KNOWN = "known"


TESTS: Mapping[Shape, tuple[str, ...]] = {
    Shape.TEXT: ("is", "in", "known", "contains"),
    Shape.CHOICE: ("is", "in", "known"),
    Shape.NUMBER: ("is", "at_least", "at_most", "known"),
    Shape.DATE: ("within_days", "more_than_days_ago", "after", "before", "known"),
    Shape.FLAG: ("is",),
    Shape.KNOWN: ("known",),
}
# Tests that may stand together in one leaf.
_PAIRS = ({"at_least", "at_most"}, {"after", "before"})

Tests = Mapping[str, Any]


class Compile(Protocol):
    def __call__(self, tests: Tests, moment: Moment, path: str) -> Piece: ...


class Moved(Protocol):
    def __call__(self, tests: Tests, before: datetime, moment: Moment) -> Sequence[Ids] | None: ...


def _never(tests: Tests, before: datetime, moment: Moment) -> Sequence[Ids] | None:
    return ()


@dataclass(frozen=True)
class Field:
    """Something that is known of a contact. Tests come checked to `compile`.

    `choices` are the values of a choice, (value, how people call it); None: they are names of rows,
    which `compile` looks up. `offer` finds such names for a form. `hears` are kinds of events, or
    families of kinds ("order."), after which it may differ; None: after any. Without `tests` those
    of the shape are allowed.
    """

    name: str
    label: _StrPromise | str
    shape: Shape
    compile: Compile
    choices: Callable[[], Sequence[tuple[str, str]]] | None = None
    offer: Callable[[str], Sequence[tuple[str, str]]] | None = None
    called: Callable[[Sequence[str]], Sequence[str]] | None = None
    hears: Collection[str] | None = ()
    moved: Moved = _never
    basis: Callable[[], str] = str
    tests: tuple[str, ...] = ()
    closed: bool = True  # only its choices may be asked for

    def allowed(self) -> tuple[str, ...]:
        return self.tests or TESTS[self.shape]


fields: dict[str, Field] = {}
aliases: dict[str, str] = {}
readers: dict[str, Reader] = {}
# Fields that are many, by the beginning of their name: custom.<name>.
families: dict[str, Callable[[str], Field]] = {}


def add(field: Field, *, also: str = "") -> None:
    """Register a field, in apps.py or a module that apps.py imports. `also` is another name."""
    fields[field.name] = field
    if also:
        aliases[also] = field.name


def family(beginning: str, make: Callable[[str], Field]) -> None:
    families[beginning] = make


def reader(name: str, read: Reader) -> None:
    """Register how leaves of a name are read: {"event": …}."""
    readers[name] = read


def field_named(name: str, path: str) -> Field:
    found = fields.get(aliases.get(name, name))
    if found is not None:
        return found
    beginning, dot, rest = name.partition(".")
    if dot and rest and beginning in families:
        return families[beginning](rest)
    known = ", ".join([*fields, *(f"{each}.<{_('name')}>" for each in families)])
    raise RuleError(
        path,
        _("There is no field “%(name)s”. Write one of %(names)s.") % {"name": name, "names": known},
    )


def during(column: str, tests: Tests, moment: Moment) -> Where:
    if "known" in tests:
        return Where(f"{column} IS NOT NULL")
    signs = {"within_days": ">", "more_than_days_ago": "<=", "after": ">=", "before": "<"}
    parts, given = [], []
    for test, value in tests.items():
        parts.append(f"{column} {signs[test]} %s")
        rolling = test in {"within_days", "more_than_days_ago"}
        given.append(moment.ago(value) if rolling else values.instant(value, moment.zone))
    return Where(" AND ".join(parts), tuple(given))


def hears(kinds: Collection[str] | None, kind: str) -> bool:
    if kinds is None or kind.startswith(ALWAYS):
        return True
    return any(kind.startswith(each) if each.endswith(".") else kind == each for each in kinds)


@dataclass(frozen=True)
class FieldLeaf:
    """`{"field": "score", "at_least": 60}`"""

    path: str
    field: Field
    tests: Tests

    def compile(self, moment: Moment) -> Piece:
        if "known" in self.tests and not self.tests["known"]:
            return ~self.field.compile({"known": True}, moment, self.path)
        return self.field.compile(self.tests, moment, self.path)

    def hears(self, kind: str) -> bool:
        return hears(self.field.hears, kind)

    def moved(self, before: datetime, moment: Moment) -> Sequence[Ids] | None:
        return self.field.moved(self.tests, before, moment)

    def basis(self) -> str:
        return self.field.basis()

    def words(self) -> str:
        tests = [test for test in self.field.allowed() if test in self.tests]
        said = " ".join(self._said(test, self.tests[test]) for test in tests)
        return f"{self.field.label} {said}"

    def _said(self, test: str, value: Any) -> str:
        if test == "known":
            return _("is known") if value else _("is not known")
        if isinstance(value, bool):
            return _("is yes") if value else _("is no")
        shown = self._called(value)
        sentences = {
            "is": _("is %(value)s"),
            "in": _("is one of %(value)s"),
            "contains": _("contains “%(value)s”"),
            "at_least": _("is at least %(value)s"),
            "at_most": _("is at most %(value)s"),
            "within_days": _("lies in the last %(value)s days"),
            "more_than_days_ago": _("lies more than %(value)s days back"),
            "after": _("is %(value)s or later"),
            "before": _("is before %(value)s"),
        }
        return sentences[test] % {"value": shown}

    def _called(self, value: Any) -> str:
        words = [str(each) for each in (value if isinstance(value, tuple) else (value,))]
        if self.field.choices is not None:
            labels = {key: str(label) for key, label in self.field.choices()}
            words = [labels.get(word, word) for word in words]
        elif self.field.called is not None:
            words = list(self.field.called(words))
        return " / ".join(words)


def _read(rule: Mapping[str, Any], path: str) -> FieldLeaf:
    given = refuse_beside(rule, "field", "name", path)
    name = given.pop("name", None)
    if not isinstance(name, str):
        raise RuleError(path, _("Write the name of a field."))
    field = field_named(name, path)
    allowed = field.allowed()
    values.refuse_unknown(given, allowed, path)
    if not given or (len(given) > 1 and set(given) not in _PAIRS):
        tests = ", ".join(f"“{test}”" for test in allowed)
        raise RuleError(path, _("Say how, by one of %(tests)s.") % {"tests": tests})
    checked = {test: _value(field, test, each, at(path, test)) for test, each in given.items()}
    return FieldLeaf(path, field, checked)


def _value(field: Field, test: str, value: object, path: str) -> object:
    if test == "known" or field.shape == Shape.FLAG:
        return values.flag(value, path)
    if test in {"within_days", "more_than_days_ago"}:
        return values.days(value, path)
    if test in {"after", "before"}:
        return values.moment(value, path)
    if test in {"at_least", "at_most"} and field.choices is None:
        return values.number(value, path)
    if field.shape == Shape.NUMBER:
        return values.number(value, path)
    if test == "in":
        if not isinstance(value, list):
            raise RuleError(path, _("Write a list of values."))
        return _chosen(field, values.texts([as_text(each) for each in value], path), path)
    found = _chosen(field, (values.text(as_text(value), path),), path)
    return found[0]


def as_text(value: object) -> object:
    """Numbers and truth of custom fields are compared as they read."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _chosen(field: Field, words: tuple[str, ...], path: str) -> tuple[str, ...]:
    if field.choices is None or not field.closed:
        return words
    codes = [value for value, _label in field.choices()]
    for word in words:
        if word not in codes:
            raise RuleError(
                path,
                _("“%(value)s” is none of its values: %(values)s.")
                % {"value": word, "values": ", ".join(codes)},
            )
    return words


reader("field", _read)
