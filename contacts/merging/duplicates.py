"""Two contacts share an account: are they merged by rule, or must a person look?

The worker's part, and what a person decides. Merging by rule has a transaction of its own, outside
that of the callback or request that noticed: its locks must not meet theirs.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import OperationalError, transaction
from django.http import HttpRequest
from django.utils import timezone

from contacts import kinds, timeline
from contacts.merging import merge as merging
from contacts.merging import pairs, rules, undo, values
from contacts.merging.merge import NotTwo
from contacts.merging.rows import Merging
from contacts.models import Contact, ContactToken, Duplicate, Follow, Merge, ReachSpell
from contacts.timeline import NewEvent
from tenants import audit, doorbell, ids
from tenants.scope import scope

log = logging.getLogger(__name__)

QUEUE = pairs.QUEUE
_TRIES = 3  # when somebody else waits in a circle with us


def next_due() -> datetime | None:
    due = Duplicate.objects.filter(state=Duplicate.State.DUE).exists()
    return timezone.now() if due else undo.next_due()


def work(tenant_id: int) -> None:
    """Outside any scope: look at the pairs that are due, each in a transaction of its own."""
    while True:
        with scope(tenant_id):
            due = Duplicate.objects.filter(state=Duplicate.State.DUE).order_by("id").first()
        if due is None:
            break
        _settle(tenant_id, due.pk)
    with scope(tenant_id):
        undo.forget_old()
        doorbell.settle(QUEUE)


def _settle(tenant_id: int, duplicate_id: int) -> None:
    for left in reversed(range(_TRIES)):
        try:
            with scope(tenant_id):
                decide(duplicate_id)
        except OperationalError:
            if not left:
                raise
        except Exception:
            log.exception("the duplicate %s could not be merged", duplicate_id)
            with scope(tenant_id):
                # A person may try; the worker would fail again.
                Duplicate.objects.filter(pk=duplicate_id).update(state=Duplicate.State.OPEN)
            return
        else:
            return


def decide(duplicate_id: int) -> Merge | None:
    """Inside a scope: merge the two of a due pair, unless they disagree: then a person decides."""
    pair = Duplicate.objects.filter(pk=duplicate_id).first()
    if pair is None or pair.state != Duplicate.State.DUE:
        return None
    try:
        first, second = merging.lock(pair.first_id, pair.second_id)
    except NotTwo:  # merged or deleted meanwhile: nothing is left to decide
        pair.delete()
        return None
    pair = Duplicate.objects.filter(pk=duplicate_id, state=Duplicate.State.DUE).first()
    if pair is None:
        return None
    differs = values.disagreements(first, second, pair.why)
    if differs:
        pair.state, pair.differs = Duplicate.State.OPEN, differs
        pair.save(update_fields=["state", "differs"])
        _report(pair)
        return None
    survivor, absorbed = elder(first, second)
    done = merging.merge(survivor.pk, absorbed.pk, by=f"rule:{pair.why}")
    record_merge(done)
    return done


def elder(one: Contact, other: Contact) -> tuple[Contact, Contact]:
    """Who survives a merge by rule: whom the business knows by a name of its own, else by age."""
    first, second = sorted((one, other), key=lambda c: (not c.external_id, c.pk))
    return first, second


def dismiss(pair: Duplicate, by: str) -> None:
    """A person says that they are two: no rule merges them any more."""
    pair.state, pair.decided_at, pair.decided_by = Duplicate.State.DISMISSED, timezone.now(), by
    pair.save(update_fields=["state", "decided_at", "decided_by"])


def merge_pair(pair: Duplicate, survivor: Contact, *, by: str, reason: str = "") -> Merge:
    """A person says that they are one; `survivor` is one of the two. Raises NotTwo."""
    absorbed_id = pair.second_id if survivor.pk == pair.first_id else pair.first_id
    with transaction.atomic():
        return merging.merge(survivor.pk, absorbed_id, by=by, reason=reason)


# --- in the audit log ---


def record_merge(done: Merge, *, request: HttpRequest | None = None) -> None:
    audit.record(
        "contact.merged", done.survivor, request=request, reason=done.reason,
        detail={"absorbed": audit.reference_to(Contact, done.absorbed_id), "by": done.by},
    )  # fmt: skip


def record_unmerge(survivor: int, restored: int, *, request: HttpRequest) -> None:
    audit.record(
        "contact.unmerged", Contact(pk=survivor), request=request,
        detail={"restored": audit.reference_to(Contact, restored)},
    )  # fmt: skip


def pair_of(pair: Duplicate) -> list[str]:
    """The two, as the log refers to them."""
    return [audit.reference_to(Contact, pk) for pk in (pair.first_id, pair.second_id)]


def _report(pair: Duplicate) -> None:
    """Both timelines say that the two may be one person."""
    now = timezone.now()
    timeline.record(
        NewEvent(
            one, kinds.IDENTITY_SHARED, now, "identity", f"{pair.pk}:{one}",
            {"kind": pair.why, "contact": ids.encode(other)},
        )
        for one, other in (
            (pair.first_id, pair.second_id), (pair.second_id, pair.first_id)
        )
    )  # fmt: skip


# --- in a merge ---


def drop_pairs(work: Merging) -> None:
    """The question whether these two are one is answered."""
    both: Sequence[int] = (work.survivor, work.absorbed)
    found = Duplicate.objects.filter(first_id__in=both, second_id__in=both)
    for pk in list(found.values_list("id", flat=True)):
        work.drop(Duplicate, {"id": pk})


def register() -> None:
    """What contacts' own tables need in a merge."""
    rules.derived(ContactToken, ReachSpell)
    rules.fill(Follow, "remark", "description", "add_way", "live_code")
    rules.before_merge(drop_pairs)
