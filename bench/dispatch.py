"""How fast are due touches claimed, checked and settled, against one UPDATE and against Celery?

One tenant under row-level security, due order random over the heap; each contact has a log of
earlier touches, so that the caps have something to count. All durable.

    python -m scrm.local exec --var var/bench -- python -m bench.dispatch [--rows 300000]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

import redis  # noqa: E402 - needs the settings
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench import null_task, quiet  # noqa: E402
from journeys import dispatch, ledger, sops  # noqa: E402
from journeys.ledger import Move, State  # noqa: E402
from journeys.models import Route, Sop, SopStep, SopVersion, Touch, TouchRules  # noqa: E402
from tenants import setup  # noqa: E402
from tenants.models import Staff, Tenant  # noqa: E402
from tenants.scope import scope  # noqa: E402

PER_CONTACT, MESSAGES, ROUNDS = 5, 4000, 5

_PEOPLE = """
INSERT INTO contacts_contact (tenant_id, external_id, name, gender, source, custom, excluded,
  excluded_reason, acquired_at, created_at, updated_at)
SELECT %(tenant)s, 'c' || n, 'Contact ' || n, '', 'import', '{}', false, '', now(), now(), now()
FROM generate_series(1, %(people)s) n
"""
_FOLLOWS = """
INSERT INTO contacts_follow (tenant_id, contact_id, staff_id, opened_at, ended_by, state, remark,
  description)
SELECT %(tenant)s, id, (%(staff)s::bigint[])[1 + id %% 50], now(), '', '', '', ''
FROM contacts_contact WHERE tenant_id = %(tenant)s
"""
_RUNS = """
INSERT INTO journeys_enrolment (tenant_id, sop_id, version_id, contact_id, follow_id, state, reason,
  started_at)
SELECT %(tenant)s, %(sop)s, %(version)s, contact_id, id, 'running', '', now()
FROM contacts_follow WHERE tenant_id = %(tenant)s
"""
_TOUCHES = """
INSERT INTO journeys_touch (tenant_id, key, contact_id, enrolment_id, step_id, follow_id, staff_id,
  route, kind, state, reason, due_at, held, attempt, provider_id, created_at, sending_at, sent_at)
SELECT %(tenant)s, e.id || ':' || n || %(mark)s, e.contact_id, e.id, %(step)s, e.follow_id,
  f.staff_id, 'none', 'service', %(state)s, '',
  now() + (random() - 0.4) * interval '30 days', false, 0, '', now(),
  CASE %(state)s WHEN 'sent' THEN now() - random() * interval '60 days' END,
  CASE %(state)s WHEN 'sent' THEN now() - random() * interval '60 days' END
