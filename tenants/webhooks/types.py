"""Which types of events can an endpoint ask for? Apps declare theirs in apps.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import Promise

TEST: Final = "webhook.test"  # goes to the one endpoint that is tested, asked for or not

_types: dict[str, Promise | str] = {}


def declare(name: str, label: Promise | str) -> None:
    _types[name] = label


def known() -> dict[str, Promise | str]:
    """Name → what it says, in the order of declaration."""
    return dict(_types)


def label_of(name: str) -> str:
    return str(_("a test") if name == TEST else _types.get(name, name))
