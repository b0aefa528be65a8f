"""How fast are contacts alone imported, against COPY, and against django-import-export?

Contacts only: no tags, no owner; every row validated, phone and e-mail encrypted with their blind
indexes, search tokens made, one row in a hundred refused into the error file. COPY of the resulting
contact rows goes into a copy of the table with the same indexes. django-import-export (default and
bulk mode) loads the first rows of the same file into the same model, in the same run.

    python -m scrm.local exec --var var/bench -- python -m bench.import_peers [--rows 200000]
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - needs the settings
from django.db import connection, connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench import quiet  # noqa: E402
from bench.import_contacts import Timing, load  # noqa: E402
from contacts import validation  # noqa: E402
from contacts.models import Contact  # noqa: E402
from tenants import vault  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.scope import scope  # noqa: E402

try:
    import tablib  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from import_export import (  # type: ignore[import-untyped, import-not-found, unused-ignore]
        fields,
        resources,
        widgets,
    )
except ImportError:
    tablib = None

HEADER = ("external_id", "name", "phone", "email", "gender", "birthday")
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高"
_GIVEN = "欣怡伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英文华玉萍红建国梓涵子轩浩宇雨晨思佳"


def write_file(path: Path, rows: int) -> None:
    chance = random.Random(11)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number in range(rows):
            name = chance.choice(_SURNAMES) + chance.choice(_GIVEN) + chance.choice(_GIVEN)
            phone = f"1{chance.randrange(3, 10)}{chance.randrange(10**9):09d}"
            bad = number % 100 == 99
            writer.writerow(
                (
                    f"C{number:07d}", name, "30 digits " + phone if bad else phone,
                    f"c{number}@example.com", chance.choice(("female", "male")),
                    f"{chance.randrange(1950, 2010)}-0{chance.randrange(1, 10)}-15",
                )
            )  # fmt: skip


def new_tenant(label: str) -> Tenant:
    return Tenant.objects.create(name="Bench", slug=f"bench-{os.getpid()}-{label}")


# --- COPY of the contacts that result ---


def make_copy() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS bench_alone CASCADE")
        cursor.execute("CREATE SCHEMA bench_alone")
        for table in ("contacts_contact", "contacts_contacttoken", "contacts_event"):
            cursor.execute(f"CREATE TABLE bench_alone.{table} (LIKE public.{table} INCLUDING ALL)")


def copy_contacts(tenant: Tenant, tables: Sequence[str]) -> Timing:
    took = Timing("owner")
    for table in tables:
        with connections["owner"].cursor() as cursor:
            cursor.execute(_COLUMNS, [table])
            columns = cursor.fetchone()[0]
        data = io.BytesIO()
        with scope(tenant), connection.cursor() as cursor:
            query = f"SELECT {columns} FROM {table} ORDER BY ctid"
            cursor.copy_expert(f"COPY ({query}) TO STDOUT", data)
        data.seek(0)
        with connections["owner"].cursor() as cursor, took:
            target = f"bench_alone.{table}"
            cursor.copy_expert(f"COPY {target} ({columns}) FROM STDIN", data, size=1 << 20)
    return took


_COLUMNS = """
SELECT string_agg(quote_ident(attname), ',' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""


# --- the peer ---


def peer(bulk: bool) -> Callable[[Path, int, Tenant], float]:  # noqa: FBT001 - a mode of the peer
    """Rows a second of django-import-export, by default or in its bulk mode."""

    def checked(check: Callable[[str], Any]) -> type[Any]:
        class Checked(widgets.Widget):
            def clean(self, value: Any, row: Any = None, **_: Any) -> Any:
                return check(str(value)) if value else None

        return Checked

    class People(resources.ModelResource):
        external_id = fields.Field("external_id", "external_id")
        name = fields.Field("name", "name", widget=checked(validation.name)())
        phone = fields.Field("phone", "phone", widget=checked(validation.phone)())
        email = fields.Field("email", "email", widget=checked(validation.email)())
        gender = fields.Field("gender", "gender", widget=checked(validation.gender)())
        birthday = fields.Field("birthday", "birthday", widget=checked(validation.day)())

        def after_import(self, *_: Any, **__: Any) -> None:
            """The default sets the sequence of ids, which the application's role may not."""

        class Meta:
            model = Contact
            import_id_fields = ("external_id",)
            fields = HEADER
            use_bulk = bulk
            batch_size = 1000
            skip_diff = bulk
            force_init_instance = bulk

    def run(path: Path, rows: int, tenant: Tenant) -> float:
        data = tablib.Dataset(headers=HEADER)
        for row in islice(_rows(path), rows):
            data.append(row)
        with scope(tenant):
            vault.keys()
            began = time.perf_counter()
            result = People().import_data(data, dry_run=False, raise_errors=False)
            took = time.perf_counter() - began
            good = Contact.objects.count()
        assert good > rows * 0.9, (good, result.totals, result.base_errors)
        return rows / took

    return run


def _rows(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        yield from reader


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-rows", type=int, default=5_000)
    asked = parser.parse_args()
    call_command("migrate", verbosity=0, skip_checks=True)
    make_copy()
    ours: list[Timing] = []
    alone: list[Timing] = []
    all_three: list[Timing] = []
    peers: dict[str, list[float]] = {"default": [], "bulk": []}
    states = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.csv"
        write_file(path, asked.rows)
        for number in range(asked.rounds):
            states.append(quiet.wait())
            tenant = new_tenant(f"ours-{number}")
            took, counts = load(tenant, path)
            assert counts == (asked.rows - asked.rows // 100, 0, 0, asked.rows // 100), counts
            ours.append(took)
            alone.append(copy_contacts(tenant, ["contacts_contact"]))
            all_three.append(copy_contacts(tenant, ["contacts_contacttoken", "contacts_event"]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if tablib is not None:
            for number in range(asked.rounds):
                for mode, rates in peers.items():
                    label = f"{mode}-{number}"
                    run = peer(bulk=mode == "bulk")
                    rates.append(run(path, asked.peer_rows, new_tenant(label)))
    report(asked, (ours, alone, all_three), peers, states, peak)


def report(
    asked: argparse.Namespace,
    timings: tuple[list[Timing], list[Timing], list[Timing]],
    peers: dict[str, list[float]],
    states: list[str],
    peak: float,
) -> None:
    ours, alone, others = timings
    print(f"\nImport of {asked.rows:,} contacts alone, 1 % refused, under RLS")
    print(f"{quiet.machine()}; {timezone.now():%Y-%m-%d}; medians of {asked.rounds} rounds")
    print("; ".join(states))
    rate = statistics.median(asked.rows / each.clock for each in ours)

    def against(floor: Callable[[int], float]) -> float:
        return statistics.median(each.clock / floor(n) for n, each in enumerate(ours))

    print(f"  the import: {rate:,.0f} rows/s; peak memory {peak:.0f} MB (bar 500)")
    print(f"  against COPY of the contacts: {against(lambda n: alone[n].clock):.2f} × (bar 2.0)")
    both = against(lambda n: alone[n].clock + others[n].clock)
    print(f"  against COPY of contacts, search tokens and events: {both:.2f} ×")
    for (mode, rates), bar in zip(peers.items(), (20, 10), strict=True):
        if not rates:
            print(f"  django-import-export, {mode}: not installed (requirements-dev.txt)")
            continue
        theirs = statistics.median(rates)
        print(f"  django-import-export, {mode}: {theirs:,.0f} rows/s; ours {rate / theirs:.1f} ×"
              f" as fast (bar {bar})")  # fmt: skip


if __name__ == "__main__":
    main()
