"""How do moves become members, spells and counts? One writer a group at a time.

Moves are the facts. What follows from them (spells, who is in, counts by day, lines on timelines)
is compared with what is stored, so repeating anything changes nothing, and `rebuild` finds nothing
to do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.db.models import Q

from contacts import kinds, timeline
from contacts.groups import days
from contacts.groups.stays import Stay, borders, stays
from contacts.models import Group, GroupMember, GroupMove, GroupSpell, GroupWay
from contacts.timeline import NewEvent
from contacts.upserts import Status
from tenants import ids
from tenants.models import Staff
from tenants.scope import current_tenant_id

SOURCE = "groups"


@dataclass(frozen=True, slots=True)
class Who:
    """Exactly one: a contact, a member of staff, an account nobody knows yet; or a member row of
    whom nothing is left to know.
    """

    contact_id: int | None = None
    staff_id: int | None = None
    external: str | None = None
    member_id: int | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """Somebody came (or went). `name` is what an unknown account is called in the group."""

    who: Who
    at: datetime
    joins: bool
    way: str = ""
    invited_by: int | None = None
    state: str = ""
    name: str = ""
    guessed: bool = False
    heard: bool = False  # it came from the timeline


Members = dict[Who, GroupMember]
Moves = dict[int, list[GroupMove]]


def lock(group_id: int) -> Group:
    """Whoever writes what follows from moves holds the group; several are taken in order of id."""
    return Group.objects.select_for_update(no_key=True).get(pk=group_id)


def who_is(member: GroupMember) -> Who:
    if member.contact_id or member.staff_id or member.external:
        return Who(member.contact_id, member.staff_id, member.external)
    return Who(member_id=member.pk)


def record(group: Group, moves: Sequence[Move], forget: Collection[int] = ()) -> list[Status]:
    """Write moves down and what follows. Answers each one's status: created is a new member.

    `forget` are guesses (ids of moves) that turned out wrong.
    """
    group = lock(group.pk)
    members = find(group, {move.who for move in moves})
    new = _made(group, members, moves)
    members |= new
    if forget:
        members |= _forget(forget)
    known = moves_of(member.pk for member in members.values())
    touched = _write(members, moves, known)
    _rename(members, moves)
    settle(group, list(members.values()), known)
    return [_status(move, new, touched) for move in moves]


def _forget(guesses: Collection[int]) -> Members:
    """Answers whose they were."""
    wrong = GroupMove.objects.filter(pk__in=guesses, guessed=True)
    found = GroupMember.objects.filter(pk__in=list(wrong.values_list("member_id", flat=True)))
    members = {who_is(member): member for member in found}
    wrong.delete()
    return members


def _status(move: Move, new: Members, touched: set[Move]) -> Status:
    if move.who in new:
        return Status.CREATED
    return Status.UPDATED if move in touched else Status.UNCHANGED


def find(group: Group, wanted: Collection[Who]) -> dict[Who, GroupMember]:
    found = GroupMember.objects.filter(
        Q(contact_id__in=[who.contact_id for who in wanted if who.contact_id])
        | Q(staff_id__in=[who.staff_id for who in wanted if who.staff_id])
        | Q(external__in=[who.external for who in wanted if who.external])
        | Q(pk__in=[who.member_id for who in wanted if who.member_id]),
        group=group,
    )
    return {who_is(member): member for member in found}


def _made(group: Group, members: Members, moves: Sequence[Move]) -> dict[Who, GroupMember]:
    names = {move.who: move.name for move in moves}
    new = {
        who: GroupMember(
            group=group,
            contact_id=who.contact_id,
            staff_id=who.staff_id,
            external=who.external,
            name=name if who.external else "",
        )
        for who, name in names.items()
        if who not in members
    }
    GroupMember.objects.bulk_create(new.values())
    return new


def moves_of(member_ids: Iterable[int]) -> Moves:
    found: Moves = defaultdict(list)
    for move in GroupMove.objects.filter(member_id__in=list(member_ids)):
        found[move.member_id].append(move)
    return found


def _write(members: Members, moves: Sequence[Move], known: Moves) -> set[Move]:
    """Insert new moves, complete those known with less; `known` holds them all afterwards."""
    stored = {
        (move.member_id, move.at, move.joins): move for found in known.values() for move in found
    }
    new: list[GroupMove] = []
    better: dict[int, GroupMove] = {}
    touched: set[Move] = set()
    for move in moves:
        key = (members[move.who].pk, move.at, move.joins)
        old = stored.get(key)
        if old is None:
            stored[key] = made = _row(key[0], move)
            new.append(made)
            known[key[0]].append(made)
            touched.add(move)
        elif _complete(old, move):
            touched.add(move)
            if old.pk:
                better[old.pk] = old
    GroupMove.objects.bulk_create(new)
    GroupMove.objects.bulk_update(
        better.values(), ["way", "invited_by", "state", "guessed", "heard"]
    )
    return touched


def _row(member_id: int, move: Move) -> GroupMove:
    return GroupMove(
        member_id=member_id,
        at=move.at,
        joins=move.joins,
        way=move.way,
        invited_by_id=move.invited_by,
        state=move.state,
        guessed=move.guessed,
        heard=move.heard,
    )


def _complete(old: GroupMove, move: Move) -> bool:
    """Fill in what was not known; what was told replaces what was guessed."""
    if move.guessed:
        return False
    before = (old.way, old.invited_by_id, old.state, old.guessed)
    if old.guessed:
        old.way, old.guessed = move.way, False
    old.way = old.way or move.way
    old.invited_by_id = old.invited_by_id or move.invited_by
    old.state = old.state or move.state
    return before != (old.way, old.invited_by_id, old.state, old.guessed)


def _rename(members: Members, moves: Sequence[Move]) -> None:
    changed = {}
    for move in moves:
        member = members[move.who]
        if member.external and move.name and member.name != move.name:
            member.name = move.name
            changed[member.pk] = member
    GroupMember.objects.bulk_update(changed.values(), ["name"])


# --- what follows ---


def settle(group: Group, members: Sequence[GroupMember], moves: Moves) -> bool:
    """Make all that follows from the moves of these members right. Answers whether it changed.

    The caller holds the group's lock.
    """
    wanted = {member.pk: stays(moves.get(member.pk, ()), group.dismissed_at) for member in members}
    changed = _put_spells(group, wanted)
    inside = _put_members(members, wanted)
    if changed:
        days.recount(group.pk, changed)
    if changed or inside:
        _count(group)
    _tell(group, members, wanted)
    return bool(changed or inside)


def rebuild(group_id: int) -> bool:
    """Derive everything of this group from its moves again. Answers whether anything changed."""
    group = lock(group_id)
    members = list(GroupMember.objects.filter(group=group))
    changed = settle(group, members, moves_of(member.pk for member in members))
    counted = days.recount(group.pk, None)
    return _count(group) or counted or changed


_Spell = tuple[int, datetime, str, int | None, str, datetime | None, str]


def _put_spells(group: Group, wanted: Mapping[int, Sequence[Stay]]) -> set[date]:
    """Write the spells that differ. Answers the days whose counts are due."""
    right = {_spell(member_id, stay) for member_id, found in wanted.items() for stay in found}
    stored: dict[_Spell, int] = {}
    for row in GroupSpell.objects.filter(member_id__in=list(wanted)):
        key = (
            row.member_id, row.joined_at, row.join_way, row.invited_by_id, row.state, row.left_at,
            row.quit_way,
        )  # fmt: skip
        stored[key] = row.pk
    wrong = stored.keys() - right
    missing = right - stored.keys()
    if wrong:
        GroupSpell.objects.filter(pk__in=[stored[key] for key in wrong]).delete()
    GroupSpell.objects.bulk_create(
        GroupSpell(
            group=group,
            member_id=member_id,
            joined_at=joined_at,
            join_way=way,
            invited_by_id=invited_by,
            state=state,
            left_at=left_at,
            quit_way=quit_way,
        )
        for member_id, joined_at, way, invited_by, state, left_at, quit_way in sorted(
            missing, key=lambda key: (key[1], key[0])
        )
    )
    moments = {at for key in wrong | missing for at in (key[1], key[5]) if at is not None}
    return days.days_of(moments)


def _spell(member_id: int, stay: Stay) -> _Spell:
    joined, left = stay.joined, stay.left
    return (
        member_id, joined.at, joined.way, joined.invited_by_id, joined.state,
        left.at if left else None, left.way if left else "",
    )  # fmt: skip


# One statement of one shape: a CASE for each of a thousand rows takes seconds to plan.
_PUT_MEMBERS = """
UPDATE contacts_groupmember m SET in_since = w.in_since, left_at = w.left_at
FROM unnest(%(ids)s::bigint[], %(in_since)s::timestamptz[], %(left_at)s::timestamptz[])
  AS w(id, in_since, left_at)
