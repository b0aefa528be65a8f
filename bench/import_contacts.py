"""How fast is a file of contacts imported, against COPY of the very rows that result?

Each round takes a new tenant: the file for the first time, the same file again, then COPY of the
rows that it left in six tables into copies of these tables with the same indexes (which grow with
the rounds as the tables do), and into copies that have the foreign keys too.

    python -m scrm.local exec --var var/bench -- python -m bench.import_contacts [--rows 200000]
"""

from __future__ import annotations

import argparse
import io
import os
import random
import resource
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - needs the settings
from django.db import connection, connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench import quiet  # noqa: E402
from contacts.imports import run  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.scope import scope  # noqa: E402

TABLES = (
    "contacts_contact", "contacts_contacttag", "contacts_contacttoken", "contacts_event",
    "contacts_follow", "contacts_reachspell",
)  # fmt: skip
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高"
_GIVEN = "欣怡伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英文华玉萍红建国梓涵子轩浩宇雨晨思佳"


def write_file(path: Path, rows: int) -> None:
    chance = random.Random(7)
    start = datetime(2024, 1, 1)  # noqa: DTZ001 - a file's times are local
    with path.open("w", encoding="utf-8") as file:
        file.write("客户编号,姓名,手机号,性别,渠道,添加时间,所属员工,标签,城市\n")
        for number in range(rows):
            name = chance.choice(_SURNAMES) + chance.choice(_GIVEN) + chance.choice(_GIVEN)
            at = start + timedelta(seconds=chance.randrange(700 * 86400))
            first, second = chance.sample(range(40), 2)
            file.write(
                f"C{number:07d},{name},1{chance.randrange(3, 10)}{chance.randrange(10**9):09d},"
                f"{chance.choice('男女')},渠道{chance.randrange(8)},{at},"
                f"guide{chance.randrange(50)},标签{first};标签{second},城市{chance.randrange(30)}\n"
            )


class Timing:
    """Seconds on the clock, and of processors: this process and its server process.

    Other work on the machine stretches the first and hardly touches the second.
    """

    def __init__(self, alias: str) -> None:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self._server = Path(f"/proc/{cursor.fetchone()[0]}/stat")
        self.clock = self.cpu = 0.0

    def __enter__(self) -> Timing:
        self._began = time.perf_counter(), self._used()
        return self

    def __exit__(self, *_: object) -> None:
        self.clock += time.perf_counter() - self._began[0]
        self.cpu += self._used() - self._began[1]

    def _used(self) -> float:
        server = self._server.read_text().rpartition(")")[2].split()
        return time.process_time() + (int(server[11]) + int(server[12])) / os.sysconf("SC_CLK_TCK")


def load(tenant: Tenant, path: Path) -> tuple[Timing, tuple[int, int, int, int]]:
    with scope(tenant), path.open("rb") as file:
        job = run.bring("contacts", file, path.name)
        claimed = run.claim(job.pk)
    assert claimed is not None
    with Timing("default") as took:
        run.carry_out(tenant, claimed)
    with scope(tenant):
        claimed.refresh_from_db()
    assert claimed.status == "done", claimed.error_message
    return took, (claimed.created, claimed.updated, claimed.unchanged, claimed.rejected)


def versions(tenant: Tenant) -> list[tuple[int, str]]:
    """Number and a digest of the physical row versions: it changes when any row is rewritten."""
    found = []
    with scope(tenant), connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                "SELECT count(*), sum(hashtext(ctid::text || xmin::text)::bigint)::text"
                f" FROM {table}"
            )
            found.append(cursor.fetchone())
    return found


