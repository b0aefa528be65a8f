"""What does isolation cost? The contact list query in a scope, against the same SQL of a free role.

The free role is the embedded server's superuser, which row-level security does not bind; it gets
the statement that the scoped manager made, tenant condition included, and no `SET LOCAL`.

    python -m scrm.local exec --var var/bench -- python -m bench.isolation [--rows 200000]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import django
import psycopg2

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

from django.conf import settings  # noqa: E402 - needs the settings
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.db.models import F  # noqa: E402

from bench import lead_queue, quiet  # noqa: E402
from contacts.models import Contact  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.scope import scope  # noqa: E402

PAGE, ROUNDS, INSIDE = 50, 40, 20


def free_role() -> Any:
    """A connection of the superuser, who is free of row-level security."""
    database = settings.DATABASES["default"]
    secrets = json.loads((settings.VAR_DIR / "secrets.json").read_text())
    return psycopg2.connect(
        host=database["HOST"],
        port=database["PORT"],
        dbname=database["NAME"],
        user="postgres",
        password=secrets["postgres"],
    )


def page_sql() -> str:
    """Page 1 of the contact list as the API asks for it, written out. Inside a scope."""
    newest = F("acquired_at").desc(nulls_last=True)
    rows = Contact.objects.order_by(newest, F("id").desc())[:PAGE]
    sql, values = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        return str(cursor.cursor.mogrify(sql, values).decode())


def milliseconds(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(INSIDE):
        ask()
    return (time.perf_counter() - began) * 1000 / INSIDE


def measure(tenant: Tenant) -> tuple[list[float], list[float]]:
    """The two in turn, so that a drift of the machine's speed meets both."""
    free = free_role()
    free_cursor = free.cursor()
    with scope(tenant), connection.cursor() as cursor:
        sql = page_sql()

        def scoped() -> list[int]:
            cursor.execute(sql)
            return [row[0] for row in cursor.fetchall()]

        def unbound() -> list[int]:
            free_cursor.execute(sql)
            return [row[0] for row in free_cursor.fetchall()]

        assert scoped() == unbound()
        assert len(scoped()) == PAGE
        pairs = [(milliseconds(scoped), milliseconds(unbound)) for _ in range(ROUNDS)]
    free.close()
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000)
    rows = parser.parse_args().rows
    call_command("migrate", verbosity=0)
    tenant = lead_queue.fill(rows)
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE contacts_contact")
    print(f"{quiet.machine()}; {quiet.wait()}; {rows} contacts")
    bound, free = measure(tenant)
    ratio = statistics.median(a / b for a, b in zip(bound, free, strict=True))
    print(
        f"contact list page 1: scope and policy {statistics.median(bound):.2f} ms, "
        f"free role {statistics.median(free):.2f} ms, ratio {ratio:.2f} (bar: 1.15)"
    )


if __name__ == "__main__":
    main()
