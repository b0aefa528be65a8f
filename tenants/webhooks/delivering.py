"""What is due goes out: claimed under a lease, called outside any transaction, settled.

A worker that dies in between leaves the message to the end of its lease: then it goes out once
more, under the same id. Each endpoint has a few lanes of its own, and one only while it fails; all
are called side by side, so that a slow one holds up nobody else. A failing endpoint rests a while,
ever longer, before it is tried again with the oldest message that is due.
"""

from __future__ import annotations

import random
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from tenants import audit, doorbell
from tenants.models import WebhookDelivery, WebhookEndpoint
from tenants.scope import current_tenant_id, scope
from tenants.webhooks import calling, emitting, signing
from tenants.webhooks.calling import Outcome
from tenants.webhooks.emitting import QUEUE

State = WebhookDelivery.State
Problem = WebhookDelivery.Problem
Stopped = WebhookEndpoint.Stopped

MOST: Final = 10  # endpoints of a business
LANES: Final = 3
LEASE: Final = timedelta(seconds=60)
# Seconds from one try to the next: ten tries in three days, as Standard Webhooks advises.
DELAYS_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
JITTER: Final = 0.1  # so much later at most: those that failed together do not come back together
REST_S: Final = (5, 300)  # of a failing endpoint: at first, at most
GIVEN_UP_AFTER: Final = timedelta(days=3)
ASKED_AT_MOST: Final = 86_400  # seconds of Retry-After
_LOOK_S: Final = 0.25  # while calls are running: is anything else due?


@dataclass(frozen=True, slots=True)
class Job:
    delivery_id: int
    endpoint_id: int
    attempt: int
    url: str
    body: str
    headers: dict[str, str]


# What an endpoint may be sent beside what is on its way.
_ROOM = """
CASE WHEN e.failing_since IS NULL THEN %(lanes)s ELSE 1 END - (
    SELECT count(*) FROM tenants_webhookdelivery f
    WHERE f.tenant_id = %(tenant)s AND f.endpoint_id = e.id AND f.state = 'sending'
      AND f.next_at > %(now)s)"""
# The oldest first: one that failed before keeps its times however many wait behind it.
_CLAIM = f"""
WITH free AS MATERIALIZED (
  SELECT e.id, {_ROOM} AS room FROM tenants_webhookendpoint e
  WHERE e.tenant_id = %(tenant)s AND e.enabled
    AND (e.resting_until IS NULL OR e.resting_until <= %(now)s)
  FOR NO KEY UPDATE OF e SKIP LOCKED),
due AS MATERIALIZED (
  SELECT d.id FROM free CROSS JOIN LATERAL (
    SELECT d.id FROM tenants_webhookdelivery d
    WHERE d.tenant_id = %(tenant)s AND d.endpoint_id = free.id
      AND d.state IN ('waiting', 'sending') AND d.next_at <= %(now)s
    ORDER BY d.id LIMIT greatest(free.room, 0)) d)
UPDATE tenants_webhookdelivery d
SET state = 'sending', attempts = d.attempts + 1, next_at = %(lease)s
FROM due WHERE d.tenant_id = %(tenant)s AND d.id = due.id
  AND d.state IN ('waiting', 'sending') AND d.next_at <= %(now)s
RETURNING d.id
"""  # noqa: S608 - constants only
_NEXT = f"""
SELECT min(greatest(due.at, e.resting_until)) FROM (
  SELECT e.*, {_ROOM} AS room FROM tenants_webhookendpoint e
  WHERE e.tenant_id = %(tenant)s AND e.enabled) e
CROSS JOIN LATERAL (
  SELECT d.next_at AS at FROM tenants_webhookdelivery d
  WHERE d.tenant_id = %(tenant)s AND d.endpoint_id = e.id AND d.state IN ('waiting', 'sending')
    AND (e.room > 0 OR d.state = 'sending')
  ORDER BY d.next_at LIMIT 1) due
"""  # noqa: S608 - constants only


def next_due() -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, _values())
        due: datetime | None = cursor.fetchone()[0]
    return due


def _values() -> dict[str, int | datetime]:
    return {"tenant": current_tenant_id(), "lanes": LANES, "now": timezone.now()}


