"""Ten minutes of the worst that the platform can do; then nothing may be missing, or be twice.

Two tenants with two corporations each, served by real web, worker, express and beat processes. The
sandbox behaves as its profile "hostile" says, 2,000 people live their lives, and every 20 s one of
the workers is killed. Afterwards the faults end, what waits for the platform's limits is let go on
as if their hour had passed, and all is compared with the sandbox.

    python -m tests.chaos.hostile [--minutes 10] [--people 2000] [--report var/hostile]

Writes hostile.md and hostile.json there; exit code 1 when anything is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

import redis  # noqa: E402 - needs the settings
from django.conf import settings  # noqa: E402
from django.db import OperationalError, connections  # noqa: E402
from django.test.utils import override_settings  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench import quiet  # noqa: E402
from contacts.models import Event, Group, Identity, PairTag, Welcome  # noqa: E402
from journeys.models import Touch  # noqa: E402
from scrm.local import ports  # noqa: E402
from scrm.local.commands import signals_to, stop_now  # noqa: E402
from scrm.local.processes import Child  # noqa: E402
from tenants import doorbell  # noqa: E402
from tenants.models import Callback  # noqa: E402
from tests.chaos import machine as machines  # noqa: E402
from tests.chaos.machine import Machine  # noqa: E402
from tests.chaos.town import Town  # noqa: E402
from tests.chaos.truth import EXAMPLES, Check, Truth  # noqa: E402
from tests.conftest import Business, make_business  # noqa: E402

MOST_DRAINING_S: Final = 400.0
SETTLES_S: Final = 90.0  # after that the platform repeats a callback no more


@dataclass(frozen=True)
class Plan:
    seconds: float = 600.0
    people: int = 2000
    kill_every_s: float = 20.0


@dataclass(frozen=True)
class Place:
    url: str


@dataclass
class Outcome:
    plan: Plan
    machine: str
    load: float
    acts: dict[str, int]
    kills: int
    drained_s: float
    open: dict[str, int]
    checks: list[Check]

    @property
    def is_good(self) -> bool:
        return not any(check.misses for check in self.checks) and not any(self.open.values())

    def as_json(self) -> str:
        content = {
            "ok": self.is_good,
            **{name: value for name, value in vars(self).items() if name != "checks"},
            "plan": asdict(self.plan),
            "checks": [check.shown() for check in self.checks],
        }
        return json.dumps(content, ensure_ascii=False, indent=2, default=str)

    def as_markdown(self) -> str:
        plan = self.plan
        lines = [
            f"# Hostile run: {'passed' if self.is_good else 'MISSED'}",
            "",
            f"{plan.people:,} people, {plan.seconds / 60:.1f} minutes, 2 tenants with 2"
            f" corporations each, {self.kills} workers killed (one each {plan.kill_every_s:.0f} s)."
            f" {self.machine}; load {self.load:.1f}.",
            "",
            "Acts: " + ", ".join(f"{name} {count:,}" for name, count in self.acts.items()) + ".",
            "",
            f"Drained in {self.drained_s:.0f} s; left open: "
            + (", ".join(f"{name} {n}" for name, n in self.open.items() if n) or "nothing")
            + ".",
            "",
            "| check | misses | figures |",
            "| --- | --- | --- |",
        ]
        lines += [
            f"| {check.name} | {len(check.misses)} | {json.dumps(check.figures, default=str)} |"
            for check in self.checks
        ]
        for check in self.checks:
            lines += [f"- {check.name}: {miss}" for miss in check.misses[:EXAMPLES]]
        return "\n".join(lines) + "\n"


# --- the run ------------------------------------------------------------------------------------


def run(machine: Machine, plan: Plan) -> Outcome:
    """On a machine whose web server runs."""
    with _sandbox(machine) as place, override_settings(WECHAT_BASE_URL=place.url):
        businesses = [make_business(), make_business()]
        town = Town(place, machine.url, businesses)
        workers = [machine.demo.worker(), machine.demo.express()]
        with _running(machine, *workers, machine.demo.beat()):
            for worker in workers:
                machines.until(partial(_is_ready, worker), 90, worker.name)
            told, kills = _hard_times(town, workers, plan)
            drained, left = _drain(town, businesses, told)
        return Outcome(
            plan=plan,
            machine=quiet.machine(),
            load=os.getloadavg()[1],
            acts=dict(sorted(town.done.items())),
            kills=kills,
            drained_s=drained,
            open=left,
            checks=Truth(town, told.all()).checks(machine.demo.state.logs),
        )


def _is_ready(worker: Child) -> bool:
    return "ready." in worker.output()


@contextmanager
def _sandbox(machine: Machine) -> Iterator[Place]:
    state = machine.demo.state
    ready = state.root / "sandbox.ready"
    ready.unlink(missing_ok=True)
    port = str(ports.choose(state, "sandbox"))
    options = ("-m", "scrm.sandbox", "--port", port, "--ready-file", str(ready))
    with _running(machine, machine.demo.python("sandbox", *options)):
        machines.until(ready.exists, 30, "the sandbox")
        place = Place(ready.read_text().strip())
        machine.servers.announce(wechat_base_url=place.url)
        yield place


@contextmanager
def _running(machine: Machine, *children: Child) -> Iterator[None]:
    try:
        machine.start(*children)
        yield
    finally:
        for child in reversed(children):
            child.end_group()
            if child in machine.running:
                machine.running.remove(child)


def _hard_times(town: Town, workers: list[Child], plan: Plan) -> tuple[Told, int]:
    sim = town.corps[0].wechat.sim
    sim("profile", name="hostile")
    sim("settings", confirm_after_s=5.0)  # the guides confirm what they are asked to send
    told, kills = Told(town), 0
    life = Thread(target=town.live, args=(plan.people, plan.seconds))
    life.start()
    next_kill = time.monotonic() + plan.kill_every_s
    while life.is_alive():
        told.look()
        if time.monotonic() >= next_kill:
            victim = workers[kills % len(workers)]
            victim.end_group()
            victim.start()
            kills += 1
            next_kill += plan.kill_every_s
        life.join(2.0)
    return told, kills


class Told:
    """Every callback that the sandbox sent; it forgets the oldest itself."""

    def __init__(self, town: Town) -> None:
        self._sim = town.corps[0].wechat.sim
        self._known: dict[int, dict[str, Any]] = {}
        self._settled = 0

    def look(self) -> None:
        for one in self._sim("callbacks", "GET", since=self._settled)["callbacks"]:
            self._known[one["id"]] = one
        newest = max((one["created"] for one in self._known.values()), default=0.0)
        settled = (n for n, one in self._known.items() if one["created"] < newest - SETTLES_S)
        self._settled = max(settled, default=self._settled)

    def all(self) -> list[dict[str, Any]]:
        return list(self._known.values())


# --- afterwards ---------------------------------------------------------------------------------


def _drain(town: Town, businesses: list[Business], told: Told) -> tuple[float, dict[str, int]]:
    """Seconds that it took, and what is still open."""
    began = time.monotonic()
    sim = town.corps[0].wechat.sim
    sim("profile", name="calm")
    sim("settings", confirm_after_s=1.0)
    while not sim("callbacks/flush", timeout_s=30)["idle"]:
        if time.monotonic() > began + MOST_DRAINING_S:
            break
    told.look()
    # What the platform's limits blocked for an hour: blocks, breakers and tokens are all in Redis.
    redis.Redis.from_url(settings.REDIS_URL).flushall()
    left = _standing(businesses)
    for _ in range(2):
        _as_if_an_hour_had_passed(businesses)
        while time.monotonic() < began + MOST_DRAINING_S:
            time.sleep(2)
            left = _standing(businesses)
            if not any(left.values()):
                break
    told.look()
    return time.monotonic() - began, left


def _as_if_an_hour_had_passed(businesses: list[Business]) -> None:
    now = timezone.now()
    for business in businesses:
        with business.scope():
            Identity.objects.filter(refresh_at__gt=now).update(refresh_at=now)
            Group.objects.filter(read_at__gt=now).update(read_at=now)
            PairTag.objects.filter(due_at__gt=now).update(due_at=now)
            Touch.objects.filter(state="planned", due_at__gt=now).update(due_at=now)
            later = Touch.objects.filter(state__in=["unknown", "awaiting_staff"])
            later.filter(lease_until__gt=now).update(lease_until=now)
            for queue in doorbell.queues():
                doorbell.look(queue)


def _standing(businesses: list[Business]) -> dict[str, int]:
    """What is to be done now, by kind."""
    now = timezone.now()
    found = dict.fromkeys(("callbacks", "events", "welcomes", "details", "groups", "touches"), 0)
    for business in businesses:
        try:
            with business.scope():
                due = Touch.objects.filter(state="planned", due_at__lte=now)
                found["callbacks"] += Callback.objects.filter(handled_at=None).count()
                found["events"] += Event.objects.filter(handled_at=None).count()
                found["welcomes"] += Welcome.objects.filter(state__in=["due", "sending"]).count()
                found["details"] += Identity.objects.filter(refresh_at__lte=now).count()
                found["groups"] += Group.objects.filter(read_at__lte=now).count()
                found["touches"] += due.count()
                found["touches"] += Touch.objects.filter(state__in=["claimed", "sending"]).count()
        except OperationalError:
            connections.close_all()
            return {"database": 1}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.hostile")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--kill-every", type=float, default=20.0, help="seconds")
    parser.add_argument("--report", type=Path, default=Path("var/hostile"), help="a folder")
    given = parser.parse_args()
    plan = Plan(given.minutes * 60, given.people, given.kill_every)
    with signals_to(stop_now), machines.borrowed() as machine:
        machine.start(machine.demo.web())
        machines.until(machine.demo.answers_healthy, 30, "the web server")
        outcome = run(machine, plan)
    given.report.mkdir(parents=True, exist_ok=True)
    (given.report / "hostile.json").write_text(outcome.as_json() + "\n")
    (given.report / "hostile.md").write_text(outcome.as_markdown())
    sys.stdout.write(outcome.as_markdown())
    sys.exit(0 if outcome.is_good else 1)


if __name__ == "__main__":
    main()
