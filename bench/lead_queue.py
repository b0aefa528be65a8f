"""How fast is the lead queue, against page 1 of the contact list, and is it flat?

Two tenants under row-level security: one large, one with a thousand contacts. One contact in twenty
waits as a lead, one in fifty is being worked on, one in ten was closed.

    python -m scrm.local exec --var var/bench -- python -m bench.lead_queue [--rows 1000000]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import uuid
from collections.abc import Callable

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - needs the settings
from django.db import connection, connections  # noqa: E402
from django.db.models import F  # noqa: E402

from bench import quiet  # noqa: E402
from contacts.models import Contact  # noqa: E402
from journeys import scoring  # noqa: E402
from journeys.models import Lead, Score  # noqa: E402
from tenants import setup  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.scope import scope  # noqa: E402

PAGE, DEPTH, ROUNDS = 50, 10_000, 200

_CONTACTS = """
INSERT INTO contacts_contact (tenant_id, external_id, name, gender, source, custom, excluded,
  excluded_reason, acquired_at, created_at, updated_at)
SELECT %(tenant)s, 'c' || n, 'Contact ' || n, '', 'import', '{}',
  false, '', now() - random() * interval '700 days', now(), now()
FROM generate_series(1, %(rows)s) n
"""
_SCORES = """
INSERT INTO journeys_score (tenant_id, model_id, contact_id, engagement_key, key, fit, grade)
SELECT %(tenant)s, %(model)s, id, k, k, 0, 'C'
FROM (SELECT id, -ln(random()) * 40 AS k FROM contacts_contact WHERE tenant_id = %(tenant)s) c
"""
_LEADS = """
INSERT INTO journeys_lead (tenant_id, contact_id, state, key, score_at_start, reason, created_at)
SELECT %(tenant)s, contact_id, CASE WHEN nr %% 17 < 5 THEN 'open' WHEN nr %% 17 < 7 THEN 'claimed'
  ELSE 'lost' END, key, key, '', now()
FROM (SELECT contact_id, key, row_number() OVER (ORDER BY key DESC) AS nr FROM journeys_score
  WHERE tenant_id = %(tenant)s AND model_id = %(model)s) s
WHERE nr <= %(rows)s * 0.17
"""


def fill(rows: int) -> Tenant:
    name = f"bench-{uuid.uuid4().hex[:8]}"
    tenant = Tenant.objects.create(name=name, slug=name)
    with scope(tenant), connection.cursor() as cursor:
        setup.start()
        values = {"tenant": tenant.pk, "rows": rows, "model": scoring.live().pk}
        for statement in (_CONTACTS, _SCORES, _LEADS):
            cursor.execute(statement, values)
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE contacts_contact, journeys_score, journeys_lead")
    return tenant


def contact_page() -> object:
    return list(Contact.objects.order_by(F("acquired_at").desc(nulls_last=True), "-id")[:PAGE])


def queue_page() -> object:
    return list(Lead.objects.queue()[:PAGE])


def sales_page() -> object:
    """What a salesperson's list asks: those that wait and their own."""
    rows = Lead.objects.active().visible_to(0).select_related("contact", "owner")
    return list(rows.order_by("-key", "id")[:PAGE])


def score_page() -> object:
    """The contact list by score: the same index of scores at any size."""
    ids = [
        row.contact_id
        for row in Score.objects.filter(model=scoring.live()).order_by("-key", "contact_id")[:PAGE]
    ]
    return Contact.objects.in_bulk(ids)


def deep_page(depth: int) -> Callable[[], object]:
    """As the API's cursor reads it: the rest of the same key, then what lies beyond."""
    waiting = Lead.objects.open_queue()
    last = waiting[max(0, min(depth, waiting.count() - PAGE - 1))]

    def page() -> object:
        same = Lead.objects.queue().filter(key=last.key, id__gt=last.pk).order_by("id")[:PAGE]
        beyond = Lead.objects.queue().filter(key__lt=last.key)[:PAGE]
        return [*same, *beyond]

    return page


def median_ms(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def measure(tenant: Tenant) -> dict[str, float]:
    with scope(tenant):
        works = {
            "contact list, page 1": contact_page,
            "lead queue, top 50": queue_page,
            f"lead queue, page at depth {DEPTH:,}": deep_page(DEPTH),
            "leads of a salesperson (waiting + own)": sales_page,
            "contacts by score, top 50": score_page,
        }
        for work in works.values():
            work()
        return {name: median_ms(work) for name, work in works.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    call_command("migrate", verbosity=0)
    large, small = fill(rows), fill(1000)
    print(f"lead queue under RLS · {rows:,} contacts · {quiet.machine()} · {quiet.wait()}")
    in_large, in_small = measure(large), measure(small)
    floor = in_large["contact list, page 1"]
    for name, ms in in_large.items():
        print(
            f"  {name:<42} {ms:7.2f} ms   {ms / floor:5.2f} × page 1 of contacts"
            f"   {ms / in_small[name]:5.2f} × the tenant of 1,000"
        )
    top = in_large["lead queue, top 50"]
    deep = in_large[f"lead queue, page at depth {DEPTH:,}"]
    print(
        f"  goal ≤ 5 × page 1: {top / floor:.2f}; depth ≤ 1.5 × top (two reads): {deep / top:.2f}"
    )


if __name__ == "__main__":
    main()
