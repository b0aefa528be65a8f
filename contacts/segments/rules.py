"""What may a segment's rule say? JSON becomes a tree, or an error that names the part at fault.

    {"all": [rule, …]}   {"any": [rule, …]}   {"not": rule}
    {"field": "stage", "in": ["intent", "pending"]}          see leaves.py for the tests of a field
    {"tag": "VIP"}   {"tag": ["VIP", "SVIP"]}                 wears it; one of them
    {"event": {"kind": "content.read", "count": {"at_least": 2}, "within_days": 14,
               "properties": {"purpose": "nurture"}}}
    {"order": {"sum": {"at_least": "1000.00"}, "within_days": 90, "sku": ["A-1"]}}
    {"segment": "Loyal"}                                      is in another segment

A leaf may be written short, its settings beside its name: `{"event": "content.read",
"within_days": 14}`. Errors say where: `all[1].event.count`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from django.utils.translation import gettext as _

from contacts.segments.pieces import Ids, Moment, Piece

DEPTH = 8
LEAVES = 100
GROUPS = ("all", "any")


class RuleError(ValueError):
    """A rule cannot be read or compiled. `path` names the part, `message` says what to do."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(path, message)
        self.path = path
        self.message = message

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class Leaf(Protocol):
    """One condition of a rule."""

    @property
    def path(self) -> str: ...

    def compile(self, moment: Moment) -> Piece:
        """RuleError when it names what is not there (any more)."""
        ...

    def hears(self, kind: str) -> bool:
        """May the answer for a contact differ after an event of this kind?"""
        ...

    def moved(self, before: datetime, moment: Moment) -> Sequence[Ids] | None:
        """For whom time alone may have changed the answer since then. None: for anybody."""
        ...

    def basis(self) -> str:
        """What it reads besides contacts: when this changes, everybody is counted again."""
        ...

    def words(self) -> str: ...


@dataclass(frozen=True)
class All:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class SomeOf:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    part: Node


Node: TypeAlias = "All | SomeOf | Not | Leaf"
Reader = Callable[[Mapping[str, Any], str], Leaf]


def refuse_beside(rule: Mapping[str, Any], name: str, main: str, path: str) -> dict[str, Any]:
    """A leaf's settings, whichever way it is written: `main` is what its short form names."""
    value = rule[name]
    others = {key: each for key, each in rule.items() if key != name}
    if not isinstance(value, dict):
        return {main: value, **others}
    if others:
        key = next(iter(others))
        raise RuleError(
            at(path, key),
            _("Write this inside “%(leaf)s”, beside its other settings.") % {"leaf": name},
        )
    return dict(value)


def at(path: str, step: str | int) -> str:
    """`all` and 1 → `all[1]`; `all[1]` and "event" → `all[1].event`."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    return f"{path}.{step[:60]}" if path else step[:60]


def parse(rule: object, read: Mapping[str, Reader]) -> Node:
    """The tree of a rule. `read` has the readers of leaves, by name: see leaves.readers."""
    tree = _parse(rule, "", 1, read)
    if sum(1 for _leaf in leaves(tree)) > LEAVES:
        raise RuleError(
            "", _("A rule has at most %(most)s conditions; split it in two.") % {"most": LEAVES}
        )
    return tree


def _parse(rule: object, path: str, depth: int, read: Mapping[str, Reader]) -> Node:
    if not isinstance(rule, dict) or not rule:
        raise RuleError(path, _("Write a condition such as {“tag”: “VIP”}."))
    if depth > DEPTH:
        raise RuleError(path, _("Too many groups inside groups; make an inner one a segment."))
    names = [name for name in (*GROUPS, "not", *read) if name in rule]
    if len(names) != 1:
        raise RuleError(path, _which(names, read))
    name = names[0]
    if name in read:
        return read[name](rule, at(path, name))
    extra = sorted(str(key) for key in rule if key != name)
    if extra:
        raise RuleError(
            at(path, extra[0]), _("A group has nothing beside “%(name)s”.") % {"name": name}
        )
    if name == "not":
        return Not(_parse(rule["not"], at(path, "not"), depth + 1, read))
    parts = rule[name]
    if not isinstance(parts, list) or not parts:
        raise RuleError(
            at(path, name), _("Write a list with at least one condition, or leave the group out.")
        )
    made = tuple(
        _parse(part, at(at(path, name), number), depth + 1, read)
        for number, part in enumerate(parts)
    )
    return All(made) if name == "all" else SomeOf(made)


def _which(names: list[str], read: Mapping[str, Reader]) -> str:
    if names:
        return _("Write one of %(names)s here, not both: join them by “all” or “any”.") % {
            "names": ", ".join(f"“{name}”" for name in names)
        }
    known = ", ".join(f"“{name}”" for name in (*GROUPS, "not", *read))
    return _("This is no condition. Begin it with one of %(names)s.") % {"names": known}


def leaves(tree: Node) -> Iterator[Leaf]:
    """All leaves of a tree, from left to right."""
    if isinstance(tree, All | SomeOf):
        for part in tree.parts:
            yield from leaves(part)
    elif isinstance(tree, Not):
        yield from leaves(tree.part)
    else:
        yield tree