FROM journeys_enrolment e JOIN contacts_follow f ON f.tenant_id = %(tenant)s AND f.id = e.follow_id
CROSS JOIN generate_series(1, %(each)s) n
WHERE e.tenant_id = %(tenant)s ORDER BY random()
"""
_ALL_DUE = """
UPDATE journeys_touch SET state = 'claimed', attempt = attempt + 1, lease_until = now()
WHERE tenant_id = %s AND state = 'planned' AND NOT held AND due_at <= now()
"""


def fill(rows: int) -> Tenant:
    name = f"bench-{uuid.uuid4().hex[:8]}"
    tenant = Tenant.objects.create(name=name, slug=name)
    with scope(tenant), connection.cursor() as cursor:
        setup.start()
        TouchRules.objects.update(
            quiet_from="00:00", quiet_to="00:00", per_contact_day=500, per_contact_week=500
        )
        TouchRules.objects.update(per_staff_day=1_000_000)
        staff = Staff.objects.bulk_create(Staff(userid=f"s{n}") for n in range(50))
        sop = Sop.objects.create(name="Bench", status=Sop.Status.ACTIVE)
        step = SopStep(delay_minutes=0, route=Route.NONE, text="Hello {name}, a word from {staff}")
        version: SopVersion = sops.write_steps(sop, [step])
        values: dict[str, Any] = {
            "tenant": tenant.pk,
            "people": rows // PER_CONTACT,
            "staff": [member.pk for member in staff],
            "sop": sop.pk,
            "version": version.pk,
            "step": step.pk,
            "each": PER_CONTACT,
        }
        for statement in (_PEOPLE, _FOLLOWS, _RUNS):
            cursor.execute(statement, values)
        for state in ("planned", "sent"):
            cursor.execute(_TOUCHES, {**values, "state": state, "mark": state[0]})
    vacuum()
    return tenant


def vacuum() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "VACUUM ANALYZE journeys_touch, journeys_enrolment, contacts_contact, contacts_follow"
        )


def floor(tenant: Tenant) -> float:
    """Touches a second of one UPDATE of all due rows; undone afterwards."""
    with scope(tenant), connection.cursor() as cursor:
        start = time.perf_counter()
        cursor.execute(_ALL_DUE, [tenant.pk])
        took = time.perf_counter() - start
        rate: float = cursor.rowcount / took
        transaction.set_rollback(True)
    vacuum()
    return rate


def claimed(tenant: Tenant, batches: int, size: int) -> float:
    """Taken under a lease, before any check."""

    def one() -> int:
        with scope(tenant):
            ids = dispatch.claim(timezone.now(), size)
            lease = timezone.now() + dispatch.LEASE
            leased = [Move(pk, 0, State.CLAIMED, lease_until=lease) for pk in ids]
            return len(ledger.move(leased, [State.PLANNED], claims=True))

    return _rate(one, batches)


def finished(tenant: Tenant, batches: int, size: int) -> float:
    """Claimed, checked, booked and marked as sent, with its events and its enrolments."""

    def one() -> int:
        with scope(tenant):
            return dispatch.take(limit=size).claimed

    return _rate(one, batches)


def _rate(one: Callable[[], int], batches: int) -> float:
    start = time.perf_counter()
    done = sum(one() for _ in range(batches))
    return done / (time.perf_counter() - start)


def by_celery() -> float:
    """Touches a second of a worker with two processes that gets one message for each."""
    server = redis.Redis.from_url(settings.REDIS_URL)
    server.delete(null_task.QUEUE)
    for number in range(MESSAGES):
        null_task.null.delay(1, number)
    command = [sys.executable, "-m", "celery", "-A", "bench.null_task", "worker", "-c", "2"]
    command += ["-l", "ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    worker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while server.llen(null_task.QUEUE) > MESSAGES - 50:  # it has started and is warm
            time.sleep(0.005)
        begun, start = int(server.llen(null_task.QUEUE)), time.perf_counter()
        while server.llen(null_task.QUEUE) or server.hlen("unacked"):
            time.sleep(0.005)
        return begun / (time.perf_counter() - start)
    finally:
        worker.terminate()
        worker.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=300_000)
    rows = parser.parse_args().rows
    call_command("migrate", verbosity=0)
    tenant = fill(rows)
    with scope(tenant):
        due = Touch.objects.filter(state="planned", due_at__lte=timezone.now()).count()
    print(
        f"dispatch under RLS · {rows:,} planned touches, {due:,} due, {rows:,} in the log"
        f" · {quiet.machine()} · {quiet.wait()}"
    )
    whole = statistics.median(floor(tenant) for _ in range(ROUNDS))
    print(f"  one UPDATE of all due rows          {whole:10,.0f} touches/s")
    for size in (200, 1000):
        batches = max(1, due // 8 // size)
        rate = claimed(tenant, batches, size)
        name = f"claim {size}"
        print(f"  {name:<35} {rate:10,.0f} touches/s   1/{whole / rate:.1f}")
    vacuum()
    null = by_celery()
    print(f"  Celery, one null task a touch       {null:10,.0f} touches/s")
    for size in (200, 1000):
        rate = finished(tenant, max(1, due // 8 // size), size)
        print(
            f"  claim, check, book, mark sent {size:<5} {rate:10,.0f} touches/s"
            f"   1/{whole / rate:.1f}   {rate / null:.1f} × Celery"
        )
    print("  goals: claim 200 ≥ 1/6; claimed, checked, marked ≥ 10 × Celery")


if __name__ == "__main__":
    main()
