"""Whom did we lose, and who were they then? One row per ended spell, made from spells and events.

Late and reordered events come out right: `settle` compares with the spells as they are now, keeps
what still holds, and takes back what was no end. A transfer is no loss.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Final

from django.db.models import Q

from contacts import kinds, loss_notices, webhook_events
from contacts.models import Contact, ContactTag, Event, Follow, FollowLoss, ReachSpell

TELLING: Final = frozenset({kinds.FOLLOW_OPENED, kinds.FOLLOW_ENDED})
BY: Final = (Follow.EndedBy.CUSTOMER, Follow.EndedBy.STAFF, Follow.EndedBy.UNKNOWN)
_DAY: Final = timedelta(days=1)

Moment = tuple[int, datetime]  # of a contact
Key = tuple[int, int, datetime]  # contact, staff, end


@dataclass(frozen=True)
class Standing:
    """Where a contact stood: key of the stage, empty for none; score, None when nobody counts."""

    stage: str = ""
    score: float | None = None


Ask = Callable[[Sequence[Moment]], Sequence[Standing]]
_asked: list[Ask] = []


def ask(standings: Ask) -> None:
    """Register, in apps.py of an upper app, who knows where contacts stood at a moment."""
    _asked[:] = [standings]


def on_events(events: Sequence[Event]) -> None:
    """Listener of the timeline; the last: spells and moves through stages are up to date."""
    settle({event.contact_id for event in events})


def settle(contact_ids: Iterable[int]) -> None:
    """Inside a scope: make the losses of these contacts agree with their spells."""
    wanted = _ended(list(contact_ids))
    stored = {
        (row.contact_id, row.staff_id, row.ended_at): row
        for row in FollowLoss.objects.filter(contact_id__in=contact_ids)
    }
    _take_back([row for key, row in stored.items() if key not in wanted])
    for key, row in stored.items():
        spell = wanted.get(key)
        if spell and (row.opened_at, row.ended_by) != (spell.opened_at, spell.ended_by):
            row.opened_at, row.ended_by = spell.opened_at, spell.ended_by
            row.days_kept = _days(spell)
            row.save(update_fields=["opened_at", "ended_by", "days_kept"])
    new = _as_they_were([spell for key, spell in wanted.items() if key not in stored])
    if new:
        FollowLoss.objects.bulk_create(new, ignore_conflicts=True)
        loss_notices.remind(new)
        webhook_events.lost(new)


def _ended(contact_ids: Sequence[int]) -> dict[Key, ReachSpell]:
    rows = ReachSpell.objects.filter(
        contact_id__in=contact_ids, staff__isnull=False, ended_by__in=BY
    ).exclude(ended_at=None)
    return {(row.contact_id, row.staff_id or 0, row.ended_at): row for row in rows if row.ended_at}


def _days(spell: ReachSpell) -> int:
    return 0 if spell.ended_at is None else (spell.ended_at - spell.opened_at) // _DAY


def _take_back(rows: Sequence[FollowLoss]) -> None:
    if rows:
        FollowLoss.objects.filter(pk__in=[row.pk for row in rows]).delete()
        loss_notices.withdraw(rows)


def _as_they_were(spells: Sequence[ReachSpell]) -> list[FollowLoss]:
    if not spells:
        return []
    moments = [(row.contact_id, row.ended_at) for row in spells if row.ended_at is not None]
    tags = _tags(moments)
    stood = _asked[0](moments) if _asked else [Standing()] * len(moments)
    contacts = Contact.objects.in_bulk([contact_id for contact_id, _at in moments])
    follows = {
        (row.contact_id, row.staff_id): row for row in Follow.objects.filter(contact__in=contacts)
    }
    found = []
    for spell, moment, then in zip(spells, moments, stood, strict=True):
        contact = contacts[spell.contact_id]
        follow = follows.get((spell.contact_id, spell.staff_id or 0))
        latest = follow is not None and follow.opened_at == spell.opened_at
        found.append(
            FollowLoss(
                contact=contact,
                staff_id=spell.staff_id or 0,
                opened_at=spell.opened_at,
                ended_at=moment[1],
                ended_by=spell.ended_by,
                days_kept=_days(spell),
                tags=tags[moment],
                stage=then.stage,
                score=then.score,
                source=contact.source,
                channel_id=contact.channel_id,
                live_code_id=(follow.live_code_id if follow and latest else None)
                or contact.live_code_id,
            )
        )
    return found


def _tags(moments: Sequence[Moment]) -> dict[Moment, list[str]]:
    """The tags worn at each moment: today's, with every change since then undone."""
    worn: dict[int, set[str]] = defaultdict(set)
    rows = ContactTag.objects.filter(contact_id__in={contact_id for contact_id, _at in moments})
    for contact_id, name in rows.values_list("contact_id", "tag__name"):
        worn[contact_id].add(name)
    since = reduce(or_, (Q(contact_id=contact_id, at__gt=at) for contact_id, at in set(moments)))
    changes: dict[int, list[Event]] = defaultdict(list)
    told = Event.objects.filter(since, kind__in=[kinds.TAG_ADDED, kinds.TAG_REMOVED])
    for event in told.order_by("-at", "-id"):
        changes[event.contact_id].append(event)
    found = {}
    for contact_id, at in moments:
        names = set(worn[contact_id])
        for event in changes[contact_id]:
            if event.at > at:
                change = names.discard if event.kind == kinds.TAG_ADDED else names.add
                change(str(event.properties.get("tag", "")))
        found[contact_id, at] = sorted(names)
    return found
