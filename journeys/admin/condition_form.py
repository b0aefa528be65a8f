"""How is it typed for whom or for what a score rule counts? Attributes, tags and properties."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from contacts.models import Channel, Contact, Tag
from journeys import fit
from journeys.admin.rows import JOINS, Row, RowsField, Rule, RuleRow, Split
from journeys.admin.rules_in_words import condition, field_label
from tenants.models import Staff
from tenants.punctuation import listed

_TAG, _CUSTOM = "tag", "custom"
_OFFERED = 200  # names that a list offers while one types
_BETWEEN = re.compile(r"[;；、\n]")
# How the value is asked for: the id of the list of names that is offered.
_LISTS = {"gender": "of-gender", "source": "of-source", "channel": "of-channel",
          "owner": "of-owner", _TAG: "of-tag"}  # fmt: skip


def _about() -> list[tuple[str, Any]]:
    return [
        ("", gettext_lazy("choose …")),
        *((name, field_label(name)) for name in fit.FIELDS),
        (_TAG, Tag._meta.verbose_name),
        (_CUSTOM, gettext_lazy("custom field …")),
    ]


_TESTS = [
    ("is", gettext_lazy("is")),
    ("not", gettext_lazy("is not")),
    ("in", gettext_lazy("is one of")),
    ("known", gettext_lazy("is known")),
    ("unknown", gettext_lazy("is not known")),
]


def _choices(name: str) -> dict[str, str]:
    """Code → how people call it, for the columns that hold codes."""
    if name not in {"gender", "source"}:
        return {}
    field = Contact._meta.get_field(name)
    return {str(code): str(label) for code, label in getattr(field, "flatchoices", ()) if code}


class ConditionRow(RuleRow):
    leading = "about"
    only_when: ClassVar[Mapping[str, str]] = {"custom": _CUSTOM}

    about = forms.ChoiceField(
        label=gettext_lazy("Attribute or tag"),
        choices=_about,
        required=False,
        widget=UnfoldAdminSelectWidget({"data-what": ""}),
    )
    custom = forms.CharField(
        label=gettext_lazy("Name of the custom field"),
        required=False,
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
    )
    test = forms.ChoiceField(
        label=gettext_lazy("How"), choices=_TESTS, required=False, widget=UnfoldAdminSelectWidget
    )
    value = forms.CharField(
        label=gettext_lazy("Value"),
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget({"data-lists": " ".join(_LISTS.values())}),
        help_text=gettext_lazy("Several values: with a semicolon between them."),
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        about, test = given.get("about"), given.get("test") or "is"
        given["test"] = test
        if not about:
            return given
        if about == _CUSTOM and not given.get("custom"):
            self.add_error("custom", _("Write what the custom field is called."))
        if about == _TAG and test not in {"is", "not"}:
            self.add_error("test", _("A tag is worn or not: choose “is” or “is not”."))
        elif test not in {"known", "unknown"}:
            self._check_values(about, test, str(given.get("value") or ""))
        return given

    def _check_values(self, about: str, test: str, text: str) -> None:
        typed = values_in(text) if test == "in" else [text.strip()] if text.strip() else []
        if not typed:
            self.add_error("value", _("Write the value."))
        try:
            self.cleaned_data["values"] = [_stored(about, value) for value in typed]
        except ValidationError as error:
            self.add_error("value", error)


def values_in(text: str) -> list[str]:
    return list(dict.fromkeys(filter(None, map(str.strip, _BETWEEN.split(text)))))


def _stored(about: str, value: str) -> str:
    """A value as the rule keeps it; raises ValidationError, which says what would do."""
    choices = _choices(about)
    if choices:
        codes = {label: code for code, label in choices.items()} | {code: code for code in choices}
        if value not in codes:
            raise ValidationError(
                _("Write one of: %(names)s.") % {"names": listed(choices.values())}
            )
        return codes[value]
    if about == "birthday":
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise ValidationError(_("Write the day as 1990-12-31.")) from None
    if about == "owner":
        found = (
            Staff.objects.filter(userid=value).first() or Staff.objects.filter(name=value).first()
        )
        if found is None:
            raise ValidationError(
                _("There is no member of staff called “%(name)s”.") % {"name": value}
            )
        return found.userid
    return value


def _shown(about: str, value: str) -> str:
    return _choices(about).get(value, value)


class ConditionField(RowsField):
    """Of fit: who the contact is."""

    row = ConditionRow
    joins = (
        ("all", gettext_lazy("all of these hold")),
        ("any", gettext_lazy("any of these holds")),
    )
    add = gettext_lazy("Add a condition")

    def split(self, rule: Rule) -> Split | None:
        if "properties" in rule:
            return Split([])
        join = next((one for one in JOINS if one in rule), "all")
        parts = rule.get(join, [rule] if rule else [])
        rows = [_row(part) for part in parts]
        known = [row for row in rows if row is not None]
        return Split(known, join) if len(known) == len(rows) else None

    def part(self, row: Row) -> Rule:
        about, test, values = row["about"], row["test"], row.get("values", [])
        if about == _TAG:
            leaf: Rule = {"tag": values[0]}
            return {"not": leaf} if test == "not" else leaf
        field = f"custom.{row['custom']}" if about == _CUSTOM else about
        if test in {"known", "unknown"}:
            return {"field": field, "known": test == "known"}
        if test == "in":
            return {"field": field, "in": values}
        leaf = {"field": field, "is": values[0]}
        return {"not": leaf} if test == "not" else leaf

    def in_words(self) -> str:
        return condition(self.stored)

    def lists(self) -> dict[str, list[str]]:
        found = {
            "channel": Channel.objects.order_by("name").values_list("name", flat=True),
            "owner": (str(one) for one in Staff.objects.order_by("name")[:_OFFERED]),
            _TAG: Tag.objects.order_by("name").values_list("name", flat=True)[:_OFFERED],
            "gender": _choices("gender").values(),
            "source": _choices("source").values(),
        }
        return {_LISTS[name]: list(names) for name, names in found.items()}


def _row(part: Mapping[str, Any]) -> Row | None:
    """The row that says this part; None when none does."""
    negated = set(part) == {"not"}
    leaf = part["not"] if negated else part
    if "tag" in leaf:
        return {"about": _TAG, "test": "not" if negated else "is", "value": leaf["tag"]}
    if "field" not in leaf:
        return None
    name = str(leaf["field"])
    row: Row = {"about": name}
    if name.startswith("custom."):
        row = {"about": _CUSTOM, "custom": name.removeprefix("custom.")}
    if "known" in leaf:
        return row | {"test": "known" if bool(leaf["known"]) != negated else "unknown"}
    values = leaf["in"] if "in" in leaf else [leaf.get("is")]
    if not all(isinstance(value, str) for value in values) or (negated and "in" in leaf):
        return None
    test = "in" if "in" in leaf else "not" if negated else "is"
    return row | {"test": test, "value": "; ".join(_shown(name, str(value)) for value in values)}


class PropertyRow(RuleRow):
    leading = "name"

    name = forms.CharField(
        label=gettext_lazy("Property"),
        required=False,
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("For example content."),
    )
    value = forms.CharField(
        label=gettext_lazy("Value"),
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if given.get("name") and not given.get("value"):
            self.add_error("value", _("Write the value."))
        if given.get("value") and not given.get("name"):
            self.add_error("name", _("Write which property has this value."))
        return given


class PropertiesField(RowsField):
    """Of engagement: which events of the kind count."""

    row = PropertyRow
    add = gettext_lazy("Only events with a property")

    def split(self, rule: Rule) -> Split | None:
        wanted = rule.get("properties", {})
        if not all(isinstance(value, str | int | float | bool) for value in wanted.values()):
            return None
        return Split([{"name": name, "value": str(value)} for name, value in wanted.items()])

    def build(self, rows: list[Row], join: str) -> Rule:
        before = self.stored.get("properties", {})
        found = {
            row["name"]: before[row["name"]]
            if str(before.get(row["name"])) == row["value"]
            else row["value"]
            for row in rows
        }
        return {"properties": found} if found else {}

    def in_words(self) -> str:
        return condition(self.stored)
