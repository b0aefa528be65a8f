"""Workers die with -9 in the middle of an import: every row counts once, and what somebody changed
in what was written already stays changed.
"""

from __future__ import annotations

import csv
import io
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections

from contacts.imports import run
from contacts.models import Contact, Event, Follow, Import, ImportedRows
from tests.chaos.machine import ROOT, until
from tests.conftest import Business

pytestmark = pytest.mark.chaos

PEOPLE, AGAIN, BAD, KILLS = 4000, 300, 200, 8


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def file() -> str:
    """People; some of them again further down; and rows that are no good."""
    chance = random.Random(11)
    rows = [f"C{n},Name {n},13{n:09d},li,2024-01-01" for n in range(PEOPLE)]
    for number in range(AGAIN):
        rows.insert(chance.randrange(1000, len(rows)), f"C{number},,,,")
    for number in range(BAD):
        rows.insert(chance.randrange(len(rows)), f"X{number},Bad,12,,")
    return "external_id,name,phone,owner,acquired_at\n" + "\n".join(rows) + "\n"


class Worker:
    def __init__(self, business: Business, log: Path) -> None:
        at = connections["default"].settings_dict
        self._environment = os.environ | {
            "DATABASE_URL": (
                f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
            ),
            "REDIS_URL": str(settings.REDIS_URL),
            "SCRM_MEDIA": str(settings.MEDIA_ROOT),
        }
        self._command = [sys.executable, "-m", "tests.chaos.importer", str(business.pk)]
        self._log = log.open("wb")
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, env=self._environment, stdout=self._log, stderr=self._log
        )

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        self.kill()
        self._log.close()


def edit_one(business: Business) -> int:
    """Somebody changes a contact that is written already, and does not come again in the file."""
    again = [f"C{number}" for number in range(AGAIN)]
    with business.scope():
        written = Contact.objects.filter(name__startswith="Name").exclude(external_id__in=again)
        one = random.choice(list(written.values_list("pk", flat=True)))
        Contact.objects.filter(pk=one).update(name="By hand")
    return one


def killed_again_and_again(business: Business, worker: Worker) -> set[int]:
    """Answers whom somebody changed meanwhile."""
    edited = set()
    for _ in range(KILLS):
        reached = job(business).reached
        until(lambda reached=reached: job(business).reached > reached, 60, "a batch")  # type: ignore[misc]
        time.sleep(random.uniform(0, 0.15))
        worker.kill()
        assert job(business).status == "running", "it came to its end before all the kills"
        edited.add(edit_one(business))
        worker.start()
    until(lambda: job(business).status != "running", 120, "the end")
    return edited


def job(business: Business) -> Import:
    with business.scope():
        return Import.objects.get()


def test_an_import_outlives_its_workers(business: Business, tmp_path: Path) -> None:
    with business.scope():
        run.bring("contacts", io.BytesIO(file().encode()), "people.csv", language="en")
    worker = Worker(business, tmp_path / "worker.log")
    try:
        edited = killed_again_and_again(business, worker)
    finally:
        worker.stop()

    done = job(business)
    log = (tmp_path / "worker.log").read_text()[-3000:]
    assert (done.status, done.error_message) == ("done", ""), log
    assert (done.created, done.updated, done.unchanged, done.rejected) == (PEOPLE, 0, AGAIN, BAD)
    assert done.lines_total == PEOPLE + AGAIN + BAD
    with business.scope():
        assert Contact.objects.count() == Follow.objects.count() == PEOPLE
        assert Event.objects.filter(kind="follow.opened").count() == PEOPLE
        assert set(Contact.objects.filter(name="By hand").values_list("pk", flat=True)) == edited
        assert sum(len(rows.ids) for rows in ImportedRows.objects.all()) == PEOPLE
        with done.error_file.open("rb") as errors:
            refused = list(csv.DictReader(io.StringIO(errors.read().decode("utf-8-sig"))))
    assert {row["external_id"] for row in refused} == {f"X{number}" for number in range(BAD)}
    assert len(refused) == BAD
