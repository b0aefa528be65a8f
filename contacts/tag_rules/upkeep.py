"""When is a tag rule looked at? After what its condition hears, by the clock, and for everybody
when it is made or changed, chunk by chunk in the background.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F
from django.utils import timezone

from contacts.models import Contact, Event, TagRule
from contacts.segments import compiling, membership, pieces
from contacts.tag_rules import acting
from contacts.tag_rules.acting import Ready
from tenants import doorbell
from tenants.scope import current_tenant_id

QUEUE = "tag_rules"
CHUNK = 2000
CLOCK = timedelta(minutes=10)
# The timeline's own lock: neither its listeners nor a merge change these contacts meanwhile.
_LOCK = "hashtext('timeline'), %s::int"


def on_events(events: Sequence[Event]) -> None:
    """Listener of the timeline, after the segments: what rules ask is as it will be."""
    if not TagRule.objects.filter(active=True).exists():
        return
    now = timezone.now()
    for each in acting.ready():
        heard = {kind for kind in {event.kind for event in events} if each.hears(kind)}
        _act(each, sorted({e.contact_id for e in events if e.kind in heard}), now)


def _act(each: Ready, ids: Sequence[int], now: datetime, *, silent: bool = False) -> int:
    return sum(
        acting.act(each, ids[start : start + CHUNK], now, silent=silent)
        for start in range(0, len(ids), CHUNK)
    )


# --- in the background ---


def next_due() -> datetime | None:
    due = TagRule.objects.filter(due_at__isnull=False).order_by("due_at")
    return due.values_list("due_at", flat=True).first()


def work(tenant_id: int) -> None:
    """Outside a scope: all that is due, each chunk in a transaction of its own."""
    doorbell.work_off(QUEUE, tenant_id, step)


def step(now: datetime | None = None) -> bool:
    """Inside a scope: the next chunk of a run, or what the clock brings. False: nothing is due."""
    moment = now or timezone.now()
    due = TagRule.objects.filter(due_at__lte=moment).order_by("due_at", "id").first()
    if due is None or not _try_alone():
        return False
    each = next((one for one in acting.ready() if one.rule.pk == due.pk), None)
    if each is None:  # switched off, or broken meanwhile
        TagRule.objects.filter(pk=due.pk).update(due_at=None, done_to=None)
    elif due.done_to is not None:
        _go_on(each, moment)
    else:
        _by_the_clock(each, moment)
    return True


def _go_on(each: Ready, now: datetime) -> None:
    rule = each.rule
    rows = Contact.objects.filter(pk__gt=rule.done_to or 0).order_by("id")
    ids = list(rows.values_list("id", flat=True)[:CHUNK])
    changed = _act(each, ids, now, silent=not rule.run_acts) if ids else 0
    mine = TagRule.objects.filter(pk=rule.pk).exclude(state=TagRule.State.BROKEN)
    if len(ids) == CHUNK:
        mine.update(done_to=ids[-1], done=F("done") + len(ids), changed=F("changed") + changed)
        return
    mine.update(
        state=TagRule.State.READY,
        done_to=None,
        done=F("done") + len(ids),
        changed=F("changed") + changed,
        looked_at=F("looked_at") if rule.looked_at else now,
        due_at=now + CLOCK,
    )


def _by_the_clock(each: Ready, now: datetime) -> None:
    """For whom time alone may have changed the answer."""
    before = each.rule.looked_at or now
    found = compiling.moved(each.tree, before, membership.moment(now))
    mine = TagRule.objects.filter(pk=each.rule.pk).exclude(state=TagRule.State.BROKEN)
    if found is None:
        mine.update(done_to=0, done=0, changed=0, run_acts=True, looked_at=now)
        return
    if found is not pieces.NOBODY:
        with connection.cursor() as cursor:
            cursor.execute(found.sql, found.values)
            ids = sorted({int(pk) for (pk,) in cursor.fetchall()})
        _act(each, ids, now)
    mine.update(looked_at=now, due_at=now + CLOCK)


def _try_alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_xact_lock({_LOCK})", [current_tenant_id()])
        return bool(cursor.fetchone()[0])
