"""How does a rule read? As a sentence in the reader's language, not as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from contacts.models import Segment
from contacts.segments import leaves, rules
from contacts.segments.rules import All, Node, Not, RuleError, SomeOf


def of(segment: Segment) -> str:
    """The rule of a segment; a list by hand, or a rule that cannot be read, has no words."""
    if segment.kind != Segment.Kind.RULE:
        return ""
    try:
        return of_rule(segment.rule)
    except RuleError:
        return ""


def of_rule(rule: object) -> str:
    return _sentence(rules.parse(rule, leaves.readers), outer=True)


def _sentence(node: Node, *, outer: bool = False) -> str:
    if isinstance(node, Not):
        return _("not: %(condition)s") % {"condition": _sentence(node.part)}
    if isinstance(node, All | SomeOf):
        word = _(" and ") if isinstance(node, All) else _(" or ")
        said = word.join(_sentence(part) for part in node.parts)
        return (
            said if outer or len(node.parts) == 1 else _("(%(conditions)s)") % {"conditions": said}
        )
    return node.words()


def lines(segment: Segment) -> list[tuple[int, str]]:
    """The rule line by line, each with how deep it stands: for a page."""
    try:
        tree = rules.parse(segment.rule, leaves.readers)
    except RuleError:
        return []
    return list(_lines(tree, 0))


def _lines(node: Node, depth: int) -> Iterator[tuple[int, str]]:
    if isinstance(node, All | SomeOf):
        every = _("all of these hold:") if isinstance(node, All) else _("any of these holds:")
        yield depth, every
        for part in node.parts:
            yield from _lines(part, depth + 1)
    elif isinstance(node, Not):
        if isinstance(node.part, All | SomeOf):
            none = (
                _("these do not all hold:")
                if isinstance(node.part, All)
                else _("none of these holds:")
            )
            yield depth, none
            for part in node.part.parts:
                yield from _lines(part, depth + 1)
        elif isinstance(node.part, Not):
            yield from _lines(node.part.part, depth)
        else:
            yield depth, _("not: %(condition)s") % {"condition": node.part.words()}
    else:
        yield depth, node.words()
