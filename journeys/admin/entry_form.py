"""How is it typed when contacts enter a stage? Facts, events and scores, one in a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from contacts import kinds
from journeys import entry_rules
from journeys.admin.rows import JOINS, Row, RowsField, Rule, RuleRow, Split
from journeys.admin.rules_in_words import FACTS, entry_rule

_EVENT, _SCORE, _THRESHOLD = "event", "score", "threshold"


def _what() -> list[tuple[str, Any]]:
    return [
        ("", gettext_lazy("choose …")),
        *FACTS.items(),
        (_THRESHOLD, gettext_lazy("the score is that of a lead")),
        (_SCORE, gettext_lazy("the score is at least …")),
        (_EVENT, gettext_lazy("one of these events happened …")),
    ]


class Kinds(forms.MultipleChoiceField):
    """Kinds of events to tick. Any kind may be recorded: one that is not declared may be named."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=known_kinds, required=False, **kwargs)

    def valid_value(self, value: str) -> bool:
        return 0 < len(value) <= 64


def known_kinds() -> list[tuple[str, str]]:
    return [(kind.name, kinds.short_of(kind.name)) for kind in kinds.known()]


class EntryRow(RuleRow):
    leading = "what"
    only_when: ClassVar[Mapping[str, str]] = {
        "score": _SCORE, "kinds": _EVENT, "property": _EVENT, "value": _EVENT,
    }  # fmt: skip

    what = forms.ChoiceField(
        label=gettext_lazy("What holds"),
        choices=_what,
        required=False,
        widget=UnfoldAdminSelectWidget({"data-what": ""}),
    )
    score = forms.FloatField(
        label=gettext_lazy("at least"),
        required=False,
        min_value=0.01,
        max_value=1e9,
        widget=UnfoldAdminIntegerFieldWidget({"step": "any"}),
    )
    kinds = Kinds(label=gettext_lazy("Events"))
    property = forms.CharField(
        label=gettext_lazy("Only with property"),
        required=False,
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("For example content. Blank: whatever its properties."),
    )
    value = forms.CharField(
        label=gettext_lazy("Value"),
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["kinds"]
        assert isinstance(field, Kinds)  # noqa: S101 - narrows the type
        choices = known_kinds()
        own = self.initial.get("kinds", []) if not self.is_bound else self["kinds"].data or []
        unknown = [(one, one) for one in own if one not in dict(choices)]
        field.choices = sorted([*unknown, *choices], key=lambda pair: pair[0] not in own)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        what = given.get("what")
        if what == _SCORE and given.get("score") is None and "score" not in self.errors:
            self.add_error("score", _("Write the score from which on this holds."))
        if what == _EVENT and not given.get("kinds"):
            self.add_error("kinds", _("Tick at least one kind of event."))
        if what == _EVENT and bool(given.get("property")) != bool(given.get("value")):
            self.add_error("value", _("Write both the property and its value, or neither."))
        return given


class EntryField(RowsField):
    row = EntryRow
    joins = (
        ("all", gettext_lazy("all of these hold")),
        ("any", gettext_lazy("any of these holds")),
    )
    add = gettext_lazy("Add a condition")

    def split(self, rule: Rule) -> Split | None:
        rest = {key: value for key, value in rule.items() if key != "back_from"}
        join = next((one for one in JOINS if one in rest), "all")
        parts = rest.get(join, [rest] if rest else [])
        rows = [_row(part) for part in parts]
        known = [row for row in rows if row is not None]
        return Split(known, join) if len(known) == len(rows) else None

    def part(self, row: Row) -> Rule:
        what = row["what"]
        if what == _EVENT:
            leaf: Rule = {"event": row["kinds"]}
            return leaf | ({"properties": {row["property"]: row["value"]}} if row["value"] else {})
        if what == _THRESHOLD:
            return {"min_score": "threshold"}
        if what == _SCORE:
            score = row["score"]
            return {"min_score": int(score) if score == int(score) else score}
        return {"fact": what}

    def in_words(self) -> str:
        return entry_rule(self.stored)


def _row(part: Rule) -> Row | None:
    """The row that says this part; None when none does."""
    if "fact" in part:
        return {"what": part["fact"]}
    if part.get("min_score") == "threshold":
        return {"what": _THRESHOLD}
    if "min_score" in part:
        return {"what": _SCORE, "score": part["min_score"]}
    if "event" not in part:
        return None
    wanted = part.get("properties", {})
    row: Row = {"what": _EVENT, "kinds": entry_rules.kinds_of(part)}
    if not wanted:
        return row
    if len(wanted) > 1 or not all(isinstance(value, str) for value in wanted.values()):
        return None
    ((name, value),) = wanted.items()
    return row | {"property": name, "value": value}
