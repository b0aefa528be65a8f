"""How does a rule become one statement? By set algebra on contact ids, never by OR of EXISTS.

`all` is INTERSECT, `any` is UNION, `not` is EXCEPT: from the siblings when there are any, else from
all contacts, so everybody is read only where the rule really asks for everybody. Conditions on the
contact's own row are joined into one condition, and the table is read once for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from contacts.segments import pieces
from contacts.segments.pieces import Ids, Moment, Piece, Values, Where
from contacts.segments.rules import All, Node, Not, SomeOf, leaves

_FIRST = "contact_id"


def compile(tree: Node, moment: Moment) -> Ids:
    """The contacts for whom the rule holds, each once. RuleError names a leaf that cannot be."""
    found = _ids(_piece(tree, moment), moment)
    if found.negated:
        found = _except(pieces.contacts(moment), [~found])
    if found.distinct:
        return found
    return Ids(f"SELECT DISTINCT {_FIRST} FROM ({found.sql}) s", found.values, distinct=True)  # noqa: S608 - own names, values apart


def _piece(node: Node, moment: Moment) -> Piece:
    if isinstance(node, Not):
        return ~_piece(node.part, moment)
    if isinstance(node, All):
        return _all(_narrowed(node.parts, moment), moment)
    if isinstance(node, SomeOf):
        return _some([_piece(part, moment) for part in node.parts], moment)
    return node.compile(moment)


def _narrowed(parts: Sequence[Node], moment: Moment) -> list[Piece]:
    """Of all who are to fulfil several conditions, those that read more than what is gathered ask
    only of those whom the others leave.
    """
    found = [_piece(part, moment) for part in parts]
    read = [isinstance(piece, Where) or piece.gathered for piece in found]
    if moment.facts is None or all(read) or not any(read):
        return found
    left = _ids(
        _all([piece for piece, known in zip(found, read, strict=True) if known], moment), moment
    )
    if left.negated:
        return found
    few = replace(moment, within=left)
    return [
        piece if known or isinstance(part, All | SomeOf | Not) else part.compile(few)
        for part, piece, known in zip(parts, found, read, strict=True)
    ]


def _all(parts: Sequence[Piece], moment: Moment) -> Piece:
    own, inside, outside = _sorted(parts)
    where = _joined(" AND ", own) if own else None
    if where is not None and not inside and not outside:
        return where
    if inside:
        found = _join("INTERSECT", inside)
        if where is not None:
            found = _among(found, where, moment)
    elif where is not None:
        found = pieces.contacts(moment, where)
    else:
        return ~_join("UNION", outside)  # not A and not B: neither
    return _except(found, outside)


def _some(parts: Sequence[Piece], moment: Moment) -> Piece:
    own, inside, outside = _sorted(parts)
    where = _joined(" OR ", own) if own else None
    if where is not None and not inside and not outside:
        return where
    if where is not None:
        inside = [pieces.contacts(moment, where), *inside]
    if outside:  # A or not B: not those of B who are not in A
        return ~_except(_join("INTERSECT", outside), inside)
    return _join("UNION", inside)


def _sorted(parts: Sequence[Piece]) -> tuple[list[Where], list[Ids], list[Ids]]:
    """Conditions on the contact's row, sets to be in, sets to be outside of."""
    sets = [part for part in parts if isinstance(part, Ids)]
    return (
        [part for part in parts if isinstance(part, Where)],
        [part for part in sets if not part.negated],
        [~part for part in sets if part.negated],
    )


def _joined(word: str, parts: Sequence[Where]) -> Where:
    if len(parts) == 1:
        return parts[0]
    sql = word.join(f"({part.sql})" for part in parts)
    return Where(f"({sql})", sum((part.values for part in parts), ()))


def _join(word: str, parts: Sequence[Ids]) -> Ids:
    if len(parts) == 1:
        return parts[0]
    sql = f" {word} ".join(f"({part.sql})" for part in parts)
    return Ids(sql, sum((part.values for part in parts), ()), distinct=True)


def _except(found: Ids, parts: Sequence[Ids]) -> Ids:
    if not parts:
        return found
    values: Values = sum((part.values for part in parts), found.values)
    less = " ".join(f"EXCEPT ({part.sql})" for part in parts)
    return Ids(f"({found.sql}) {less}", values, distinct=True)


def _among(found: Ids, where: Where, moment: Moment) -> Ids:
    """Those of a set whose own row fulfils a condition: the planner may begin at either side."""
    rows = pieces.contacts(moment, where)
    sql = f"{rows.sql} AND c.id IN (SELECT {_FIRST} FROM ({found.sql}) s)"  # noqa: S608 - own names, values apart
    return Ids(sql, rows.values + found.values, distinct=True)


def _ids(piece: Piece, moment: Moment) -> Ids:
    return pieces.contacts(moment, piece) if isinstance(piece, Where) else piece


def moved(tree: Node, before: datetime, moment: Moment) -> Ids | None:
    """For whom time alone may have changed the answer since `before`. None: for anybody."""
    found: list[Ids] = []
    for leaf in leaves(tree):
        some = leaf.moved(before, moment)
        if some is None:
            return None
        found += some
    return _join("UNION", found) if found else pieces.NOBODY
