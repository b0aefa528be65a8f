"""Two contacts become one: rows move, the earliest source wins, the old id goes on leading here.

One transaction. The absorbed contact's row is taken out of the table, so no other statement has to
know of merged ones; Merge and MergedRows keep what it takes to undo it. Locks, in this order: the
timeline's (nobody counts points meanwhile), what upper apps lock before contacts, both contacts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

from contacts import changes, reach, search, timeline, webhook_events
from contacts.merging import rows, rules, values
from contacts.merging.forwarding import FORMER
from contacts.merging.values import Difference
from contacts.models import Contact, Identity, Merge, MergedRows
from contacts.timeline import NewEvent
from tenants import ids
from tenants.scope import current_tenant_id

SOURCE: Final = "merging"
MERGED: Final = "contact.merged"
UNMERGED: Final = "contact.unmerged"
# So long a merge can be undone.
KEPT: Final = timedelta(days=30)


class NotTwo(Exception):  # noqa: N818 - reads as what happened
    """One of the contacts is gone, or both are the same."""


@dataclass(frozen=True)
class Preview:
    """What a merge would do. `moves` and `drops` count rows by label of their table."""

    survivor: Contact
    absorbed: Contact
    differences: list[Difference]
    disagree: list[str]
    moves: dict[str, int]
    drops: dict[str, int]


def preview(survivor: Contact, absorbed: Contact, why: str = "") -> Preview:
    moves, drops = rows.survey(absorbed.pk, survivor.pk)
    return Preview(
        survivor,
        absorbed,
        list(values.compare(survivor, absorbed, why)),
        values.disagreements(survivor, absorbed, why),
        moves,
        drops,
    )


def merge(
    survivor_id: int, absorbed_id: int, *, by: str, reason: str = "", at: datetime | None = None
) -> Merge:
    """Inside a scope: `absorbed` becomes part of `survivor`. Raises NotTwo.

    `by` is user:<id>, api or rule:<what they share>. With `at` it is done again, silently.
    """
    survivor, absorbed = lock(survivor_id, absorbed_id)
    done = Merge.objects.create(
        survivor=survivor,
        absorbed_id=absorbed.pk,
        external_id=absorbed.external_id or "",
        record=rows.stored(Contact, absorbed.pk),
        by=by[:80],
        reason=reason[:200],
        at=at or timezone.now(),
    )
    work = rows.Merging(survivor.pk, absorbed.pk)
    for hook in rules.before:
        hook(work)
    _unite(done, survivor, absorbed)
    work.move_all()
    _keep_name(work, survivor, done.external_id)
    _take_out(absorbed.pk)
    _rekey(absorbed.pk, survivor.pk)
    reach.rebuild([survivor.pk])
    search.reindex([survivor.pk])
    for hook in rules.after:
        hook(work)
    _keep_steps(done, work)
    changes.note([survivor.pk, absorbed.pk, *brought(survivor.pk)])
    if at is None:
        _tell(done)
    return done


def lock(one_id: int, other_id: int) -> tuple[Contact, Contact]:
    """Both contacts, held against every writer until the transaction ends."""
    wanted = sorted({one_id, other_id})
    hold(wanted)
    found = Contact.objects.select_for_update(of=("self",)).filter(id__in=wanted).order_by("id")
    contacts = {each.pk: each for each in found}
    if len(contacts) != 2:
        raise NotTwo
    return contacts[one_id], contacts[other_id]


def hold(contact_ids: Sequence[int]) -> None:
    """What is locked before contacts."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('timeline'), %s::int)", [current_tenant_id()]
        )
    for each in rules.locks:
        each(contact_ids)


def brought(contact_id: int) -> Iterable[int]:
    """Whom this contact brought: their worth counts for it."""
    return Contact.objects.filter(referrer_id=contact_id).values_list("id", flat=True)


def _unite(done: Merge, survivor: Contact, absorbed: Contact) -> None:
    wanted = values.united(survivor, absorbed)
    if absorbed.external_id:
        Contact.objects.filter(pk=absorbed.pk).update(external_id=None)  # free for the survivor
    if not wanted:
        return
    before = rows.stored(Contact, survivor.pk) or {}
    for name, value in wanted.items():
        setattr(survivor, name, value)
    names = [Contact._meta.get_field(name).name for name in wanted]
    survivor.save(update_fields=[*names, "updated_at"])
    after = rows.stored(Contact, survivor.pk) or {}
    changed = [
        column for column in after if column != "updated_at" and after[column] != before.get(column)
    ]
    done.before = {column: before.get(column) for column in changed}
    done.after = {column: after[column] for column in changed}
    done.save(update_fields=["before", "after"])


def _keep_name(work: rows.Merging, survivor: Contact, external_id: str) -> None:
    """The external id that is lost stays a name of the survivor: files go on using it."""
    if external_id and external_id != survivor.external_id:
        work.made(
            Identity.objects.create(
                contact=survivor, kind=Identity.Kind.OTHER, account=FORMER, value=external_id
            )
        )


def _take_out(contact_id: int) -> None:
    """The keys of every table hold this: a row left behind makes it fail."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM contacts_contact WHERE tenant_id = %s AND id = %s",
            [current_tenant_id(), contact_id],
        )


# Openings that files and the API tell are known by contact, member and moment: told again under
# the old name they must be found.
_REKEY = """
UPDATE contacts_event e SET key = %(new)s || substr(e.key, length(%(old)s) + 1)
WHERE e.tenant_id = %(tenant)s AND e.contact_id = %(contact)s AND e.source = 'contacts'
  AND e.kind = 'follow.opened' AND starts_with(e.key, %(old)s)
  AND NOT EXISTS (SELECT 1 FROM contacts_event o WHERE o.tenant_id = %(tenant)s
    AND o.source = 'contacts' AND o.key = %(new)s || substr(e.key, length(%(old)s) + 1))
"""


def _rekey(old: int, new: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _REKEY,
            {"tenant": current_tenant_id(), "contact": new, "old": f"{old}:", "new": f"{new}:"},
        )


def rekey_back(old: int, new: int) -> None:
    """After the events went back to `old`."""
    with connection.cursor() as cursor:
        cursor.execute(
            _REKEY,
            {"tenant": current_tenant_id(), "contact": old, "old": f"{new}:", "new": f"{old}:"},
        )


def _keep_steps(done: Merge, work: rows.Merging) -> None:
    """One at least, of nothing: by the steps it is known what has to be forgotten, and when."""
    steps = work.steps or [MergedRows(table=Contact._meta.label, step=MergedRows.Step.MADE)]
    for step in steps:
        step.merge_id = done.pk
    MergedRows.objects.bulk_create(steps)


def _tell(done: Merge) -> None:
    told: dict[str, object] = {
        "contact": ids.encode(done.absorbed_id),
        "name": done.external_id or ids.encode(done.absorbed_id),
        "by": done.by if done.by.startswith("rule:") else done.by.partition(":")[0],
        "merge": ids.encode(done.pk),
    }
    timeline.record([NewEvent(done.survivor_id, MERGED, done.at, SOURCE, f"{done.pk}", told)])
    webhook_events.merged(done.survivor_id, done.absorbed_id, f"{done.pk}", done.at)
