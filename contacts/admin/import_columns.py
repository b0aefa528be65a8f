"""What can a column of a file be mapped to, how is that called, and what did somebody choose?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from contacts import custom_fields
from contacts.imports.columns import CUSTOM, HEADERS, LEFT_OUT, REQUIRED, field_of, mappable
from contacts.imports.preview import Column, Preview
from contacts.models import Import


@dataclass(frozen=True)
class Choice:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Shown:
    """A column on the page: its select is called by its number, whatever its title is."""

    name: str
    column: Column
    choices: list[Choice]


def label(kind: str, field: str) -> str:
    """A field as files call it in the reader's language."""
    written = HEADERS[kind][field]
    if (get_language() or "").startswith("zh") and written:
        return written[0]
    return field.replace("_", " ")


def rows(job: Import, look: Preview) -> list[Shown]:
    return [
        Shown(f"c{number}", column, _choices(job.kind, column))
        for number, column in enumerate(look.columns)
    ]


def _choices(kind: str, column: Column) -> list[Choice]:
    offered = {LEFT_OUT: _("leave out")}
    for field in HEADERS[kind]:
        name = label(kind, field)
        required = field in REQUIRED[kind]
        offered[field] = _("%(name)s (required)") % {"name": name} if required else name
    if kind == "contacts":
        offered[CUSTOM] = _("custom field “%(name)s”") % {"name": column.title.strip()[:40]}
        offered |= {f"{CUSTOM}.{of.key}": of.label for of in custom_fields.defined()}
    return [Choice(value, text, value == column.meant) for value, text in offered.items()]


def chosen(job: Import, posted: Mapping[str, str]) -> dict[str, str]:
    """Header → what was chosen, where that is not what the header means by itself."""
    found: dict[str, str] = {}
    for number in range(_MOST):
        title, value = posted.get(f"t{number}"), posted.get(f"c{number}")
        if title is None:
            break
        by_itself = field_of(job.kind, title, {})
        usual = by_itself or (CUSTOM if job.kind == "contacts" else LEFT_OUT)
        if value is not None and value != usual and mappable(job.kind, value):
            found[title] = value
    return found


_MOST = 1000
