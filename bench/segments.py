"""How dear are segments: five typical rules against hand-written set algebra, and 1,000 touched?

One tenant under row-level security. Hand-written statements and the compiler's run in turn, so that
a drift of the machine's speed meets both; both must find the same number. The re-evaluation of
touched contacts includes reading the rules, the difference and what follows from it.

    python -m scrm.local exec --var var/bench -- python -m bench.segments [--rows 1000000]
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
import uuid
from collections.abc import Callable
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - needs the settings
from django.db import connection, connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench import quiet  # noqa: E402
from contacts.models import Channel, CustomField, Segment, Tag  # noqa: E402
from contacts.segments import compiling, keeping, leaves, membership, rules, upkeep  # noqa: E402
from journeys.models import Stage  # noqa: E402
from tenants import setup  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.scope import scope  # noqa: E402

ROUNDS, TOUCHED = 7, 1000
TAGS = 40

_CONTACTS = """
INSERT INTO contacts_contact (tenant_id, external_id, name, gender, custom, source, channel_id,
  acquired_at, excluded, excluded_reason, created_at, updated_at)
SELECT %(tenant)s, 'S' || n, 'Contact ' || n, CASE WHEN n %% 3 = 0 THEN 'female' ELSE '' END,
  jsonb_build_object('city', 'c' || n %% 20), 'import', (%(channels)s::bigint[])[1 + n %% 10],
  now() - random() * interval '700 days', false, '', now(), now()
FROM generate_series(1, %(rows)s) n
"""
# Tag 1 is on half of the contacts, the next on less and less, the last on one in a hundred.
_TAGS = """
INSERT INTO contacts_contacttag (tenant_id, tag_id, contact_id, by, at)
SELECT %(tenant)s, t.id, c.id, 'import', now()
FROM unnest(%(tags)s::bigint[]) WITH ORDINALITY AS t(id, nr)
JOIN contacts_contact c ON c.tenant_id = %(tenant)s
  AND abs(hashint8(c.id * 41 + t.nr)::bigint) %% 1000 < greatest(10, 500 / t.nr)
ORDER BY t.id, c.id
"""
_EVENTS = """
INSERT INTO contacts_event (tenant_id, contact_id, kind, at, source, key, properties, received_at,
  handled_at, problem)
SELECT %(tenant)s, id, (ARRAY['content.read','message.received','link.clicked','price.asked'])
    [1 + floor(random() * random() * 4)::int], now() - random() * interval '180 days', 'bench',
  id || ':' || k, '{}', now(), now(), ''
FROM contacts_contact, generate_series(1, 6) k WHERE tenant_id = %(tenant)s AND random() < 0.5
"""
_ORDERS = """
INSERT INTO contacts_order (tenant_id, order_id, contact_id, paid_at, amount_fen, cost_fen, status,
  created_at, updated_at)
SELECT %(tenant)s, 'S' || id || '-' || k, id, now() - random() * interval '365 days',
  990 + floor(random() * 90000)::int, 0, 'paid', now(), now()
FROM contacts_contact, generate_series(1, 3) k WHERE tenant_id = %(tenant)s AND random() < 0.25
"""
_STAGES = """
INSERT INTO journeys_contactstage (tenant_id, contact_id, stage_id, entered_at)
SELECT %(tenant)s, id, (%(stages)s::bigint[])[1 + floor(random() * random() * 6)::int], now()
FROM contacts_contact WHERE tenant_id = %(tenant)s
"""
_TABLES = (
    "contacts_contact", "contacts_contacttag", "contacts_event", "contacts_order",
    "journeys_contactstage",
)  # fmt: skip

RULES: dict[str, Any] = {
    "A and not B": {"all": [{"tag": "T1"}, {"not": {"tag": "T2"}}]},
    "(C and D) or E": {"any": [{"all": [{"tag": "T20"}, {"tag": "T21"}]}, {"tag": "T40"}]},
    "3 events in 30 d": {"event": {"kind": "content.read", "count": 3, "within_days": 30}},
    "paid, stage, 5 tags": {
        "all": [
            {"order": {"within_days": 90, "sum": {"at_least": "1000"}}},
            {"field": "stage", "is": "profiled"},
            {"tag": ["T5", "T6", "T7", "T8", "T9"]},
        ]
    },
    "tag or city, silent, channel": {
        "all": [
            {"any": [{"tag": "T3"}, {"field": "custom.city", "is": "c7"}]},
            {"not": {"event": {"kind": "content.read", "within_days": 14}}},
            {"field": "channel", "is": "Channel 1"},
        ]
    },
}
_TAG = "SELECT contact_id FROM contacts_contacttag WHERE tenant_id = %(tenant)s AND tag_id = "
BY_HAND = {
    "A and not B": f"{_TAG}%(T1)s EXCEPT {_TAG}%(T2)s",
    "(C and D) or E": f"({_TAG}%(T20)s INTERSECT {_TAG}%(T21)s) UNION {_TAG}%(T40)s",
    "3 events in 30 d": """
