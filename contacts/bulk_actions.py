"""How is one change made on many contacts at once, with progress, and whatever happens meanwhile?

What can be done is registered (`offer`): tags and owners here, other modules add theirs. Whom it
concerns is settled in one statement when it is asked for; a worker then takes chunk after chunk,
each one transaction, so that a crash repeats nothing and a stop keeps what is done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts import people, tagging
from contacts.models import BulkAction, BulkRows, Contact, Tag
from tenants import doorbell
from tenants.ids import encode
from tenants.models import Staff, User
from tenants.scope import current_tenant_id, scope

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

log = logging.getLogger(__name__)

QUEUE: Final = "bulk"
CHUNK: Final = 1000
AT_ONCE: Final = 200  # as many are changed while the page waits
LEASE: Final = timedelta(minutes=2)

Status = BulkAction.Status

# Changes these contacts as the settings say, by whose hand; answers how many it changed.
Apply = Callable[[Sequence[int], Mapping[str, Any], str], int]


@dataclass(frozen=True)
class Change:
    """A thing that can be done to many contacts."""

    name: str
    title: _StrPromise | str
    apply: Apply


_changes: dict[str, Change] = {}


def offer(name: str, title: _StrPromise | str, apply: Apply) -> None:
    """Register a change. `settings` are what its form answers, as JSON."""
    _changes[name] = Change(name, title, apply)


def title_of(name: str) -> str:
    return str(_changes[name].title) if name in _changes else name


_SETTLE = """
INSERT INTO contacts_bulkrows (tenant_id, of_id, ids)
SELECT %s, %s, array_agg(id ORDER BY id)
FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / %s AS chunk FROM ({}) chosen(id)) numbered
GROUP BY chunk ORDER BY chunk
"""


def ask(
    kind: str, settings: Mapping[str, Any], contacts: QuerySet[Contact], *, summary: str, user: User
) -> BulkAction:
    """Inside a scope: have the change made on these contacts as they are now. Few, at once."""
    if kind not in _changes:
        raise ValueError(kind)
    job = BulkAction.objects.create(
        kind=kind, settings=dict(settings), summary=summary[:200], user=user
    )
    sql, given = contacts.order_by().values("pk").query.sql_with_params()
    with connection.cursor() as cursor:
        values = [current_tenant_id(), job.pk, CHUNK, *given]
        cursor.execute(_SETTLE.format(sql), values)
    chunks = BulkRows.objects.filter(of=job).values_list("ids", flat=True)
    job.total = sum(len(ids) for ids in chunks.iterator())
    job.save(update_fields=["total"])
    if job.total <= AT_ONCE:
        while step(job):
            pass
        job.refresh_from_db()
    else:
        doorbell.ring(QUEUE)
    return job


def stop(job: BulkAction) -> bool:
    """What is done stays; the rest is left alone."""
    waiting = BulkAction.objects.filter(pk=job.pk, status__in=[Status.QUEUED, Status.RUNNING])
    stopped = waiting.update(status=Status.STOPPED, finished_at=timezone.now(), lease_until=None)
    if stopped:
        BulkRows.objects.filter(of=job).delete()
    return bool(stopped)


def step(job: BulkAction) -> bool:
    """Inside a scope: the next chunk, or the end. Answers whether there may be more."""
    chunk = BulkRows.objects.select_for_update().filter(of=job).order_by("id").first()
    running = BulkAction.objects.filter(pk=job.pk, status__in=[Status.QUEUED, Status.RUNNING])
    if chunk is None:
        running.update(status=Status.DONE, finished_at=timezone.now(), lease_until=None)
        return False
    by = f"user:{encode(job.user_id)}" if job.user_id else "user"
    changed = _changes[job.kind].apply(chunk.ids, job.settings, by)
    counted = running.update(
        done=F("done") + len(chunk.ids), changed=F("changed") + changed,
        lease_until=timezone.now() + LEASE,
    )  # fmt: skip
    chunk.delete()
    return bool(counted)


def _claim() -> BulkAction | None:
    now = timezone.now()
    waiting = BulkAction.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        status__in=[Status.QUEUED, Status.RUNNING]
    )
    job = waiting.exclude(lease_until__gt=now).order_by("id").first()
    if job is not None:
        job.status, job.lease_until = Status.RUNNING, now + LEASE
        job.save(update_fields=["status", "lease_until"])
    return job


def _carry_out(tenant_id: int, job: BulkAction) -> None:
    try:
        more = True
        while more:
            with scope(tenant_id):
                more = step(job)
    except (OperationalError, InterfaceError):
        raise  # the database is away: taken up again when the lease is over
    except (DatabaseError, LookupError, ValueError, TypeError):
        log.exception("bulk action %s broke off", job.pk)
        with scope(tenant_id):
            BulkAction.objects.filter(pk=job.pk).update(
                status=Status.FAILED, finished_at=timezone.now(), lease_until=None,
                problem=_("It broke off. What was changed stays; ask for it again."),
            )  # fmt: skip
            BulkRows.objects.filter(of=job).delete()


def work(tenant_id: int) -> None:
    """Outside a scope: carry out what was asked for, until nothing is left."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _carry_out)


def next_due() -> datetime | None:
    """Inside a scope: from when there is something to do, or None."""
    waiting = BulkAction.objects.filter(status__in=[Status.QUEUED, Status.RUNNING])
    leases = list(waiting.values_list("lease_until", flat=True)[:50])
    if not leases:
        return None
    return min((lease or timezone.now()) for lease in leases)


# --- what can be done ---


def _tag(contact_ids: Sequence[int], settings: Mapping[str, Any], by: str) -> int:
    tags = Tag.objects.filter(pk__in=settings["tags"]).values_list("pk", flat=True)
    return tagging.add(contact_ids, list(tags), by)


def _untag(contact_ids: Sequence[int], settings: Mapping[str, Any], by: str) -> int:
    return tagging.remove(contact_ids, list(settings["tags"]), by)


def _own(contact_ids: Sequence[int], settings: Mapping[str, Any], by: str) -> int:
    owner = Staff.objects.filter(pk=settings["owner"]).first() if settings["owner"] else None
    return _set(contact_ids, {"owner_id": owner.pk if owner else None})


def _exclude(contact_ids: Sequence[int], settings: Mapping[str, Any], by: str) -> int:
    return _set(contact_ids, {"excluded": True, "excluded_reason": settings.get("reason", "")})


def _include(contact_ids: Sequence[int], settings: Mapping[str, Any], by: str) -> int:
    return _set(contact_ids, {"excluded": False, "excluded_reason": ""})


def _set(contact_ids: Sequence[int], values: Mapping[str, Any]) -> int:
    """Columns that are not sealed, on those that differ; each change is on the timeline."""
    rows = Contact.objects.select_for_update(of=("self",)).filter(pk__in=contact_ids)
    changes = []
    for contact in rows.order_by("pk").only("pk", *values):
        different = [name for name, value in values.items() if getattr(contact, name) != value]
        if different:
            changes.append((contact, different))
    Contact.objects.filter(pk__in=[contact.pk for contact, _different in changes]).update(
        **values, updated_at=timezone.now()
    )
    people.tell_changed(changes)
    return len(changes)


offer("tag", gettext_lazy("Add tags"), _tag)
offer("untag", gettext_lazy("Remove tags"), _untag)
offer("owner", gettext_lazy("Change the owner"), _own)
offer("exclude", gettext_lazy("Exclude"), _exclude)
offer("include", gettext_lazy("No longer exclude"), _include)
