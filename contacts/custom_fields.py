"""What may the value of a business's own field be, and which contacts have it so?

One validator for the API, the admin's forms and files; one way to ask for all filters. Values lie
in `Contact.custom` as JSON by key: text, a number, "YYYY-MM-DD", one of the choices, a list of
choices, true or false. Names that no field defines stay what they were: text or whatever was sent.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.db.models import Case, DecimalField, JSONField, Q, TextField, Value, When
from django.db.models.fields.json import DataContains, KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, Left
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNull,
    LessThan,
    LessThanOrEqual,
    Regex,
)  # fmt: skip
from django.utils.translation import gettext as _

from contacts import validation
from contacts.models import CustomField
from contacts.validation import Invalid
from tenants.punctuation import listed

Kind = CustomField.Kind

MOST_FIELDS: Final = 100  # a document has no more names
MOST_CHOICES: Final = 200
CHOICE_LENGTH: Final = 60
TEXT_LENGTH: Final = 2000
DIGITS: Final = 15  # as many as a double keeps
_KEY = re.compile(r"""[^\W\d_][^.,;:"'\\/?&=%#\x00-\x1f]{0,63}""")
NUMBER: Final = r"^-?[0-9]{1,15}(\.[0-9]{1,6})?$"
DAY: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MIDNIGHT = re.compile(r"[ T]00:00(:00)?(\.0+)?$")
_SEPARATORS = re.compile("[;；|]")
_NOTHING: Final[tuple[object, ...]] = (None, "", [])
_BOOLEANS: Final = {
    "true": True, "yes": True, "y": True, "1": True, "是": True, "有": True, "√": True,
    "false": False, "no": False, "n": False, "0": False, "否": False, "无": False, "×": False,
}  # fmt: skip


# --- the fields ---


def defined(*, archived: bool = False) -> list[CustomField]:
    """Inside a scope: the fields that are asked for, in their order; with `archived`, all."""
    rows = CustomField.objects.order_by("position", "id")
    return list(rows if archived else rows.filter(archived=False))


def key(text: str) -> str:
    """A name for a field, as rules, filters and files write it."""
    clean = unicodedata.normalize("NFC", text.strip())
    taken = clean in JSONField().get_lookups()  # would be read as a test of the document
    if not _KEY.fullmatch(clean) or "__" in clean or taken or len(clean) > validation.ID_LENGTH:
        raise Invalid("key", _("Begin with a letter; no dots, commas, quotes or semicolons."))
    return clean


def choices(words: Iterable[object]) -> list[str]:
    """The words to choose from: in order, each once."""
    found: dict[str, None] = {}
    for word in words:
        if not isinstance(word, str):
            raise Invalid("choices", _("Write a list of words."))
        clean = validation.text(unicodedata.normalize("NFC", word.strip()), CHOICE_LENGTH)
        if _SEPARATORS.search(clean):
            raise Invalid("choices", _("Choices have no semicolons or vertical bars in them."))
        if clean:
            found[clean] = None
    if len(found) > MOST_CHOICES:
        raise Invalid("choices", _("At most %(most)s choices.") % {"most": MOST_CHOICES})
    return list(found)


# --- values ---


def clean(of: CustomField, value: object) -> Any:
    """The value as it is stored, or Invalid. From JSON; a text may also be as a file writes it."""
    return _CLEAN[Kind(of.kind)](of, value)


def kept(of: CustomField, value: object) -> Any:
    """As `clean`, for a value that is to be kept: a required field is never emptied."""
    found = None if value is None else clean(of, value)
    if found in _NOTHING and is_required(of):
        raise Invalid("blank", _("This must not be blank."))
    return found


def cell(of: CustomField) -> Callable[[str], Any]:
    """How a cell of a file is read that belongs to this field; it is never blank."""
    return lambda written: kept(of, written)


def is_required(of: CustomField) -> bool:
    return of.required and not of.archived


def lacking(fields: Iterable[CustomField], document: Mapping[str, Any]) -> list[CustomField]:
    """Which of these fields have no value in the document?"""
    return [of for of in fields if document.get(of.key) in _NOTHING]


def needed(of: CustomField) -> Invalid:
    """Why somebody new is not taken who has no value of a required field."""
    return Invalid("required", _("A new contact needs a value here."))


def _text(of: CustomField, value: object) -> str:
    if not isinstance(value, str):
        raise Invalid("custom", _("Write text."))
    return validation.text(value, TEXT_LENGTH, breaks=True)


def _number(of: CustomField, value: object) -> int | float:
    refused = Invalid("number", _("Write a number such as 12 or 3.5."))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise refused
    written = unicodedata.normalize("NFKC", str(value)).strip().replace(" ", "")
    try:
        number = Decimal(written)
    except InvalidOperation:
        raise refused from None
    if not number.is_finite() or "_" in written:
        raise refused
    number = number.normalize()
    _sign, digits, exponent = number.as_tuple()
    places = -int(exponent)
    if len(digits) > DIGITS or places > 6 or abs(number) >= 10**DIGITS:
        raise Invalid("number", _("At most 15 digits, 6 of them after the point."))
    return int(number) if places <= 0 else float(number)


def _date(of: CustomField, value: object) -> str:
    if not isinstance(value, str):
        raise Invalid("date", _("Write a date as YYYY-MM-DD."))
    return validation.day(_MIDNIGHT.sub("", value.strip())).isoformat()


