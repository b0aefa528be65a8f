"""Who came by which live code to whom? Read out of `follow.opened` with the code's state.

A listener of the timeline, so additions that an integrator reports count like the platform's own.
A customer who adds without approval shows twice, with the request and as the friend: both lie in
one spell of the friendship and are one row. A repeated or late event changes nothing but times.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from contacts import changes
from contacts.livecodes import remarks
from contacts.livecodes.push import look_again
from contacts.models import Event, LiveCode, LiveCodeAdd, LiveCodeStaff, ReachSpell
from tenants.models import Staff


@dataclass(frozen=True)
class Told:
    """That somebody came, by one event."""

    code: LiveCode
    staff_id: int
    contact_id: int
    at: datetime
    confirmed: bool


def on_events(events: Sequence[Event]) -> None:
    """Listener of the timeline for `follow.opened`, after reach has its spells."""
    told = _told([event for event in events if event.properties.get("state")])
    if not told:
        return
    contacts = {one.contact_id for one in told}
    spells = _spells(contacts)
    rows = _rows(told)
    mates = _mates({one.code.pk for one in told})
    new = [row for one in told if (row := _note(one, spells, rows, mates)) is not None]
    if any(row.remark_due_at for row in new):
        remarks.ring()
    look_again(_counting({row.live_code_id for row in new}))


def rechannelled(code: LiveCode) -> None:
    """Inside a scope, after saving another channel: whoever came by the code came by that one."""
    rows = LiveCodeAdd.objects.filter(live_code=code).exclude(contact=None)
    changes.note(rows.values_list("contact_id", flat=True))


def _told(events: Iterable[Event]) -> list[Told]:
    states = {str(event.properties["state"]) for event in events}
    codes = {code.state: code for code in LiveCode.objects.filter(state__in=states)}
    named = {str(event.properties.get("staff")) for event in events}
    staff = dict(Staff.objects.filter(userid__in=named).values_list("userid", "id"))
    found = []
    for event in events:
        code = codes.get(str(event.properties["state"]))
        staff_id = staff.get(str(event.properties.get("staff")))
        if code is not None and staff_id is not None:
            half = event.properties.get("half") is True
            found.append(Told(code, staff_id, event.contact_id, event.at, not half))
    return found


def _spells(contacts: Collection[int]) -> dict[int, list[ReachSpell]]:
    found: dict[int, list[ReachSpell]] = defaultdict(list)
    for spell in ReachSpell.objects.filter(contact_id__in=contacts, staff__isnull=False):
        found[spell.contact_id].append(spell)
    return found


def _rows(told: Sequence[Told]) -> dict[tuple[int, int, int], list[LiveCodeAdd]]:
    rows = LiveCodeAdd.objects.filter(contact_id__in={one.contact_id for one in told})
    found: dict[tuple[int, int, int], list[LiveCodeAdd]] = defaultdict(list)
    for row in rows:
        found[row.live_code_id, row.staff_id, row.contact_id].append(row)  # type: ignore[index]
    return found


def _mates(code_ids: Collection[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for row in LiveCodeStaff.objects.filter(live_code_id__in=code_ids):
        found[row.live_code_id].add(row.staff_id)
    return found


def _note(
    one: Told,
    spells: dict[int, list[ReachSpell]],
    rows: dict[tuple[int, int, int], list[LiveCodeAdd]],
    mates: dict[int, set[int]],
) -> LiveCodeAdd | None:
    """Bring the row of this spell up to date; a new one is answered."""
    spell = _spell_at(spells[one.contact_id], one.staff_id, one.at)
    opened_at = spell.opened_at if spell else one.at
    ended_at = spell.ended_at if spell else None
    known = rows[one.code.pk, one.staff_id, one.contact_id]
    for row in known:
        inside = opened_at <= row.opened_at and (ended_at is None or row.opened_at < ended_at)
        if inside or row.opened_at == one.at:
            _update(row, opened_at, one)
            return None
    before = [each for each in spells[one.contact_id] if each.opened_at < opened_at]
    row = LiveCodeAdd.objects.create(
        live_code=one.code,
        staff_id=one.staff_id,
        contact_id=one.contact_id,
        opened_at=opened_at,
        added_at=one.at if one.confirmed else None,
        returning=any(each.staff_id in mates[one.code.pk] for each in before),
        remark_due_at=timezone.now() if remarks.wants(one.code) else None,
    )
    known.append(row)
    return row


def _update(row: LiveCodeAdd, opened_at: datetime, one: Told) -> None:
    added_at = row.added_at
    if one.confirmed:
        added_at = min(added_at, one.at) if added_at else one.at
    if (row.opened_at, row.added_at) != (opened_at, added_at):
        row.opened_at, row.added_at = opened_at, added_at
        row.save(update_fields=["opened_at", "added_at"])


def _spell_at(spells: Iterable[ReachSpell], staff_id: int, at: datetime) -> ReachSpell | None:
    for spell in spells:
        open_then = spell.opened_at <= at and (spell.ended_at is None or at < spell.ended_at)
        if spell.staff_id == staff_id and open_then:
            return spell
    return None


def _counting(code_ids: Collection[int]) -> set[int]:
    """Those of the codes on which an addition may change who is on duty."""
    weights: dict[int, set[int]] = defaultdict(set)
    found = set()
    for row in LiveCodeStaff.objects.filter(live_code_id__in=code_ids):
        if row.daily_cap is not None:
            found.add(row.live_code_id)
        if not row.spare:
            weights[row.live_code_id].add(row.weight)
    return found | {code_id for code_id, different in weights.items() if len(different) > 1}
