"""Who is behind an account in a group? And what when an unknown account becomes a contact?"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from contacts import identity, kinds, people
from contacts.groups import join_codes, membership
from contacts.groups.membership import Move, Who
from contacts.identity import Account
from contacts.models import Event, Group, GroupMember, GroupMove, Identity
from tenants.rest.fields import row_id
from tenants.userids import known

LONGEST: Final = 64
# A member of another corporation, or a WeChat user; userids are up to the business.
_EXTERNAL = re.compile(r"w[om][A-Za-z0-9_-]{20,62}")


def named(accounts: Iterable[str]) -> dict[str, Who]:
    """By the platform's ids, of staff and of customers alike; unknown userids become staff."""
    wanted = {text for text in accounts if 0 < len(text) <= LONGEST}
    staff = known(wanted)
    found = {userid: Who(staff_id=pk) for userid, pk in staff.items()}
    found |= customers(wanted - found.keys(), only_known=True)
    rest = wanted - found.keys()
    outside = {text for text in rest if _EXTERNAL.fullmatch(text)}
    found |= {text: Who(external=text) for text in outside}
    return found | members_of_staff(rest - outside)


def members_of_staff(userids: Iterable[str]) -> dict[str, Who]:
    wanted = {text for text in userids if 0 < len(text) <= LONGEST}
    return {userid: Who(staff_id=pk) for userid, pk in people.staff_named(wanted).items()}


def customers(
    accounts: Iterable[str],
    unionids: Mapping[str, str] | None = None,
    *,
    only_known: bool = False,
) -> dict[str, Who]:
    """By external_userid, else by unionid: then that account turns out to be the contact's."""
    wanted = {text for text in accounts if 0 < len(text) <= LONGEST}
    if not wanted:
        return {}
    held = identity.holders(_external(text) for text in wanted)
    found = {account.value: Who(contact_id=pk) for account, pk in held.items()}
    rest = wanted - found.keys()
    by_union = {
        text: Account(Identity.Kind.UNIONID, union)
        for text in rest
        if (union := (unionids or {}).get(text))
    }
    if by_union:
        holders = identity.holders(by_union.values())
        for text, account in by_union.items():
            if account in holders:
                identity.attach(holders[account], [_external(text)])
                found[text] = Who(contact_id=holders[account])
    if not only_known:
        found |= {text: Who(external=text) for text in wanted - found.keys()}
    return found


def _external(text: str) -> Account:
    return Account(Identity.Kind.EXTERNAL_USERID, text)


# --- unknown accounts that become contacts ---


def adopt(found: Mapping[str, int]) -> None:
    """These accounts (external_userid → contact) are contacts: theirs is what happened in groups.

    One who is in a group under both has one membership afterwards.
    """
    unknown = GroupMember.objects.filter(external__in=list(found))
    groups = sorted(set(unknown.values_list("group_id", flat=True)))
    for group_id in groups:
        group = membership.lock(group_id)
        for row in unknown.filter(group=group):
            _become(group, row, found[str(row.external)])
        membership.rebuild(group_id)
    join_codes.attribute(groups)


def _become(group: Group, row: GroupMember, contact_id: int) -> None:
    own = GroupMember.objects.filter(group=group, contact_id=contact_id).first()
    if own is None:
        row.contact_id, row.external, row.name = contact_id, None, ""
        row.save(update_fields=["contact", "external", "name"])
    else:
        known = {(move.at, move.joins) for move in GroupMove.objects.filter(member=own)}
        moves = [m for m in GroupMove.objects.filter(member=row) if (m.at, m.joins) not in known]
        GroupMove.objects.filter(pk__in=[move.pk for move in moves]).update(member=own)
        row.delete()


def resettle(contact_ids: Iterable[int]) -> None:
    """After a merge or its undoing moved memberships between contacts: make the rest follow."""
    rows = GroupMember.objects.filter(contact_id__in=list(contact_ids))
    for group_id in sorted(set(rows.values_list("group_id", flat=True))):
        membership.rebuild(group_id)


def hold(contact_ids: Iterable[int]) -> None:
    """Lock the groups of these contacts, before anything else of them is locked."""
    rows = GroupMember.objects.filter(contact_id__in=list(contact_ids))
    for group_id in sorted(set(rows.values_list("group_id", flat=True))):
        membership.lock(group_id)


# --- listeners of the timeline ---


def on_reach(events: Sequence[Event]) -> None:
    """New friends may have been in groups before: their accounts there are known from now on."""
    contacts = {event.contact_id for event in events}
    accounts = Identity.objects.filter(
        contact_id__in=contacts, kind=Identity.Kind.EXTERNAL_USERID
    ).values_list("value", "contact_id")
    adopt(dict(accounts))


def on_moves(events: Sequence[Event]) -> None:
    """Files and the API may tell comings and goings as events; `group` names a group of ours."""
    told = [event for event in events if event.source != membership.SOURCE]
    names = {str(event.properties.get("group") or "") for event in told} - {""}
    if not names:
        return
    groups = by_name(names)
    moves: dict[int, list[Move]] = defaultdict(list)
    for event in told:
        group = groups.get(str(event.properties.get("group") or ""))
        if group is not None:
            who = Who(contact_id=event.contact_id)
            joins = event.kind == kinds.GROUP_JOINED
            moves[group.pk].append(Move(who, event.at, joins, heard=True))
    by_id = {group.pk: group for group in groups.values()}
    for group_id in sorted(moves):
        membership.record(by_id[group_id], moves[group_id])


def by_name(texts: Iterable[str]) -> dict[str, Group]:
    """Groups by chat id or opaque id; the chat id goes first."""
    wanted = set(texts)
    found = {str(group.chat_id): group for group in Group.objects.filter(chat_id__in=wanted)}
    numbers = {text: row_id(text) for text in wanted - found.keys()}
    rows = Group.objects.in_bulk([pk for pk in numbers.values() if pk is not None])
    return found | {text: rows[pk] for text, pk in numbers.items() if pk in rows}
