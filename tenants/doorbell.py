"""How work is noticed: a board of due tenants in Postgres, and a bell through Redis.

The rows of work are the truth. The board (`DueTenant`) and the bell are hints that make it quick;
a sweep over all tenants each minute finds what a lost hint would have missed.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import connection, transaction
from django.utils import timezone
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from tenants.scope import current_tenant_id, scope

log = logging.getLogger(__name__)

TURN_S = 20.0  # of work that is many small calls; then other queues and tenants have theirs
SILENCE_S = 5.0  # after a bell that did not ring, requests do not wait for the next ones

Job = TypeVar("Job")

_wakers: dict[str, Callable[[int], object]] = {}
_due: dict[str, Callable[[], datetime | None]] = {}

_POST = """
INSERT INTO tenants_duetenant (tenant_id, queue, next_due_at)
VALUES (%(due_tenant)s, %(due_queue)s, %(due_at)s)
ON CONFLICT (tenant_id, queue) DO UPDATE SET next_due_at = EXCLUDED.next_due_at
WHERE tenants_duetenant.next_due_at > EXCLUDED.next_due_at
"""


def answer(
    queue: str, wake: Callable[[int], object], next_due: Callable[[], datetime | None]
) -> None:
    """Register, in apps.py, who works a queue and how it knows when work is due next.

    `wake(tenant_id)` enqueues the task; `next_due()` runs inside a scope and answers the moment
    from which there is work, or None.
    """
    _wakers[queue] = wake
    _due[queue] = next_due


def queues() -> list[str]:
    return list(_wakers)


def ring(queue: str, at: datetime | None = None) -> None:
    """Say that the scope's tenant has work in `queue`, now or from `at`; heard after commit."""
    bell = _Bell(current_tenant_id(), queue, at)
    # A transaction that records a thousand events rings once: an equal bell that was set at this
    # savepoint or outside it is heard whenever this one would be.
    open_now = set(connection.savepoint_ids)
    for savepoints, waiting, *_ in connection.run_on_commit:
        if waiting == bell and savepoints <= open_now:
            return
    transaction.on_commit(bell, robust=True)


@dataclass(frozen=True)
class _Bell:
    tenant_id: int
    queue: str
    at: datetime | None

    def __call__(self) -> None:
        due = self.at or timezone.now()
        with connection.cursor() as cursor:
            cursor.execute(*entry(self.tenant_id, self.queue, due))
            is_new = cursor.rowcount > 0
        # An earlier bell that nobody has answered yet says it already; beat rings it every second.
        if is_new and due <= timezone.now():
            posted(self.tenant_id, self.queue)


def entry(tenant_id: int, queue: str, due: datetime) -> tuple[str, dict[str, Any]]:
    """The statement, with its values, that posts work due then. It writes a row unless an earlier
    moment is on the board; it has to come after the commit of what is due."""
    return _POST, {"due_tenant": tenant_id, "due_queue": queue, "due_at": due}


def posted(tenant_id: int, queue: str) -> None:
    """An entry of now came on the board: ring, unless the bell was silent a moment ago."""
    if time.monotonic() >= _Silence.until:
        wake(tenant_id, queue)


class _Silence:
    """Of this process."""

    until = 0.0


def wake(tenant_id: int, queue: str) -> None:
    """Ring the bell. Redis may be away: the board is read every second."""
    try:
        _wakers[queue](tenant_id)
    except (OSError, KombuError, RedisError) as error:
        _Silence.until = time.monotonic() + SILENCE_S
        log.warning("the bell of %s did not ring: %s", queue, type(error).__name__)


def work_off(
    queue: str,
    tenant_id: int,
    claim: Callable[[], Job | None],
    carry_out: Callable[[int, Job], object] = lambda _tenant_id, _job: None,
    *,
    turn: float = math.inf,
) -> None:
    """Outside any scope: claim and carry out until nothing is due, then put the next on the board.

    `claim` takes the next job under a lease, in a scope of its own, and answers nothing (None, or a
    batch of 0) when none is due. `carry_out` runs outside scopes: it calls the provider and settles
    in a scope that it opens. Whoever dies in between leaves the job to the end of its lease. After
    `turn` seconds what is left goes behind what others wait for.
    """
    until = time.monotonic() + turn
    while is_time := time.monotonic() < until:
        with scope(tenant_id):
            job = claim()
        if not job:
            break
        carry_out(tenant_id, job)
    with scope(tenant_id):
        settle(queue)
    if not is_time:
        wake(tenant_id, queue)


def settle(queue: str) -> None:
    """After working a queue, inside the scope: put the next due moment on the board."""
    due = _due[queue]()
    tenant_id = current_tenant_id()
    with connection.cursor() as cursor:
        if due is None:
            cursor.execute(
                "DELETE FROM tenants_duetenant"
                " WHERE tenant_id = %s AND queue = %s AND next_due_at <= now()",
                [tenant_id, queue],
            )
        else:
            cursor.execute(
                "INSERT INTO tenants_duetenant (tenant_id, queue, next_due_at) VALUES (%s, %s, %s) "
                # A bell that was set while we looked stays: only one from before is answered.
                "ON CONFLICT (tenant_id, queue) DO UPDATE SET next_due_at ="
                " CASE WHEN tenants_duetenant.next_due_at <= now() THEN EXCLUDED.next_due_at"
                " ELSE LEAST(tenants_duetenant.next_due_at, EXCLUDED.next_due_at) END",
                [tenant_id, queue, due],
            )


def take_due(limit: int = 500, lease: timedelta = timedelta(seconds=15)) -> list[tuple[int, str]]:
    """Tenants with work due now; each is put off by `lease`, so that one waker rings, not all."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            # Materialized: joined as a sub-select the locking scan may run again, past its limit.
            "WITH due AS MATERIALIZED ("
            " SELECT id FROM tenants_duetenant WHERE next_due_at <= now()"
            " ORDER BY next_due_at LIMIT %s FOR UPDATE SKIP LOCKED)"
            " UPDATE tenants_duetenant d SET next_due_at = now() + make_interval(secs => %s)"
            " FROM due WHERE d.id = due.id RETURNING d.tenant_id, d.queue",
            [limit, lease.total_seconds()],
        )
        return [(int(tenant_id), str(queue)) for tenant_id, queue in cursor.fetchall()]


def look(queue: str) -> None:
    """Inside a scope: post the tenant's next due moment, if there is any (the sweep)."""
    due = _due[queue]()
    if due is not None:
        ring(queue, due if due > timezone.now() else None)
