"""How fast is a corporation read for the first time, against a bare loop over the same pages?

The sandbox runs in a process of its own. In each round the loop reads all pages (and throws them
away), then a new tenant reads the corporation to the end: contacts, accounts, Follows, tags, search
tokens, events. First the sandbox answers at once: then the writing is what takes time. Then a page
takes as long as in its profile "realistic": there the reading must keep up. At last each time the
same tenant reads it all again, when nothing has changed.

    python -m scrm.local exec --var var/bench -- python -m bench.full_sync [--customers 10000]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import requests

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

from django.conf import settings  # noqa: E402 - needs the settings
from django.core.management import call_command  # noqa: E402

from bench import quiet  # noqa: E402
from contacts.models import Follow, SyncRun  # noqa: E402
from contacts.sync import running  # noqa: E402
from tenants.models import Tenant, WeChatAccount  # noqa: E402
from tenants.scope import scope  # noqa: E402

FLOOR = 0.8
LATENCY_S = (0.04, 0.25)  # of the sandbox's profile "realistic"
MEMBERS = 10
AT_ONCE = 10_000  # customers that the sandbox founds in one call
Corp = dict[str, Any]


@contextmanager
def sandbox() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        command = [sys.executable, "-m", "scrm.sandbox", "--port", "0", "--ready-file", str(ready)]
        running_ = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while not ready.exists():
                time.sleep(0.05)
            yield ready.read_text().strip()
        finally:
            running_.terminate()
            running_.wait()


def say(url: str, path: str, **body: object) -> Corp:
    answer = requests.post(f"{url}/_sim/{path}", json=body, timeout=600)
    answer.raise_for_status()
    made: Corp = answer.json()
    return made


def found(url: str, customers: int) -> Corp:
    corp = say(url, "corps", name="大企业")
    say(url, "settings", rate_factor=1000)
    users = [f"guide{number}" for number in range(MEMBERS)]
    for user in users:
        say(url, "staff", corpid=corp["corpid"], userid=user)
    names = [f"标签{number}" for number in range(20)]
    tags = say(url, "act/create_tags", corpid=corp["corpid"], group_name="来源", tags=names)["tags"]
    ids = list(tags.values())
    for start in range(0, customers, AT_ONCE):
        count = min(AT_ONCE, customers - start)
        body = {"corpid": corp["corpid"], "userids": users, "tag_ids": ids, "count": count}
        say(url, "customers/many", **body)
    return corp


def bare_loop(url: str, corp: Corp) -> tuple[int, float]:
    """Rows, seconds."""
    began = time.perf_counter()
    session = requests.Session()
    session.trust_env = False
    base = f"{url}/cgi-bin"
    token = session.get(
        f"{base}/gettoken", params={"corpid": corp["corpid"], "corpsecret": corp["secret"]}
    ).json()["access_token"]
    params = {"access_token": token}
    users = session.get(f"{base}/externalcontact/get_follow_user_list", params=params).json()
    rows, cursor = 0, ""
    while True:
        body = {"userid_list": users["follow_user"], "limit": 100, "cursor": cursor}
        page = session.post(
            f"{base}/externalcontact/batch/get_by_user", params=params, json=body
        ).json()
        rows += len(page["external_contact_list"])
        cursor = page["next_cursor"]
        if not cursor:
            return rows, time.perf_counter() - began


def read(account: WeChatAccount, *kinds: str) -> float:
    with scope(account.tenant_id):
        running.ask(account, kinds)
    began = time.perf_counter()
    running.work(account.tenant_id)
    taken = time.perf_counter() - began
    with scope(account.tenant_id):
        last = SyncRun.objects.filter(kind=kinds[-1]).latest("id")
        if last.state != SyncRun.State.DONE:
            sys.exit(f"the reading ended as {last.state}: {last.problem}")
    return taken


def connect(corp: Corp, number: int) -> WeChatAccount:
    tenant = Tenant.objects.create(name=f"Sync {number}", slug=f"sync-{time.time_ns()}")
    with scope(tenant):
        account: WeChatAccount = WeChatAccount.objects.create(
            name="WeCom", app_id=corp["corpid"], agent_id=str(corp["agentid"]),
            secret=corp["secret"],
        )  # fmt: skip
    return account


def rounds(url: str, corp: Corp, asked: argparse.Namespace) -> float:
    """The median of loop ÷ reading."""
    ratios = []
    for number in range(asked.rounds):
        rows, loop = bare_loop(url, corp)
        account = connect(corp, number)
        read(account, "staff", "tags")
        whole = read(account, "customers")
        with scope(account.tenant_id):
            stored = Follow.objects.count()
        if not rows == stored == asked.customers:
            sys.exit(f"{asked.customers} founded, {rows} listed, {stored} stored")
        ratios.append(loop / whole)
        print(
            f"  round {number + 1}: loop {rows / loop:,.0f}/s, reading {rows / whole:,.0f}/s,"
            f" ratio {loop / whole:.0%}"
        )
    again = read(account, "customers")
    print(f"  again, nothing changed: {rows / again:,.0f}/s, ratio {loop / again:.0%}")
    return statistics.median(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    call_command("migrate", verbosity=0)
    print(f"{quiet.machine()}; {quiet.wait()}")
    with sandbox() as url:
        settings.WECHAT_BASE_URL = url
        corp = found(url, arguments.customers)
        print("the sandbox answers at once:")
        rounds(url, corp, arguments)
        say(url, "settings", latency_s=LATENCY_S)
        print("{} to {} s a page:".format(*LATENCY_S))
        ratio = rounds(url, corp, arguments)
    print(f"median ratio {ratio:.0%}, floor {FLOOR:.0%}")
    if ratio < FLOOR:
        sys.exit("TOO SLOW")


if __name__ == "__main__":
    main()