def work(tenant_id: int) -> None:
    """Outside any scope: call side by side until nothing is due, or the turn is over."""
    until = time.monotonic() + doorbell.TURN_S
    running: dict[Future[Outcome], Job] = {}
    with ThreadPoolExecutor(MOST * LANES, thread_name_prefix="webhook") as pool:
        while True:
            if time.monotonic() < until:
                with scope(tenant_id):
                    jobs = claim()
                for job in jobs:
                    running[pool.submit(calling.post, job.url, job.body, job.headers)] = job
            if not running:
                break
            done, _others = wait(running, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
            for one in done:
                with scope(tenant_id):
                    settle(running.pop(one), one.result())
    with scope(tenant_id):
        doorbell.settle(QUEUE)


def claim() -> list[Job]:
    """Inside a scope: what may go out now, for every endpoint that has room, signed."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {**_values(), "lease": now + LEASE})
        ids = [pk for (pk,) in cursor.fetchall()]
    if not ids:
        return []
    rows = WebhookDelivery.objects.filter(pk__in=ids).order_by("id")
    endpoints = WebhookEndpoint.objects.in_bulk({row.endpoint_id for row in rows})
    secrets = {pk: _secrets(endpoint, now) for pk, endpoint in endpoints.items()}
    return [
        Job(
            row.pk,
            row.endpoint_id,
            row.attempts,
            endpoints[row.endpoint_id].url,
            row.body,
            dict(signing.headers(row.event_id, now, row.body, secrets[row.endpoint_id])),
        )
        for row in rows
    ]


def _secrets(endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    """The newest first; the one before as long as it is valid."""
    until = endpoint.previous_until
    before = [endpoint.previous_secret] if until is not None and now < until else []
    return [endpoint.secret, *before]


# --- what became of it ---


def settle(job: Job, outcome: Outcome) -> None:
    """Inside a scope. Who comes after the lease has ended changes nothing of the delivery."""
    now = timezone.now()
    is_last = job.attempt > len(DELAYS_S) or outcome.problem == Problem.GONE
    state, next_at = State.WAITING, None
    if not outcome.problem:
        state = State.DELIVERED
    elif is_last:
        state = State.FAILED
    else:
        next_at = now + timedelta(seconds=_delay(job.attempt, outcome))
    WebhookDelivery.objects.filter(
        pk=job.delivery_id, state=State.SENDING, attempts=job.attempt
    ).update(
        state=state, next_at=next_at, last_at=now, last_status=outcome.status,
        last_ms=outcome.ms, problem=outcome.problem,
    )  # fmt: skip
    if outcome.problem:
        _failed(job.endpoint_id, outcome, now)
    else:
        WebhookEndpoint.objects.filter(pk=job.endpoint_id, failing_since__isnull=False).update(
            failing_since=None, failures=0, resting_until=None
        )


def _delay(attempt: int, outcome: Outcome) -> float:
    """Seconds until the next try."""
    planned = DELAYS_S[attempt - 1] * (1 + random.random() * JITTER)  # noqa: S311 - no secret
    return max(planned, min(outcome.retry_after or 0, ASKED_AT_MOST))


def _failed(endpoint_id: int, outcome: Outcome, now: datetime) -> None:
    mine = WebhookEndpoint.objects.filter(pk=endpoint_id, enabled=True)
    mine.update(failures=F("failures") + 1, failing_since=Coalesce("failing_since", now))
    endpoint = mine.first()
    if endpoint is None:
        return
    since = endpoint.failing_since
    if outcome.problem == Problem.GONE:
        _stop(endpoint, Stopped.GONE, now)
    elif since is not None and now - since >= GIVEN_UP_AFTER:
        _stop(endpoint, Stopped.FAILING, now)
    elif _is_down(outcome):
        first, most = REST_S
        rest = min(first * 2 ** min(endpoint.failures - 1, 10), most)
        mine.update(resting_until=now + timedelta(seconds=rest))


def _is_down(outcome: Outcome) -> bool:
    """It would fail for every message; a refusal of this one says nothing about the others."""
    return outcome.status is None or outcome.status == 429 or outcome.status >= 500


def _stop(endpoint: WebhookEndpoint, why: Stopped, now: datetime) -> None:
    """Switch it off. What waits for it stays, for whoever switches it on again."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        enabled=False, stopped_because=why, stopped_at=now
    )
    emitting.forget()
    audit.record("webhook.stopped_by_itself", endpoint, detail={"because": why.value})
