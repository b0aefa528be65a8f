"""How long does the page of a contact take with ten thousand events, against one with ten?

The whole request through Django's test client: sessions, membership, RLS, panels, templates.

    python -m scrm.local exec --var var/bench -- python -m bench.contact_page [--events 10000]
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

from django.conf import settings  # noqa: E402 - needs the settings
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

from bench import quiet  # noqa: E402
from contacts.models import Contact, ContactTag, CustomField, Follow, Tag  # noqa: E402
from journeys import scoring  # noqa: E402
from journeys.models import ScoreRule  # noqa: E402
from tenants import setup  # noqa: E402
from tenants.models import Membership, Staff, Tenant, User  # noqa: E402
from tenants.scope import scope  # noqa: E402

ROUNDS, CROWD = 30, 20_000
GOAL_MS = 150

_CROWD = """
INSERT INTO contacts_contact (tenant_id, external_id, name, gender, source, custom, excluded,
  excluded_reason, created_at, updated_at)
SELECT %(tenant)s, 'c' || n, 'Contact ' || n, '', 'import', '{}', false, '', now(), now()
FROM generate_series(1, %(rows)s) n
"""
_EVENTS = """
INSERT INTO contacts_event (tenant_id, contact_id, kind, at, source, key, properties, received_at,
  handled_at, problem)
SELECT %(tenant)s, %(contact)s,
  (ARRAY['content.read','message.received','message.sent','price.asked','tag.added'])[n %% 5 + 1],
  now() - n * interval '40 minutes', 'bench', %(contact)s || ':' || n,
  jsonb_build_object('staff', 'amy', 'content', 'Piece ' || n, 'tag', 'VIP'), now(), now(), ''
FROM generate_series(1, %(events)s) n
"""

# Every event has earned points, as if no rule had a cap.
_POINTS = """
INSERT INTO journeys_scorepoint (tenant_id, model_id, event_id, rule_id, contact_id, points, at)
SELECT tenant_id, %(model)s, id, %(rule)s, contact_id, 5, at FROM contacts_event
WHERE tenant_id = %(tenant)s AND contact_id = %(contact)s
"""


def person(tenant: Tenant, name: str, events: int) -> int:
    with scope(tenant), connection.cursor() as cursor:
        amy, _new = Staff.objects.get_or_create(userid="amy", defaults={"name": "Amy"})
        contact = Contact(name=name, phone="+8613800138000", email="a@example.com", owner=amy)
        contact.custom = {"city": "上海"}
        contact.save()
        for number in range(8):
            tag, _new = Tag.objects.get_or_create(name=f"Tag {number}")
            ContactTag.objects.create(contact=contact, tag=tag, by="api", at=contact.created_at)
        Follow.objects.create(contact=contact, staff=amy, opened_at=contact.created_at)
        values = {"tenant": tenant.pk, "contact": contact.pk, "events": events}
        cursor.execute(_EVENTS, values)
        model = scoring.live()
        rule = ScoreRule.objects.filter(part=ScoreRule.Part.ENGAGEMENT).order_by("id")[0]
        cursor.execute(_POINTS, {**values, "model": model.pk, "rule": rule.pk})
        return contact.pk


def business() -> tuple[Tenant, Client]:
    name = f"bench-{uuid.uuid4().hex[:8]}"
    tenant = Tenant.objects.create(name=name, slug=name)
    user = User.objects.create_user(email=f"{name}@example.com", password=name)
    with scope(tenant), connection.cursor() as cursor:
        setup.start()
        Membership.objects.create(user=user, role="operator")
        CustomField.objects.create(key="city", label="City", kind="text")
        cursor.execute(_CROWD, {"tenant": tenant.pk, "rows": CROWD})
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(user)
    session = client.session
    session["tenant"] = tenant.pk
    session.save()
    return tenant, client


def median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def cpu_ms(work: Callable[[], object]) -> float:
    """Of this process alone: what the page costs on a machine that others load, too."""
    start = time.process_time()
    for _ in range(ROUNDS):
        work()
    return (time.process_time() - start) * 1000 / ROUNDS


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=10_000)
    events = parser.parse_args().events
    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0)
    tenant, client = business()
    many, few = person(tenant, "Many", events), person(tenant, "Few", 10)
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE contacts_contact, contacts_event, journeys_scorepoint")
    print(f"page of a contact · {events:,} events · {quiet.machine()} · {quiet.wait()}")

    def get(name: str, pk: int, query: str = "") -> Callable[[], object]:
        address = reverse(f"admin:contacts_contact_{name}", args=[pk]) + query

        def ask() -> object:
            answer = client.get(address)
            assert answer.status_code == 200, answer.status_code
            return answer

        return ask

    works = {
        "the page": ("change", ""),
        "its timeline, next events": ("timeline", ""),
        "its timeline of one kind": ("timeline", "?whole=1&group=orders"),
        "its timeline with one member of staff": ("timeline", "?whole=1&staff=nobody"),
    }
    measured: dict[str, tuple[float, float]] = {}
    for name, (view, query) in works.items():
        pair = [get(view, pk, query) for pk in (many, few)]
        for ask in pair:
            ask()
        measured[name] = (median_ms(pair[0]), median_ms(pair[1]))
        with_many, with_few = measured[name]
        print(
            f"  {name:<38} {with_many:7.1f} ms   {with_many / with_few:5.2f} × one with 10 events"
        )
    cpu = cpu_ms(get("change", many)), cpu_ms(get("change", few))
    print(f"  processor time of the page: {cpu[0]:.1f} ms, {cpu[0] / cpu[1]:.2f} × with 10 events")
    with_many, with_few = measured["the page"]
    print(f"  goal: the page ≤ {GOAL_MS} ms: {with_many:.1f}; ratio {with_many / with_few:.2f}")


if __name__ == "__main__":
    main()