def _choice(of: CustomField, value: object) -> str:
    if isinstance(value, str):
        found = _chosen(of, value)
        if found is not None:
            return found
    words = [str(word) for word in of.choices]
    shown = listed(words[:12]) + (" …" if len(words) > 12 else "")
    raise Invalid("choice", _("Write one of: %(words)s.") % {"words": shown})


def _chosen(of: CustomField, text: str) -> str | None:
    wanted = _folded(text)
    return next((str(word) for word in of.choices if _folded(str(word)) == wanted), None)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _multi(of: CustomField, value: object) -> list[str]:
    words = _SEPARATORS.split(value) if isinstance(value, str) else value
    if not isinstance(words, list):
        raise Invalid("choice", _("Write a list of words."))
    given = [word for word in words if not isinstance(word, str) or word.strip()]
    found = {_choice(of, word) for word in given}
    return [str(word) for word in of.choices if word in found]


def _boolean(of: CustomField, value: object) -> bool:
    if isinstance(value, bool):
        return value
    found = _BOOLEANS.get(_folded(value)) if isinstance(value, str) else None
    if found is None:
        raise Invalid("boolean", _("Write yes or no."))
    return found


_CLEAN: Final[Mapping[Kind, Callable[[CustomField, object], Any]]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: _number,
    Kind.DATE: _date,
    Kind.CHOICE: _choice,
    Kind.MULTI: _multi,
    Kind.BOOLEAN: _boolean,
}


@dataclass
class Fields:
    """The tenant's fields for one request or file: read once, when the first value comes."""

    _known: dict[str, CustomField] | None = field(default=None)

    def of(self, name: str) -> CustomField | None:
        return self._all().get(name)

    def _all(self) -> dict[str, CustomField]:
        if self._known is None:
            self._known = {each.key: each for each in defined(archived=True)}
        return self._known

    def lacking(self, document: Mapping[str, Any]) -> list[CustomField]:
        """Required fields without a value there: somebody new would not be taken."""
        return lacking(filter(is_required, self._all().values()), document)

    def document(self, value: object, *, keep_nulls: bool = True) -> dict[str, Any]:
        """Custom fields from outside: an object within the limits, each field as it should be.

        null takes a field away where a document is patched; else it says nothing.
        """
        if not isinstance(value, dict):
            raise Invalid("custom", _("Write an object."))
        found: dict[str, Any] = {}
        for name, given in validation.document(value).items():
            of = self.of(name)
            if of is None or (given is None and not keep_nulls):
                if keep_nulls or given is not None:
                    found[name] = given
                continue
            try:
                found[name] = kept(of, given)
            except Invalid as error:
                raise Invalid(error.code, f"{name}: {error}") from None
        return found


def named_in_files() -> Callable[[str], tuple[str, Callable[[str], Any] | None]]:
    """Inside a scope: which key a column of a file means, by key or label, and how to read it.

    A column that is no field keeps its title, and its cells are text (None).
    """
    known: dict[str, CustomField] = {}
    for of in reversed(defined()):
        known[_folded(of.label)] = of
    for of in reversed(defined()):
        known[_folded(of.key)] = of

    def find(title: str) -> tuple[str, Callable[[str], Any] | None]:
        of = known.get(_folded(title))
        return (of.key, cell(of)) if of is not None else (title, None)

    return find


def shown(of: CustomField, value: object) -> str:
    """The value for people."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return listed(str(word) for word in value)
    return "" if value is None else str(value)


# --- conditions ---

TESTS: Final = {
    Kind.TEXT: ("", "known"),
    Kind.NUMBER: ("", "gte", "lte", "gt", "lt", "known"),
    Kind.DATE: ("", "gte", "lte", "gt", "lt", "known"),
    Kind.CHOICE: ("", "known"),
    Kind.MULTI: ("", "known"),
    Kind.BOOLEAN: ("", "known"),
}
_SIGNS: Final = {
    "gte": GreaterThanOrEqual, "lte": LessThanOrEqual, "gt": GreaterThan, "lt": LessThan,
}  # fmt: skip


def where(of: CustomField, test: str, value: Any) -> Q:
    """A condition on contacts. `value` is clean; for the test "" a list, one of which must be."""
    text = KeyTextTransform(of.key, "custom", output_field=TextField())
    if test == "known":
        blank = Q(IsNull(text, True)) | Q(In(text, ["", "[]"]))  # noqa: FBT003 - Django's way
        return ~blank if value else blank
    if of.kind == Kind.NUMBER:
        number = Case(
            When(
                Regex(text, NUMBER), then=Cast(text, DecimalField(max_digits=21, decimal_places=6))
            ),
            default=None,
        )
        if test:
            return Q(_SIGNS[test](number, Decimal(str(value))))
        return Q(In(number, [Decimal(str(each)) for each in value]))
    if of.kind == Kind.DATE:
        day = Left(text, 10)
        return Q(Regex(text, DAY)) & Q(_SIGNS[test](day, value) if test else In(day, value))
    if of.kind == Kind.MULTI:
        either, values = Q(pk__in=[]), KeyTransform(of.key, "custom")
        for each in value:
            either |= Q(DataContains(values, Value([each], output_field=JSONField())))
        return either
    if of.kind == Kind.BOOLEAN:
        return Q(In(text, ["true" if each else "false" for each in value]))
    return Q(Exact(text, value[0])) if len(value) == 1 else Q(In(text, value))
