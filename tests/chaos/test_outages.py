"""Redis or Postgres go away, workers die, beats double: all of the work is done, and done once."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
import redis
import requests
from django.conf import settings

from tests.chaos import machine as machines
from tests.chaos.crowd import Crowd
from tests.conftest import PASSWORD

pytestmark = pytest.mark.chaos


@contextmanager
def scanning(crowd: Crowd, people: int, seconds: float) -> Iterator[None]:
    """People scan while the block goes wrong; at its end all have."""
    thread = Thread(target=crowd.scan, args=(people, seconds))
    thread.start()
    try:
        yield
    finally:
        thread.join()


def asked(crowd: Crowd, path: str, **more: str) -> requests.Response:
    url = crowd.machine.url + path
    return requests.get(url, headers=more, timeout=20, allow_redirects=False)


def as_integration(crowd: Crowd) -> dict[str, str]:
    return {"Authorization": f"Bearer {crowd.business.key}"}


def test_redis_goes_away_three_times(crowd: Crowd) -> None:
    """It stands still, forgets everything, and dies; callbacks are stored and answered."""
    valkey = crowd.machine.valkey
    with scanning(crowd, 40, 20.0):
        time.sleep(2)
        valkey.send(signal.SIGSTOP)
        the_web_answers_without_redis(crowd, seconds=5.0)
        valkey.send(signal.SIGCONT)
        time.sleep(2)
        redis.Redis.from_url(settings.REDIS_URL).flushall()
        time.sleep(2)
        valkey.send(signal.SIGKILL)
        assert valkey.wait(5)
        the_web_answers_without_redis(crowd, seconds=5.0)
        valkey.start()
    assert crowd.wait() < 60
    answers = crowd.answers()
    assert {status for status, _seconds in answers} == {200}
    assert max(seconds for _status, seconds in answers) < 4.0
    crowd.check()
    assert crowd.sent() == len(crowd.customers)


def the_web_answers_without_redis(crowd: Crowd, seconds: float) -> None:
    until = time.monotonic() + seconds
    contact = asked(crowd, "/api/v1/contacts", **as_integration(crowd))
    assert contact.status_code == 200
    signing_in = requests.Session()
    page = signing_in.get(crowd.machine.url + "/sign-in/", timeout=20)
    form = {
        "email": crowd.business.users["owner"].email,
        "password": PASSWORD,
        "csrfmiddlewaretoken": signing_in.cookies["scrm_csrf"],
    }
    answer = signing_in.post(page.url, data=form, headers={"Referer": page.url}, timeout=20)
    # Without Redis nobody counts guesses: sign-in says so instead of being without a limit.
    assert answer.status_code == 422
    time.sleep(max(0.0, until - time.monotonic()))


def test_postgres_crashes_and_recovers(crowd: Crowd) -> None:
    machine = crowd.machine
    web = machine.running[0]
    before = len(machine.log_of(web))
    with scanning(crowd, 30, 14.0):
        time.sleep(4)
        machine.crash_postgres()
        time.sleep(1)
        the_web_says_what_is_wrong(crowd)
        time.sleep(4)
        machine.start_postgres()
    # A touch that was at the platform when the database died is looked up when its lease is over.
    assert crowd.wait() < 90
    answers = crowd.answers()
    assert {status for status, _seconds in answers} == {200, 503}
    assert asked(crowd, "/api/v1/contacts", **as_integration(crowd)).status_code == 200
    assert "Traceback" not in machine.log_of(web)[before:]
    assert "Traceback" not in crowd.worker.output()
    crowd.check()


def the_web_says_what_is_wrong(crowd: Crowd) -> None:
    english = {"Accept-Language": "en"}
    api = asked(crowd, "/api/v1/contacts", **as_integration(crowd), **english)
    assert (api.status_code, api.headers["Retry-After"]) == (503, "5")
    assert api.json()["error"]["code"] == "unavailable"
    assert "briefly not available" in api.json()["error"]["message"]
    page = asked(crowd, "/admin/", Cookie="scrm_session=of-somebody", **english)
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "Back in a moment" in page.text
    link = asked(crowd, f"/l/{'x' * 12}", **english)
    assert link.status_code in {404, 503}
    assert asked(crowd, "/healthz").status_code == 200
    assert asked(crowd, "/readyz").status_code == 503


def test_two_beats_double_nothing(crowd: Crowd) -> None:
    crowd.machine.start(crowd.machine.another_beat())
    with scanning(crowd, 30, 8.0):
        pass
    crowd.wait()
    crowd.check()
    assert crowd.sent() == len(crowd.customers)


def test_workers_killed_while_they_handle_callbacks(crowd: Crowd) -> None:
    """Children of the pool die one after the other, then the whole worker."""
    crowd.wechat.fault("duplicate", probability=0.3)
    killed = 0
    with scanning(crowd, 60, 16.0):
        until = time.monotonic() + 8
        while time.monotonic() < until:
            time.sleep(random.uniform(0.2, 0.6))
            children = machines.children_of(crowd.worker.pid)
            if children:
                machines.kill(random.choice(children))
                killed += 1
        died_at_work = crowd.worker.output().count("WorkerLostError")
        crowd.worker.end_group()
        crowd.worker.start()
        machines.until(crowd.is_served, 60, "the worker")
    crowd.wait()
    assert killed >= 8
    assert died_at_work >= 2
    crowd.check()
