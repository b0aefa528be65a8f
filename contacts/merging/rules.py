"""What needs more than pointing to the survivor? Each app says so of its own tables, in apps.py.

Rows that name the absorbed contact move by themselves, in every table with a key to contacts; one
that a unique constraint forbids beside the survivor's own row is dropped, and kept for the undoing.
Here is declared what deviates from that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Q

if TYPE_CHECKING:
    from contacts.merging.rows import Merging
    from tenants.scope import TenantModel

Model = type["TenantModel"]
Choice = Callable[[Any, Any], bool]
Hook = Callable[["Merging"], None]
OfContacts = Callable[[Sequence[int]], None]

derived_tables: set[Model] = set()
choices: dict[Model, Choice] = {}
filled: dict[Model, tuple[str, ...]] = {}
restorable: dict[Model, Callable[[], Q]] = {}
locks: list[OfContacts] = []
before: list[Hook] = []
after: list[Hook] = []
undone: list[OfContacts] = []


def derived(*models: Model) -> None:
    """Rows that can be made from others: the absorbed contact's go, `after` and `undone` make."""
    derived_tables.update(models)


def prefer(model: Model, absorbed: Choice) -> None:
    """Of two rows of which one may stay, (absorbed's, survivor's): True keeps the absorbed's."""
    choices[model] = absorbed


def fill(model: Model, *columns: str) -> None:
    """The row that stays takes these from the one that goes, where its own are empty."""
    filled[model] = columns


def restore_only(model: Model, which: Callable[[], Q]) -> None:
    """Undoing puts changed rows back as they were only where this holds."""
    restorable[model] = which


def lock_first(lock: OfContacts) -> None:
    """Lock rows that others lock before contacts: nobody may wait in a circle."""
    locks.append(lock)


def before_merge(hook: Hook) -> None:
    """Before rows move: end, mark or combine what must not be there twice."""
    before.append(hook)


def after_merge(hook: Hook) -> None:
    """All hangs on the survivor now, the absorbed contact is gone: compute anew."""
    after.append(hook)


def after_undoing(hook: OfContacts) -> None:
    """Both contacts stand again with their rows: compute anew. Gets the ids of both."""
    undone.append(hook)
