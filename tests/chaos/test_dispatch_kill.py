"""Workers die with -9 while hundreds of touches go out to a failing platform: none twice or lost.

The sandbox's journal is the witness: what it took on is compared with the ledger, line by line.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone

from contacts.models import Event, Identity
from journeys import outcomes
from journeys.models import Enrolment, SharedTask, Touch
from tests.conftest import Business
from tests.journeys import ground
from tests.journeys.ground import Platform, script, step

pytestmark = pytest.mark.chaos

ROOT = Path(settings.BASE_DIR)
PEOPLE, WORKERS, KILLS = 150, 3, 20
PATIENCE_S = 240


@pytest.fixture
def world() -> Iterator[Platform]:
    with ground.platform() as found:
        yield found


class Crew:
    """Worker processes on the test's own database; the dead are replaced."""

    def __init__(self, tenant_id: int, url: str, log: Path) -> None:
        self.tenant_id, self.log = tenant_id, log.open("wb")
        at = connections["default"].settings_dict
        self.environment = os.environ | {
            "DATABASE_URL": (
                f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
            ),
            "WECHAT_BASE_URL": url,
            "REDIS_URL": str(settings.REDIS_URL),
        }
        self.alive = [self._start() for _ in range(WORKERS)]

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.chaos.dispatcher", str(self.tenant_id)]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log
        )

    def kill_one(self) -> None:
        victim = self.alive.pop(random.randrange(len(self.alive)))
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        self.alive.append(self._start())

    def stop(self) -> None:
        for worker in self.alive:
            worker.kill()
            worker.wait()
        self.log.close()


def spoil(world: Platform) -> None:
    """Before acceptance: busy and rate limits. After it: answers that never arrive."""
    world.fault("errcode", errcode=-1, probability=0.03)
    world.fault("http_502", probability=0.03)
    world.fault("reset_after", probability=0.03)
    world.fault("truncated_json", probability=0.02)
    world.fault("html_200", probability=0.02)
    world.fault("reset_before", probability=0.02)
    world.fault("errcode", path="*get_groupmsg_list_v2", errcode=-1, probability=0.05)
    world.fault("reset_after", path="*get_groupmsg_send_result", probability=0.02)


def open_touches(business: Business) -> int:
    with business.scope():
        return Touch.objects.exclude(state="awaiting_staff").count()


def accepted(world: Platform) -> Counter[tuple[str, str, str]]:
    """Whom the platform took which text for, under which number; from its journal."""
    return Counter(
        (customer, call["body"]["text"]["content"], call["answer"]["msgid"])
        for call in world.calls()
        if call["errcode"] == 0 and call["answer"].get("msgid")
        for customer in call["body"]["external_userid"]
    )


def work_and_kill(business: Business, world: Platform, log: Path) -> int:
    """Until all is settled. Answers how many were killed."""
    crew = Crew(business.pk, world.url, log)
    killed, until = 0, time.monotonic() + PATIENCE_S
    try:
        while open_touches(business) and time.monotonic() < until:
            time.sleep(random.uniform(0.6, 1.2))
            if killed < KILLS:
                crew.kill_one()
                killed += 1
    finally:
        crew.stop()
    return killed


def test_no_touch_is_sent_twice_or_lost(
    business: Business, world: Platform, tmp_path: Path
) -> None:
    with business.scope():
        ground.no_pace()
        ground.connect(world)
        script(
            "Storm",
            step(0, "Hello {name}", route="mass_task"),
            step(0, "The same to all", route="mass_task"),
        )
        guides = [world.staff(f"guide{n}") for n in range(3)]
        for number in range(PEOPLE):
            world.friend(guides[number % 3], f"Friend {number}", at=ground.an_hour_ago())
        planned = set(Touch.objects.values_list("key", flat=True))
    assert len(planned) == 2 * PEOPLE
    spoil(world)
    killed = work_and_kill(business, world, tmp_path / "workers.log")

    with business.scope():
        assert Counter(Touch.objects.values_list("state", flat=True)) == {
            "awaiting_staff": 2 * PEOPLE
        }, (tmp_path / "workers.log").read_text()[-3000:]
        people = dict(Identity.objects.values_list("contact_id", "value"))
        ledger = Counter(
            (people[touch.contact_id], str((touch.request or {})["text"]), touch.provider_id)
            for touch in Touch.objects.all()
        )
    taken = accepted(world)
    assert killed >= 5
    assert max(taken.values()) == 1
    assert len({(who, text) for who, text, _msgid in taken}) == len(taken) == 2 * PEOPLE
    assert ledger == taken
    # The script's second step says the same to all: its touches shared tasks.
    assert len({msgid for _who, text, msgid in taken if "same" in text}) < PEOPLE / 2
    confirm_and_settle(business, world)


def confirm_and_settle(business: Business, world: Platform) -> None:
    """Staff confirm all; each contact's timeline then tells of each message once."""
    world.calm()
    with business.scope():
        for msgid in SharedTask.objects.filter(state="waiting").values_list(
            "provider_id", flat=True
        ):
            world.steer.post("act/confirm_task", corpid=world.corpid, msgid=msgid)
        SharedTask.objects.filter(state="waiting").update(due_at=timezone.now())
    while outcomes.follow_up(business.pk):
        pass
    with business.scope():
        assert set(Touch.objects.values_list("state", flat=True)) == {"delivered"}
        assert set(Enrolment.objects.values_list("state", flat=True)) == {"done"}
        for kind in ("touch.sent", "touch.delivered"):
            assert Event.objects.filter(kind=kind).count() == 2 * PEOPLE