SELECT contact_id FROM contacts_event WHERE tenant_id = %(tenant)s AND kind = 'content.read'
  AND at > %(now)s - interval '30 days' GROUP BY contact_id HAVING count(*) >= 3""",
    "paid, stage, 5 tags": f"""
SELECT contact_id FROM contacts_order WHERE tenant_id = %(tenant)s AND paid
  AND paid_at > %(now)s - interval '90 days'
  GROUP BY contact_id HAVING sum(amount_fen - refund_fen) >= 100000
INTERSECT SELECT contact_id FROM journeys_contactstage
  WHERE tenant_id = %(tenant)s AND stage_id = %(profiled)s
INTERSECT {_TAG}ANY(ARRAY[%(T5)s, %(T6)s, %(T7)s, %(T8)s, %(T9)s])""",
    "tag or city, silent, channel": f"""
(({_TAG}%(T3)s UNION SELECT id FROM contacts_contact
   WHERE tenant_id = %(tenant)s AND custom ->> 'city' = 'c7')
 INTERSECT SELECT id FROM contacts_contact WHERE tenant_id = %(tenant)s AND channel_id = %(first)s)
EXCEPT SELECT contact_id FROM contacts_event WHERE tenant_id = %(tenant)s
  AND kind = 'content.read' AND at > %(now)s - interval '14 days'""",
}
_EXISTS = """
SELECT c.id FROM contacts_contact c WHERE c.tenant_id = %(tenant)s AND (
  (EXISTS (SELECT 1 FROM contacts_contacttag t WHERE t.tenant_id = c.tenant_id
     AND t.contact_id = c.id AND t.tag_id = %(T20)s)
   AND EXISTS (SELECT 1 FROM contacts_contacttag t WHERE t.tenant_id = c.tenant_id
     AND t.contact_id = c.id AND t.tag_id = %(T21)s))
  OR EXISTS (SELECT 1 FROM contacts_contacttag t WHERE t.tenant_id = c.tenant_id
     AND t.contact_id = c.id AND t.tag_id = %(T40)s))"""


def fill(rows: int) -> Tenant:
    name = f"bench-{uuid.uuid4().hex[:8]}"
    tenant = Tenant.objects.create(name=name, slug=name)
    with scope(tenant), connection.cursor() as cursor:
        setup.start()
        values: dict[str, Any] = {
            "tenant": tenant.pk,
            "rows": rows,
            "channels": [Channel.objects.create(name=f"Channel {n}").pk for n in range(10)],
            "tags": [Tag.objects.create(name=f"T{n}").pk for n in range(1, TAGS + 1)],
            "stages": list(Stage.objects.order_by("position").values_list("pk", flat=True)),
        }
        CustomField.objects.create(key="city", label="City")
        cursor.execute("SELECT setseed(0.42)")
        for statement in (_CONTACTS, _TAGS, _EVENTS, _ORDERS, _STAGES):
            cursor.execute(statement, values)
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {', '.join(_TABLES)}")
    return tenant


def parameters(tenant: Tenant) -> dict[str, Any]:
    return {
        "tenant": tenant.pk,
        "now": timezone.now(),
        "first": Channel.objects.get(name="Channel 1").pk,
        "profiled": Stage.objects.get(key="profiled").pk,
        **dict(Tag.objects.values_list("name", "pk")),
    }


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def counts(tenant: Tenant) -> list[float]:
    """Print each rule's count by hand and by the compiler; answers the compiler's medians."""
    given = parameters(tenant)
    ours = []
    for name, rule in RULES.items():
        made = compiling.compile(rules.parse(rule, leaves.readers), membership.moment(given["now"]))
        found: dict[str, int] = {}

        def count(which: str, sql: str, values: Any, found: dict[str, int] = found) -> None:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT count(*) FROM ({sql}) s", values)
                found[which] = cursor.fetchone()[0]

        pairs = [
            (
                timed(lambda: count("ours", made.sql, made.values)),  # noqa: B023 - run at once
                timed(lambda: count("hand", BY_HAND[name], given)),  # noqa: B023 - run at once
            )
            for _ in range(ROUNDS + 1)
        ]
        assert found["ours"] == found["hand"], (name, found)
        mine = statistics.median(pair[0] for pair in pairs[1:])
        hand = statistics.median(pair[1] for pair in pairs[1:])
        ours.append(mine)
        print(
            f"  {name:<30} {found['ours']:>9,}   {mine:8.1f} ms   by hand {hand:8.1f} ms"
            f"   ratio {mine / hand:.2f} (bar 1.3)"
        )
        if name == "(C and D) or E":
            slow = timed(lambda: count("exists", _EXISTS, given))
            print(f"  {'  as OR of EXISTS':<30} {'':>9}   {slow:8.1f} ms")
    return ours


def memberships(tenant_id: int, counted: float, rows: int) -> None:
    """Evaluate all five for everybody, then for those touched."""
    with scope(tenant_id):
        for name, rule in RULES.items():
            keeping.save(Segment(name=name, rule=rule))
        first = timed(_all_steps)
    print(f"  members made for the first time      {first:8.0f} ms")
    full, few = [], []
    for round_ in range(ROUNDS):
        with scope(tenant_id):
            whole = timed(_count_all)
        with scope(tenant_id), connection.cursor() as cursor:
            cursor.execute("SELECT min(id) FROM contacts_contact WHERE tenant_id = %s", [tenant_id])
            first_id = cursor.fetchone()[0]
            touched = random.Random(round_).sample(range(first_id, first_id + rows), TOUCHED)
            _retag(cursor, tenant_id, touched[:50])
            part = timed(lambda: _touch(touched))  # noqa: B023 - run at once
        full.append(whole)
        few.append(part)
    whole, part = statistics.median(full), statistics.median(few)
    print(f"  all five for everybody, with the difference {whole:8.0f} ms")
    print(
        f"  all five for {TOUCHED:,} touched contacts        {part:8.1f} ms"
        f"   ratio {part / whole:.3f}; against counting alone {part / counted:.3f} (bar 0.05)"
    )


def _all_steps() -> None:
    while upkeep.step():
        pass


def _count_all() -> None:
    for each in upkeep.ready():
        upkeep.count(each, membership.moment())


def _touch(touched: list[int]) -> None:
    found = upkeep.ready()
    upkeep.look_again(
        found, dict.fromkeys((each.segment.pk for each in found), touched), timezone.now()
    )


def _retag(cursor: Any, tenant_id: int, contact_ids: list[int]) -> None:
    """Some of them really change sides."""
    cursor.execute(
        "DELETE FROM contacts_contacttag WHERE tenant_id = %s AND contact_id = ANY(%s)"
        " AND tag_id IN (SELECT id FROM contacts_tag WHERE tenant_id = %s AND name = 'T1')",
        [tenant_id, contact_ids, tenant_id],
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    call_command("migrate", verbosity=0)
    tenant = fill(rows)
    print(f"segments under RLS · {rows:,} contacts · {quiet.machine()} · {quiet.wait()}")
    with scope(tenant):
        ours = counts(tenant)
    memberships(tenant.pk, sum(ours), rows)


if __name__ == "__main__":
    main()
