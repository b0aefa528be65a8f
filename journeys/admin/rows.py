"""How is a rule typed without writing JSON? As rows of a form, one for each of its parts.

A rule that says more than such rows can (parts inside parts) is shown in words and kept as it is,
unless whoever edits it asks to replace it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BaseFormSet, formset_factory
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext as _

Rule = dict[str, Any]
Row = dict[str, Any]
JOINS = ("all", "any")
MOST = 30


@dataclass(frozen=True)
class Split:
    """A rule as rows, joined by all or any. None: rows cannot say it."""

    rows: list[Row]
    join: str = "all"


class RuleRow(forms.Form):
    """One part of a rule. The first field says which; a row without it counts for nothing."""

    leading: ClassVar[str]
    # Field → the one answer of the leading field with which it is asked; others: always.
    only_when: ClassVar[Mapping[str, str]] = {}

    def is_blank(self) -> bool:
        return not self.cleaned_data.get(self.leading)


class _Posted:
    """What a browser sent for the field: its rows, their join, and whether to replace."""

    def __init__(self, data: Mapping[str, Any], name: str, rows: type[BaseFormSet]) -> None:
        self.sent = f"{name}-TOTAL_FORMS" in data
        self.formset = rows(data, prefix=name) if self.sent else rows(prefix=name)
        join = data.get(f"{name}-join", "all")
        self.join = join if join in JOINS else "all"
        self.replace = f"{name}-replace" in data


class RowsWidget(forms.Widget):
    """Draws the rows. The field tells it of which form they are; see RowsField.know."""

    field: RowsField

    def value_from_datadict(self, data: Any, files: Any, name: str) -> _Posted:
        return _Posted(data, name, self.field.rows)

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False

    def id_for_label(self, id_: str | None) -> str:
        return ""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        split = self.field.split(self.field.stored)
        if isinstance(value, _Posted) and value.sent:
            formset, join, replace = value.formset, value.join, value.replace
        else:
            rows = split.rows if split else []
            formset = self.field.rows(initial=rows, prefix=name)
            join, replace = split.join if split else "all", False
        context = {
            "name": name,
            "formset": formset,
            "join": join,
            "joins": self.field.joins,
            "replace": replace,
            "too_rich": self.field.in_words() if split is None else "",
            "add": self.field.add,
            "lists": self.field.lists(),
        }
        return render_to_string("admin/journeys/rules/rows.html", context)


class RowsField(forms.Field):
    """A rule in rows. Subclasses name the form of a row and how rows and rule become each other."""

    row: type[RuleRow]
    rows: type[BaseFormSet]
    joins: Any = None  # the choices of `all` and `any`; None: rows are not joined by choice
    add: str | Promise
    stored: Rule

    def __init__(self, **kwargs: Any) -> None:
        self.rows = formset_factory(self.row, extra=0, can_delete=True, max_num=MOST)
        self.stored = {}
        super().__init__(required=False, widget=RowsWidget(), **kwargs)
        self.widget.field = self

    def __deepcopy__(self, memo: dict[int, Any]) -> RowsField:
        copied = super().__deepcopy__(memo)
        assert isinstance(copied, RowsField)  # noqa: S101 - narrows the type
        copied.widget.field = copied
        return copied

    def split(self, rule: Rule) -> Split | None:
        raise NotImplementedError

    def part(self, row: Row) -> Rule:
        """One row as a rule."""
        raise NotImplementedError

    def build(self, rows: list[Row], join: str) -> Rule:
        parts = [self.part(row) for row in rows]
        if len(parts) < 2:
            return parts[0] if parts else {}
        return {join: parts}

    def in_words(self) -> str:
        raise NotImplementedError

    def lists(self) -> dict[str, list[str]]:
        """Names that are offered while one types, by the id of their datalist."""
        return {}

    def clean(self, value: Any) -> Rule:
        if not isinstance(value, _Posted) or not value.sent:
            return self.stored
        if self.split(self.stored) is None and not value.replace:
            return self.stored
        if not value.formset.is_valid():
            raise ValidationError(_("Look at the rows that are marked."), code="rows")
        kept = [
            form.cleaned_data
            for form in value.formset.forms
            if not form.cleaned_data.get("DELETE") and not form.is_blank()
        ]
        return self.build(kept, value.join)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.clean(data) != self.stored)
        except ValidationError:
            return True