def make_copies() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS bench_plain CASCADE")
        cursor.execute("DROP SCHEMA IF EXISTS bench_keys CASCADE")
        for schema in ("bench_plain", "bench_keys"):
            cursor.execute(f"CREATE SCHEMA {schema}")
            for table in TABLES:
                cursor.execute(f"CREATE TABLE {schema}.{table} (LIKE public.{table} INCLUDING ALL)")
        for table in TABLES:
            cursor.execute(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE conrelid = %s::regclass AND contype = 'f'",
                [table],
            )
            for (definition,) in cursor.fetchall():
                # Keys to contacts refer to their copy, which holds the same rows.
                target = definition.replace("S contacts_contact(", "S bench_keys.contacts_contact(")
                cursor.execute(f"ALTER TABLE bench_keys.{table} ADD {target}")


def copy_rows(tenant: Tenant, schema: str) -> tuple[Timing, int]:
    """COPY of the tenant's rows into the copies; answers how long it took and how many rows."""
    took, rows = Timing("owner"), 0
    owner = connections["owner"]
    for table in TABLES:
        with owner.cursor() as cursor:
            cursor.execute(_COLUMNS, [table])
            columns = cursor.fetchone()[0]
        data = io.BytesIO()
        with scope(tenant), connection.cursor() as cursor:
            query = f"SELECT {columns} FROM {table} ORDER BY ctid"
            cursor.copy_expert(f"COPY ({query}) TO STDOUT", data)
        data.seek(0)
        with owner.cursor() as cursor, took:
            cursor.copy_expert(f"COPY {schema}.{table} ({columns}) FROM STDIN", data, size=1 << 20)
            rows += cursor.rowcount
    return took, rows


_COLUMNS = """
SELECT string_agg(quote_ident(attname), ',' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""


@dataclass(frozen=True)
class Round:
    first: Timing
    again: Timing
    floor: Timing
    keys: Timing
    rows: int


def one_round(path: Path, number: int) -> Round:
    tenant = Tenant.objects.create(name="Bench", slug=f"bench-{os.getpid()}-{number}")
    first, counts = load(tenant, path)
    before = versions(tenant)
    again, counts_again = load(tenant, path)
    assert counts_again == (0, 0, counts[0], 0), counts_again
    assert versions(tenant) == before, "rows were rewritten"
    floor, rows = copy_rows(tenant, "bench_plain")
    keys, _rows = copy_rows(tenant, "bench_keys")
    return Round(first, again, floor, keys, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    call_command("migrate", verbosity=0, skip_checks=True)
    make_copies()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.csv"
        write_file(path, asked.rows)
        states, rounds = [], []
        for number in range(asked.rounds):
            states.append(quiet.wait())
            rounds.append(one_round(path, number))
    report(asked.rows, rounds, states)


_LINES = (
    ("COPY of the rows into the same indexed tables", "floor", "floor", ""),
    ("… with their foreign keys", "keys", "floor", ""),
    ("the import, first time", "first", "floor", "≤ 3.0"),
    ("the import, against COPY with foreign keys", "first", "keys", ""),
    ("the same file again, no row rewritten", "again", "first", "≤ 0.35"),
)


def report(contacts: int, rounds: list[Round], states: list[str]) -> None:
    def median(measure: str, one: str, other: str = "") -> float:
        def value(each: Round, name: str) -> float:
            return float(getattr(getattr(each, name), measure)) if name else 1.0

        return statistics.median(value(each, one) / value(each, other) for each in rounds)

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"\nImport of {contacts:,} contacts under RLS ="
        f" {rounds[0].rows:,} rows in {len(TABLES)} tables"
    )
    print(f"{quiet.machine()}; {timezone.now():%Y-%m-%d}; medians of {len(rounds)} rounds")
    print(f"{'; '.join(states)}")
    print(f"  {'':46} {'clock':>8} {'×':>7} {'cpu':>9} {'×':>7}  against")
    for text, one, other, bar in _LINES:
        cells = [
            f"{median(measure, one):7.2f} s {median(measure, one, other):7.2f}"
            for measure in ("clock", "cpu")
        ]
        print(f"  {text:46} {'  '.join(cells)}  {other} {bar}")
    print(f"  peak memory of the process: {peak:.0f} MB")


if __name__ == "__main__":
    main()
