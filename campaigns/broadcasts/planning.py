"""How does an audience become calls to the platform? One member and so many recipients each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from django.db import connection
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.broadcasts import audience, personal
from campaigns.broadcasts.audience import Audience, Why
from campaigns.models import Broadcast, BroadcastBatch, BroadcastRecipient, BroadcastShare
from contacts import arrays
from contacts.messaging import quota
from journeys import pace
from tenants.models import Staff
from tenants.scope import current_tenant_id
from tenants.wechat.mass_sends import GROUPS_LIMIT, RECIPIENTS_LIMIT

_SLICE: Final = 5000
Route, State = Broadcast.Route, Broadcast.State

_DEAL = """
UPDATE campaigns_broadcastrecipient r SET batch_id = b.batch_id
FROM (
  SELECT id, staff_id, (row_number() OVER (PARTITION BY staff_id ORDER BY id) - 1) / %(most)s AS nr
  FROM campaigns_broadcastrecipient WHERE tenant_id = %(tenant)s AND broadcast_id = %(broadcast)s
) n
JOIN unnest(%(staff)s::bigint[], %(numbers)s::bigint[], %(batches)s::bigint[])
  AS b(staff_id, nr, batch_id) ON b.staff_id = n.staff_id AND b.nr = n.nr
WHERE r.tenant_id = %(tenant)s AND r.broadcast_id = %(broadcast)s AND r.id = n.id
"""


def plan(broadcast: Broadcast) -> None:
    """Inside a scope, the row locked: settle who gets it, and plan the calls."""
    now = timezone.now()
    broadcast.due_at, broadcast.frozen_at = None, now
    problem = _("Nobody of the audience can be written to.")
    if Audience.of(broadcast).sizes != broadcast.chosen:
        # A part of the audience less would be more people than were chosen.
        problem = _("A tag, group or member that was chosen was deleted before the start.")
    elif personal.over(broadcast):
        problem = personal.over(broadcast)
    elif broadcast.route == Route.MOMENT:
        _plan_moment(broadcast)
    else:
        if broadcast.route == Route.MASS_TASK:
            pace.lock()  # touches that are booked at this moment are counted
        found = audience.freeze(broadcast)
        broadcast.left_out = found.left_out
        if broadcast.route == Route.MASS_TASK:
            enough = partial(pace.full, kind=broadcast.kind, now=now)
            leave_out(broadcast, Why.PACE, _drop(broadcast, enough))
            leave_out(broadcast, Why.QUOTA, _drop(broadcast, partial(quota.full, at=now)))
        _deal(broadcast)
        rows = BroadcastRecipient.objects.filter(broadcast=broadcast)
        broadcast.total = rows.count()
    planned = BroadcastBatch.objects.filter(broadcast=broadcast).exists()
    broadcast.state = State.FROZEN if planned else State.FAILED
    if not planned:
        broadcast.finished_at = now
        broadcast.problem = problem
    broadcast.save(
        update_fields=[
            "due_at", "frozen_at", "left_out", "total", "state", "finished_at", "problem",
        ]
    )  # fmt: skip


def leave_out(broadcast: Broadcast, why: Why, count: int) -> None:
    """The row locked; the caller saves."""
    if count:
        broadcast.left_out = {**broadcast.left_out, why: broadcast.left_out.get(why, 0) + count}


def _plan_moment(broadcast: Broadcast) -> None:
    """The platform knows who sees it; ours to say is who publishes it. One call for all."""
    wanted = Audience.of(broadcast)
    broadcast.total = audience.count(wanted).reached
    members = Staff.objects.filter(userid__in=audience.senders(wanted)).order_by("id")
    if not members or not broadcast.total:
        return
    batch = BroadcastBatch.objects.create(
        broadcast=broadcast, size=broadcast.total, due_at=broadcast.frozen_at
    )
    BroadcastShare.objects.bulk_create(
        [BroadcastShare(batch=batch, staff=member) for member in members], batch_size=2000
    )


def _drop(broadcast: Broadcast, full: Callable[[list[int]], set[int]]) -> int:
    """Those who get no more now. Answers how many."""
    rows = BroadcastRecipient.objects.filter(broadcast=broadcast).order_by("contact_id")
    people = list(rows.values_list("contact_id", flat=True))
    gone: set[int] = set()
    for begin in range(0, len(people), _SLICE):
        gone |= full(people[begin : begin + _SLICE])
    rows.filter(contact_id__in=gone).delete()
    return len(gone)


def _deal(broadcast: Broadcast) -> None:
    most = GROUPS_LIMIT if broadcast.route == Route.GROUP_SEND else RECIPIENTS_LIMIT
    if personal.is_personal(broadcast):
        most = 1
    rows = BroadcastRecipient.objects.filter(broadcast=broadcast)
    sizes = rows.values_list("staff_id").annotate(n=Count("id")).order_by("staff_id")
    batches: list[BroadcastBatch] = []
    numbers: list[int] = []
    for staff_id, size in sizes:
        for number in range(-(-size // most)):
            share = min(most, size - number * most)
            numbers.append(number)
            batches.append(
                BroadcastBatch(
                    broadcast=broadcast, staff_id=staff_id, size=share, due_at=broadcast.frozen_at
                )
            )
    if not batches:
        return
    BroadcastBatch.objects.bulk_create(batches, batch_size=2000)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_nestloop = off")  # nobody has counted these new rows yet
        cursor.execute(
            _DEAL,
            {
                "tenant": current_tenant_id(),
                "broadcast": broadcast.pk,
                "most": most,
                "staff": arrays.literal([one.staff_id or 0 for one in batches]),
                "numbers": arrays.literal(numbers),
                "batches": arrays.literal([one.pk for one in batches]),
            },
        )
        cursor.execute("SET LOCAL enable_nestloop TO DEFAULT")
