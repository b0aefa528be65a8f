"""What does it cost to score events, against the INSERT of the same events?

Each round records 1,000 events of contacts that have a history, then hands them to the score, then
to all listeners (stages, leads, scripts). A recompute of all contacts must give what is stored.

    python -m scrm.local exec --var var/bench -- python -m bench.scoring [--contacts 20000]
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
import uuid
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - needs the settings
from django.db import connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench import quiet  # noqa: E402
from contacts import timeline  # noqa: E402
from contacts.models import Contact, Event  # noqa: E402
from contacts.timeline import NewEvent  # noqa: E402
from journeys import earning, scoring  # noqa: E402
from journeys.models import Score  # noqa: E402
from tenants import setup  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.scope import scope  # noqa: E402

KINDS = ("content.read", "link.clicked", "message.received", "price.asked", "coupon.collected")
BATCH, ROUNDS, MONTH = 1000, 11, 60 * 24 * 30


def batch(
    chance: random.Random, ids: list[int], size: int = BATCH, minutes: int = 10
) -> list[NewEvent]:
    """Events of the last `minutes`; of a month when they are to come late."""
    now = timezone.now()
    return [
        NewEvent(
            chance.choice(ids),
            chance.choice(KINDS),
            now - timedelta(minutes=chance.randrange(minutes)),
            "bench",
            uuid.uuid4().hex,
            {"content": "Guide"},
        )
        for _ in range(size)
    ]


def prepare(contacts: int, chance: random.Random) -> tuple[Tenant, list[int]]:
    name = f"bench-{uuid.uuid4().hex[:8]}"
    tenant = Tenant.objects.create(name=name, slug=name)
    with scope(tenant):
        setup.start()
        made = Contact.objects.bulk_create(
            Contact(name=f"C{n}", external_id=f"c{n}", phone="+8613800138000" if n % 3 else None)
            for n in range(contacts)
        )
    ids = [contact.pk for contact in made]
    for _ in range(contacts * 5 // 5000):
        with scope(tenant):
            timeline.record(batch(chance, ids, 5000, MONTH))
    while True:
        with scope(tenant):
            if not timeline.drain(5000):
                break
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return tenant, ids


def one_round(tenant: Tenant, events: list[NewEvent]) -> tuple[float, float]:
    """Seconds of the INSERT and of the score, each with its commit."""
    start = time.perf_counter()
    with scope(tenant):
        timeline.record(events)
    inserted = time.perf_counter()
    with scope(tenant):
        waiting = list(Event.objects.filter(handled_at=None).order_by("id"))
    fetched = time.perf_counter()
    with scope(tenant):
        earning.on_events(waiting)
    scored = time.perf_counter()
    with scope(tenant):
        Event.objects.filter(id__in=[event.pk for event in waiting]).update(
            handled_at=timezone.now()
        )
    return inserted - start, scored - fetched


def drained(tenant: Tenant, events: list[NewEvent]) -> float:
    with scope(tenant):
        timeline.record(events)
    start = time.perf_counter()
    with scope(tenant):
        timeline.drain(BATCH)
    took = time.perf_counter() - start
    while True:  # what the listeners told in turn
        with scope(tenant):
            if not timeline.drain():
                return took


def check(tenant: Tenant, ids: list[int]) -> tuple[float, float]:
    """Recompute everybody; answers the seconds and the largest relative difference."""
    with scope(tenant):
        model = scoring.live()
        before = dict(Score.objects.filter(model=model).values_list("contact_id", "engagement_key"))
        start = time.perf_counter()
        for first in range(0, len(ids), 1000):
            earning.recompute(model, ids[first : first + 1000])
        took = time.perf_counter() - start
        after = dict(Score.objects.filter(model=model).values_list("contact_id", "engagement_key"))
    differences = [abs(after[pk] - key) / max(1e-12, abs(key)) for pk, key in before.items() if key]
    return took, max(differences)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--contacts", type=int, default=20_000)
    contacts = parser.parse_args().contacts
    chance = random.Random(3)
    call_command("migrate", verbosity=0)
    tenant, ids = prepare(contacts, chance)
    print(
        f"scoring · {contacts:,} contacts with 5 events each · {quiet.machine()} · {quiet.wait()}"
    )
    rounds = [one_round(tenant, batch(chance, ids)) for _ in range(ROUNDS)]
    late = [one_round(tenant, batch(chance, ids, BATCH, MONTH)) for _ in range(ROUNDS)]
    insert = statistics.median(each[0] for each in rounds)
    score = statistics.median(each[1] for each in rounds)
    ratio = statistics.median(each[1] / each[0] for each in rounds)
    late_ratio = statistics.median(each[1] / each[0] for each in late)
    everything = statistics.median(drained(tenant, batch(chance, ids)) for _ in range(ROUNDS))
    print(f"  INSERT of {BATCH:,} events     {insert * 1000:7.1f} ms   1.00")
    print(f"  their scores               {score * 1000:7.1f} ms   {ratio:4.2f} (goal ≤ 2.5)")
    print(f"  the same, a month late {'':>16}   {late_ratio:4.2f}")
    print(f"  all listeners              {everything * 1000:7.1f} ms   {everything / insert:4.2f}")
    took, difference = check(tenant, ids)
    count = contacts * 5 + ROUNDS * 3 * BATCH
    print(f"  recompute of {count:,} events: {took:.1f} s; largest difference {difference:.1e}")
    assert difference < 1e-9


if __name__ == "__main__":
    main()
