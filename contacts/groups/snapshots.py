"""What does the platform say about a group: all of it (a snapshot), or that somebody moved?

A snapshot is the answer of groupchat/get: who is in, and since when. What is missing from it is
guessed, and guesses give way to what is told: whoever is not listed any more has left by then;
whoever joined at another time than known had left before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from contacts.groups import membership, people
from contacts.groups.membership import Move, Who
from contacts.groups.stays import Stay, stays
from contacts.models import Group, GroupMember, GroupMove, GroupWay

# The platform's lists lag behind its callbacks, and their clocks differ by seconds.
SETTLED: Final = timedelta(minutes=10)
CLOCKS: Final = timedelta(seconds=30)

_JOIN_SCENES = {1: GroupWay.INVITED, 2: GroupWay.LINK, 3: GroupWay.QR}
_QUIT_SCENES = {1: GroupWay.LEFT, 2: GroupWay.REMOVED}
_STAFF, _CUSTOMER = 1, 2


def apply_snapshot(chat: Mapping[str, object], at: datetime) -> Group:
    """Take the answer of groupchat/get (whole, or its `group_chat`), asked at `at`.

    Repeated ones change nothing; one that comes late changes what was in between.
    """
    inner = chat.get("group_chat")
    if isinstance(inner, Mapping):
        chat = inner
    listed = chat.get("member_list")
    lines = _members(listed) if isinstance(listed, list) else None
    named = _named(lines or [])  # may touch other groups: before this one is held
    group = membership.lock(called(_id(chat.get("chat_id"))).pk)
    stale = group.seen_at is not None and at < group.seen_at
    if not stale:
        _describe(group, chat, at)
    if lines is not None and (group.dismissed_at is None or at < group.dismissed_at):
        _compare(_Seen(group, at, stale=stale), lines, named)
    group.refresh_from_db()
    return group


def join(chat_id: str, accounts: Sequence[str], at: datetime, scene: int = 0) -> None:
    """A callback tells that these joined: userids and external_userids, and the JoinScene."""
    _tell(chat_id, accounts, at, joins=True, way=_JOIN_SCENES.get(scene, ""))


def leave(chat_id: str, accounts: Sequence[str], at: datetime, scene: int = 0) -> None:
    """A callback tells that these went, and the QuitScene."""
    _tell(chat_id, accounts, at, joins=False, way=_QUIT_SCENES.get(scene, ""))


def _tell(chat_id: str, accounts: Sequence[str], at: datetime, *, joins: bool, way: str) -> None:
    group = called(chat_id)
    found = people.named(accounts)
    moves = [Move(found[text], at, joins, way) for text in dict.fromkeys(accounts) if text in found]
    if moves:
        membership.record(group, moves)


def dismiss(chat_id: str, at: datetime) -> None:
    """A callback tells that the group is no more."""
    set_dismissed(called(chat_id), at)


def set_dismissed(group: Group, at: datetime | None) -> None:
    """All who are in leave at that moment. None takes a dismissal back."""
    group = membership.lock(group.pk)
    if group.dismissed_at != at:
        group.dismissed_at = at
        group.save(update_fields=["dismissed_at"])
        membership.rebuild(group.pk)


def called(chat_id: str) -> Group:
    """The group of the platform's id, made when it is new."""
    if not chat_id:
        raise ValueError("A group of the platform has a chat id.")
    group = Group.objects.filter(chat_id=chat_id).first()
    if group is None:
        Group.objects.bulk_create([Group(chat_id=chat_id)], ignore_conflicts=True)
        group = Group.objects.get(chat_id=chat_id)
    return group


def _describe(group: Group, chat: Mapping[str, object], at: datetime) -> None:
    group.name = _text(chat.get("name"), 100) if "name" in chat else group.name
    group.notice = _text(chat.get("notice"), 2000) if "notice" in chat else group.notice
    owner = _id(chat.get("owner"))
    if owner:
        group.owner_id = people.members_of_staff([owner])[owner].staff_id
    group.founded_at = _moment(chat.get("create_time")) or group.founded_at
    group.member_version = _text(chat.get("member_version"), 64)
    group.seen_at = at
    group.save()


# --- the list of members ---


@dataclass(frozen=True, slots=True)
class _Listed:
    """A line of member_list."""

    account: str
    staff: bool
    joined_at: datetime | None
    way: str
    inviter: str
    state: str
    name: str
    unionid: str


def _members(lines: Iterable[object]) -> list[_Listed]:
    """Lines that cannot be read are passed over; of two with one account the later counts."""
    found: dict[str, _Listed] = {}
    for line in lines:
        if not isinstance(line, Mapping):
            continue
        account, kind = _id(line.get("userid")), line.get("type")
        if not account or kind not in (_STAFF, _CUSTOMER):
            continue
        inviter = line.get("invitor")
        found[account] = _Listed(
            account=account,
            staff=kind == _STAFF,
            joined_at=_moment(line.get("join_time")),
            way=_scene(line.get("join_scene")),
            inviter=_id(inviter.get("userid")) if isinstance(inviter, Mapping) else "",
            state=_text(line.get("state"), 64),
            name=_text(line.get("group_nickname") or line.get("name"), 100),
            unionid=_id(line.get("unionid")),
        )
    return list(found.values())