WHERE m.tenant_id = %(tenant)s AND m.id = w.id
"""


def _put_members(
    members: Sequence[GroupMember], wanted: Mapping[int, Sequence[Stay]]
) -> list[GroupMember]:
    changed = []
    for member in members:
        last = wanted[member.pk][-1] if wanted[member.pk] else None
        left_at = last.left.at if last and last.left else None
        in_since = last.joined.at if last and not last.left else None
        if (member.in_since, member.left_at) != (in_since, left_at):
            member.in_since, member.left_at = in_since, left_at
            changed.append(member)
    if changed:
        parameters: dict[str, int | list[int] | list[datetime | None]] = {
            "tenant": current_tenant_id(),
            "ids": [member.pk for member in changed],
            "in_since": [member.in_since for member in changed],
            "left_at": [member.left_at for member in changed],
        }
        with connection.cursor() as cursor:
            cursor.execute(_PUT_MEMBERS, parameters)
    return changed


def _count(group: Group) -> bool:
    inside = GroupMember.objects.filter(group=group, in_since__isnull=False)
    staff = inside.filter(staff__isnull=False).count()
    members = inside.filter(staff=None).count()
    if (group.members_now, group.staff_now) == (members, staff):
        return False
    group.members_now, group.staff_now = members, staff
    group.save(update_fields=["members_now", "staff_now"])
    return True


# --- timelines ---


def _tell(
    group: Group, members: Sequence[GroupMember], wanted: Mapping[int, Sequence[Stay]]
) -> None:
    """Say on the contacts' timelines what made a difference and was not said yet."""
    due = [
        (member, move)
        for member in members
        if member.contact_id is not None
        for move in borders(wanted[member.pk])
        if not move.heard
    ]
    if not due:
        return
    inviters = {move.invited_by_id for _member, move in due if move.invited_by_id}
    userids = dict(Staff.objects.filter(pk__in=inviters).values_list("pk", "userid"))
    timeline.record(_event(group, member, move, userids) for member, move in due)
    GroupMove.objects.filter(pk__in=[move.pk for _member, move in due if move.pk]).update(
        heard=True
    )


def _event(
    group: Group, member: GroupMember, move: GroupMove, userids: Mapping[int, str]
) -> NewEvent:
    properties: dict[str, object] = {"group": str(group), "id": ids.encode(group.pk)}
    inviter = userids.get(move.invited_by_id or 0)
    by: str = move.way
    if move.joins:
        by = "joined" if move.way == GroupWay.INVITED and not inviter else move.way
    properties["by"] = by or ("joined" if move.joins else "quit")
    if inviter:
        properties["staff"] = inviter
    kind = kinds.GROUP_JOINED if move.joins else kinds.GROUP_LEFT
    key = f"{move.pk}" if move.pk else f"{member.pk}:{move.at.isoformat()}:dismissed"
    assert member.contact_id is not None  # noqa: S101 - narrows the type: _tell chose contacts
    return NewEvent(member.contact_id, kind, move.at, SOURCE, key, properties)
