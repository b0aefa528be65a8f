"""How are words put side by side in the active language? Chinese has marks of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce

from django.utils.translation import gettext as _


def listed(parts: Iterable[object]) -> str:
    """A, B, C."""
    return _joined(_("%(one)s, %(other)s"), parts)


def said(name: object, value: object) -> str:
    """Name: value."""
    return _("%(name)s: %(value)s") % {"name": name, "value": value}


def pairs(values: Mapping[str, object]) -> str:
    """Name: value; name: value."""
    return _joined(_("%(one)s; %(other)s"), (said(*pair) for pair in values.items()))


def _joined(pattern: str, parts: Iterable[object]) -> str:
    texts = [str(part) for part in parts]
    if not texts:
        return ""
    return reduce(lambda one, other: pattern % {"one": one, "other": other}, texts)