def _named(lines: Sequence[_Listed]) -> dict[str, Who]:
    """Who the accounts of the list are, those of inviters included."""
    staff = {each.account for each in lines if each.staff} | {each.inviter for each in lines}
    named = people.members_of_staff(staff - {""})
    unionids = {each.account: each.unionid for each in lines if not each.staff}
    known = people.customers(unionids, unionids)
    people.adopt({text: who.contact_id for text, who in known.items() if who.contact_id})
    return named | known


def _compare(seen: _Seen, lines: Sequence[_Listed], named: Mapping[str, Who]) -> None:
    rows = list(GroupMember.objects.filter(group=seen.group))
    members = {membership.who_is(row): row for row in rows}
    moves = membership.moves_of(row.pk for row in rows)
    for line in lines:
        who = named[line.account]
        inviter = named[line.inviter].staff_id if line.inviter else None
        told = Move(who, line.joined_at or seen.at, joins=True, way=line.way, invited_by=inviter,
                    state=line.state, name=line.name if who.external else "")  # fmt: skip
        member = members.pop(who, None)
        seen.present(told, member, moves.get(member.pk, []) if member else [])
    for who, member in members.items():
        seen.absent(who, moves.get(member.pk, []))
    if seen.moves or seen.wrong:
        membership.record(seen.group, seen.moves, forget=seen.wrong)


@dataclass
class _Seen:
    """What a snapshot at `at` adds to what is known. `stale`: a later one was taken already."""

    group: Group
    at: datetime
    stale: bool
    moves: list[Move] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)  # guesses that it disproves

    def present(self, told: Move, member: GroupMember | None, known: Sequence[GroupMove]) -> None:
        if told.at == self.at:  # without a time of joining: since what is known
            covering = [stay for stay in self._stays(known) if stay.covers(self.at)]
            told = replace(told, at=covering[0].joined.at) if covering else told
        else:
            told = replace(told, at=self._as_told(told.at, known))
        wrong = [m for m in known if m.guessed and not m.joins and told.at < m.at < self.at]
        kept = [move for move in known if move not in wrong]
        new = []
        if _is_new(told, known) or (member is not None and told.name not in ("", member.name)):
            new.append(told)
        if any(_before(stay, told.at) for stay in self._stays(kept)):
            new.append(_guess(told.who, told.at, joins=False))
        found = self._stays([*kept, *(GroupMove(at=m.at, joins=m.joins) for m in new)])
        last = found[-1].left if found else None
        if last is not None and last.at + SETTLED < self.at:
            # Told to have gone, and yet there long after: they came back unnoticed.
            new.append(_guess(told.who, self.at, joins=True))
        self.moves += new
        self.wrong += [move.pk for move in wrong]

    def absent(self, who: Who, known: Sequence[GroupMove]) -> None:
        for stay in self._stays(known):
            # Of an open stay a later snapshot knows better; what was told ends at its own time.
            ends_here = not self.stale if stay.left is None else stay.left.guessed
            if ends_here and stay.joined.at + SETTLED <= self.at and _spans(stay, self.at):
                self.moves.append(_guess(who, self.at, joins=False))

    def _as_told(self, at: datetime, known: Sequence[GroupMove]) -> datetime:
        """The moment that a callback named for the same joining: their clocks differ by seconds."""
        stays_ = self._stays(known)
        near = [s.joined.at for s in stays_ if abs(s.joined.at - at) <= CLOCKS and s.left is None]
        return near[0] if near and not any(m.at == at and m.joins for m in known) else at

    def _stays(self, moves: Iterable[GroupMove]) -> list[Stay]:
        return stays(moves, self.group.dismissed_at)


def _guess(who: Who, at: datetime, *, joins: bool) -> Move:
    return Move(who, at, joins, way="" if joins else GroupWay.MISSING, guessed=True)


def _is_new(told: Move, known: Sequence[GroupMove]) -> bool:
    """Nothing is stored of it, or less."""
    for move in known:
        if move.at == told.at and move.joins:
            return (
                move.guessed
                or bool(told.way and not move.way)
                or bool(told.invited_by and not move.invited_by_id)
                or bool(told.state and not move.state)
            )
    return True


def _before(stay: Stay, since: datetime) -> bool:
    """Is this an earlier stay that was not over when the listed one began?"""
    return stay.joined.at + SETTLED < since and (stay.left is None or stay.left.at > since)


def _spans(stay: Stay, at: datetime) -> bool:
    return stay.left is None or stay.left.at > at


# --- values of the platform, as they come ---


def _text(value: object, longest: int) -> str:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text.replace("\x00", "")[:longest]


def _id(value: object) -> str:
    """A cut id would be another one's."""
    text = _text(value, people.LONGEST + 1)
    return text if len(text) <= people.LONGEST else ""


def _moment(value: object) -> datetime | None:
    if not isinstance(value, int) or not 0 < value < 2**32:
        return None
    return datetime.fromtimestamp(value, UTC)


def _scene(value: object) -> str:
    return str(_JOIN_SCENES.get(value, "")) if isinstance(value, int) else ""
