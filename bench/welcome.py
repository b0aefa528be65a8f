"""How long from a callback with a welcome code to the sent message, while mass sends are polled?

The real parts: sandbox, two web workers, Celery's bulk and express workers, each a process. Beside
them two threads read the results of a mass send page by page without pause, as the pollers do. The
time is that of the rows: callback received → welcome sent. Bar: p99 below 2 s.

    python -m scrm.local exec --var var/bench -- python -m bench.welcome [--scans 500] [--rate 5]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import requests

from bench import web_server
from scrm.local import web

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
SANDBOX, WEB = web_server.free_port(), web_server.free_port()
os.environ["WECHAT_BASE_URL"] = f"http://127.0.0.1:{SANDBOX}"
os.environ["SCRM_BASE_URL"] = f"http://127.0.0.1:{WEB}"
django.setup()

from django.urls import reverse  # noqa: E402 - needs the settings

from bench import quiet  # noqa: E402
from contacts import livecodes  # noqa: E402
from contacts.models import LiveCode, LiveCodeStaff, Welcome  # noqa: E402
from tenants import setup  # noqa: E402
from tenants.models import Staff, Tenant, WeChatAccount  # noqa: E402
from tenants.scope import scope  # noqa: E402
from tenants.wechat import mass_sends  # noqa: E402
from tenants.wechat.accounts import credentials_of, wecom_client_for  # noqa: E402

BAR_S = 2.0
A_TASK = 10_000
OPEN = (Welcome.State.DUE, Welcome.State.SENDING)
CELERY = ("-m", "celery", "-A", "scrm", "worker", "--loglevel", "WARNING", "--without-gossip")


def sim(path: str, **body: object) -> Any:
    answer = requests.post(f"http://127.0.0.1:{SANDBOX}/_sim/{path}", json=body, timeout=120)
    if answer.status_code != 200:
        raise SystemExit(f"sandbox: {answer.text}")
    return answer.json()


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """Sandbox, web server and both workers; ended by their own ids."""
    ready = folder / "ready"
    commands = [
        ("-m", "scrm.sandbox", "--port", str(SANDBOX), "--ready-file", str(ready)),
        web.command(WEB),
        (*CELERY, "--concurrency", "2", "--hostname", "bulk@%h"),
        (*CELERY, "--concurrency", "2", "--hostname", "express@%h", "-Q", "welcome,urgent"),
        ("-m", "celery", "-A", "scrm", "beat", "--schedule", str(folder / "schedule"),
         "--pidfile", ""),
    ]  # fmt: skip
    started = []
    try:
        for number, command in enumerate(commands):
            with (folder / f"{number}.log").open("w") as log:
                started.append(subprocess.Popen([sys.executable, *command], stdout=log, stderr=log))
        wait_for(ready.exists)
        wait_for(lambda: web_server.answers(f"http://127.0.0.1:{WEB}"))
        yield
    finally:
        for child in reversed(started):
            child.terminate()
        for child in started:
            child.wait(30)


def wait_for(done: Any, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit("a part did not start")
        time.sleep(0.2)


def connected(tenant: Tenant) -> WeChatAccount:
    """A corp in the sandbox whose callbacks come in at our web server."""
    corp = sim("corps", name="Bench")
    with scope(tenant):
        account = WeChatAccount.objects.create(
            name="Bench",
            app_id=corp["corpid"],
            agent_id=str(corp["agentid"]),
            secret=corp["secret"],
            callback_token=corp["token"],
            callback_aes_key=corp["aes_key"],
        )
    address = f"http://127.0.0.1:{WEB}" + reverse("wechat-callback", args=[account.code])
    sim("staff", corpid=account.app_id, userid="amy", name="amy")
    sim("callback_url", corpid=account.app_id, agentid=corp["agentid"], callback_url=address)
    return account


def live_code(tenant: Tenant, account: WeChatAccount) -> LiveCode:
    with scope(tenant):
        amy = Staff.objects.create(userid="amy", name="amy")
        code = LiveCode.objects.create(name="Bench", account=account, welcome_text="Hello %STAFF%")
        LiveCodeStaff.objects.create(live_code=code, staff=amy)
        livecodes.changed(code)
    livecodes.work(tenant.pk)
    with scope(tenant):
        return LiveCode.objects.get(pk=code.pk)


def mass_tasks(tenant: Tenant, account: WeChatAccount, results: int) -> list[str]:
    """Mass sends whose results together have so many rows."""
    for first in range(0, results, A_TASK):
        count = min(A_TASK, results - first)
        sim("customers/many", corpid=account.app_id, userids=["amy"], count=count)
    with scope(tenant):
        credentials = credentials_of(account)
    msgids = []
    with wecom_client_for(credentials) as client:
        answer = client.call(
            "get", "externalcontact/list", params={"userid": "amy"}, repeatable=True
        )
        people = [str(one) for one in answer["external_userid"]]  # type: ignore[attr-defined]
        for first in range(0, results, A_TASK):
            made = mass_sends.create_mass_task(
                client, external_userids=people[first : first + A_TASK], sender="amy", text="Sale"
            )
            msgids.append(made.msgid)
    return msgids


class Poller(threading.Thread):
    """Reads the results again and again."""

    def __init__(self, tenant: Tenant, account: WeChatAccount, msgids: list[str]) -> None:
        super().__init__(daemon=True)
        self.ends, self.read, self.msgids = threading.Event(), 0, msgids
        with scope(tenant):
            self.credentials = credentials_of(account)

    def run(self) -> None:
        with wecom_client_for(self.credentials) as client:
            while not self.ends.is_set():
                for msgid in self.msgids:
                    if self.ends.is_set():
                        return
                    self.read += len(mass_sends.mass_task_result(client, msgid, "amy"))


def measured(tenant: Tenant, code: LiveCode, scans: int, rate: float) -> list[float]:
    """Seconds of each sent welcome, and what became of all of them on the screen."""
    began = time.monotonic()
    for number in range(scans):
        sim("act/scan", config_id=code.config_id)
        time.sleep(max(0.0, began + (number + 1) / rate - time.monotonic()))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with scope(tenant):
            rows = list(Welcome.objects.values_list("state", "received_at", "sent_at"))
        if len(rows) >= scans and not any(state in OPEN for state, _r, _s in rows):
            break
        time.sleep(0.5)
    print(f"results: {dict(Counter(state for state, _r, _s in rows))} of {scans} scans")
    both = [(received, sent) for _s, received, sent in rows if received and sent]
    return sorted((sent - received).total_seconds() for received, sent in both)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scans", type=int, default=500)
    parser.add_argument("--rate", type=float, default=5.0, help="scans a second")
    parser.add_argument("--results", type=int, default=50_000, help="mass-send results")
    given = parser.parse_args()
    print(f"{quiet.machine()}; {quiet.wait()}")
    tenant = Tenant.objects.create(name="Bench welcome", slug=f"bench-{uuid.uuid4().hex[:8]}")
    with scope(tenant):
        setup.start()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)):
        account = connected(tenant)
        code = live_code(tenant, account)
        msgids = mass_tasks(tenant, account, given.results)
        pollers = [Poller(tenant, account, msgids) for _ in range(2)]
        for each in pollers:
            each.start()
        took = measured(tenant, code, given.scans, given.rate)
        for each in pollers:
            each.ends.set()
            each.join(60)
    if not took:
        raise SystemExit("no welcome was sent")
    p50, p99 = took[len(took) // 2], took[min(len(took) - 1, int(len(took) * 0.99))]
    print(f"polled {sum(each.read for each in pollers):,} results meanwhile")
    print(f"callback → sent: p50 {p50:.3f} s, p99 {p99:.3f} s, most {took[-1]:.3f} s")
    print("met" if p99 < BAR_S and len(took) == given.scans else "MISSED", f"(p99 < {BAR_S} s)")


if __name__ == "__main__":
    main()
