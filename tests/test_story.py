"""One lead's life: from a scanned code to a sale, on real parts.

Everything goes through the front doors: the REST API, the desk's pages, the link on the customer's
phone and the sandbox's callbacks; a real worker and beat do the work between them.
"""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests
from django.conf import settings
from django.db import connections

from tests.conftest import Business
from tests.wechat_fixtures import WeChat

pytestmark = pytest.mark.slow

T = TypeVar("T")


@pytest.fixture
def workers(wechat: WeChat, web_url: str, tmp_path: Path) -> Iterator[None]:
    """A Celery worker and beat as in production, on this test's database."""
    name = connections["default"].settings_dict["NAME"]
    environment = {
        **os.environ,
        **{
            variable: os.environ[variable].rpartition("/")[0] + f"/{name}"
            for variable in ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_PLATFORM_URL")
        },
        "REDIS_URL": settings.REDIS_URL,
        "WECHAT_BASE_URL": wechat.sandbox.url,
        "SCRM_BASE_URL": web_url,
        "TOUCH_GATHER_S": "1",
    }
    commands = [
        ["worker", "--concurrency", "2", "--without-gossip", "--without-mingle"],
        ["beat", "--schedule", str(tmp_path / "beat"), "--pidfile", ""],
    ]
    with (tmp_path / "log").open("w") as log:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "scrm", *command],
                env=environment, cwd=settings.BASE_DIR, stdout=log, stderr=log,
            )
            for command in commands
        ]  # fmt: skip
        try:
            yield
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(60)  # what other tests left behind keeps it busy
        finally:
            for process in processes:
                process.kill()
                process.wait()


def until(look: Callable[[], T | None], seconds: float = 60.0) -> T:
    """Look again and again until there is something to see."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {look}"
        time.sleep(0.3)


class Api:
    """The tenant's integration."""

    def __init__(self, url: str, key: str) -> None:
        self.url = f"{url}/api/v1/"
        self.headers = {"Authorization": f"Bearer {key}"}

    def get(self, path: str, **query: Any) -> Any:
        answer = requests.get(self.url + path, params=query, headers=self.headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, method: str, path: str, body: Any = None, **extra: Any) -> Any:
        answer = requests.request(
            method, self.url + path, json=body, headers=self.headers, timeout=30, **extra
        )
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def post(self, path: str, body: Any = None, **extra: Any) -> Any:
        return self.send("POST", path, body, **extra)


@dataclass
class Story:
    """The scene, and what the chapters tell each other."""

    wechat: WeChat
    business: Business
    api: Api
    web_url: str
    code: dict[str, Any] = field(default_factory=dict)
    customer: str = ""
    contact_id: str = ""

    @property
    def today(self) -> datetime.date:
        return datetime.datetime.now(self.business.tenant.tz).date()

    def contact(self) -> dict[str, Any]:
        return dict(self.api.get(f"contacts/{self.contact_id}"))

    def reaches(self, stage: str) -> None:
        until(lambda: self.contact()["stage"] == stage)


@pytest.mark.usefixtures("workers")
def test_from_a_scanned_code_to_the_figures(
    wechat: WeChat, business: Business, web_url: str, settings: Any
) -> None:
    settings.BASE_URL = web_url
    story = Story(wechat, business, Api(web_url, business.key), web_url)
    an_operator_prepares(story)
    a_stranger_scans(story)
    the_script_sends(story)
    they_become_a_lead(story)
    sales_closes(story)
    the_figures_say_so(story)


def an_operator_prepares(story: Story) -> None:
    """What the channel cost, a piece of content, a script, a live code."""
    api = story.api
    story.wechat.join("sales1", "林小雨")
    costs = f"日期,渠道,类型,金额\n{story.today},小红书,ad,30.00\n".encode()
    job = api.post("imports", files={"file": ("成本.csv", costs)}, data={"kind": "costs"})
    until(lambda: api.get(f"imports/{job['id']}")["status"] == "done")

    url = f"{story.web_url}/healthz"
    piece = api.post("contents", {"title": "换季护肤指南", "purpose": "nurture", "url": url})
    step = {"delay_minutes": 0, "text": "给你的小贴士", "content": piece["id"]}
    sop = api.post("sops", {"name": "新客培育", "steps": [step]})
    api.post(f"sops/{sop['id']}/publish")
    api.send("PATCH", "touch-rules", {"quiet_from": "00:00", "quiet_to": "00:00"})

    code = api.post(
        "live-codes",
        {
            "name": "笔记 1",
            "channel": "小红书",
            "staff": ["sales1"],
            "tags": ["新客"],
            "welcome_text": "你好,我是小雨",
        },
    )
    story.code = until(lambda: if_(api.get(f"live-codes/{code['id']}"), "status", "active"))
    assert story.code["qr_url"].startswith(story.wechat.sandbox.url)


def a_stranger_scans(story: Story) -> None:
    """Contact, source, tag and Follow; and a welcome inside 20 seconds."""
    config_id = story.code["qr_url"].rpartition("/")[2]
    at = time.monotonic()
    scanned = story.wechat.sim("act/scan", config_id=config_id, customer={"name": "王小明"})
    story.customer = scanned["customer"]
    until(lambda: story.wechat.messages(story.customer), 20.0)
    assert time.monotonic() - at < 20.0
    assert story.wechat.messages(story.customer) == ["你好,我是小雨"]

    found = until(lambda: next(iter(story.api.get("contacts", tag="新客")["results"]), None))
    story.contact_id = found["id"]
    until(lambda: story.contact()["name"] == "王小明")
    story.reaches("prospect")
    contact = story.contact()
    assert (contact["channel"], contact["source"], contact["owner"]) == (
        "小红书", "live_code", "sales1",
    )  # fmt: skip
    assert contact["acquired_at"] is not None


def the_script_sends(story: Story) -> None:
    """The first message goes out once the guide has confirmed it; the fact comes back."""
    guide = f"staff/{story.wechat.corpid}/sales1"
    task = until(lambda: story.wechat.sim(guide, "GET")["tasks"])[0]
    story.wechat.act("confirm_task", msgid=task["msgid"])
    messages = until(lambda: at_least_two(story.wechat.messages(story.customer)))
    assert messages[1].startswith("给你的小贴士")

    def state() -> str:
        (touch,) = story.api.get("touches", contact=story.contact_id)["results"]
        return str(touch["state"])

    until(lambda: state() == "delivered", 90.0)


def they_become_a_lead(story: Story) -> None:
    """They read it on their phone, ask for the price, and leave a number."""
    link = story.wechat.messages(story.customer)[1].split()[-1]
    assert requests.get(link, timeout=10).text == "ok"
    score = until(lambda: story.contact()["score"])
    assert score == pytest.approx(15.0, abs=0.1)  # content.read 10, link.clicked 5, grade C

    story.api.send("PATCH", f"contacts/{story.contact_id}", {"phone": "13912345678"})
    for number, kind in enumerate(("quiz.answered", "price.asked")):
        body = {"event_id": f"e{number}", "contact": story.contact_id, "kind": kind, "at": now()}
        story.api.post("events", body)
    until(lambda: story.api.get("leads")["results"])
    assert story.contact()["phone"] == "+8613912345678"


def sales_closes(story: Story) -> None:
    """Sales takes the lead at the desk, confirms the need, and the customer buys."""
    desk = story.business.browser("sales")
    (lead,) = story.api.get("leads")["results"]
    page = f"/desk/leads/{lead['id']}/"
    assert "王小明" in desk.get("/desk/").content.decode()
    assert desk.post("/desk/next/")["Location"] == page
    desk.post(page + "follow-up/", {"kind": "call", "note": "要两套", "need_confirmed": "on"})
    story.reaches("pending")

    order = {
        "order_id": "SO-1",
        "contact": story.contact_id,
        "paid_at": now(),
        "amount": "199.00",
        "cost": "80.00",
        "status": "paid",
        "items": [{"sku": "A1", "quantity": 1, "price": "199.00"}],
    }
    answer = story.api.post("orders/bulk", {"items": [order]})
    assert answer["results"][0]["status"] == "created"
    story.reaches("won")
    desk.post(page + "outcome/", {"outcome": "won"})


def the_figures_say_so(story: Story) -> None:
    period = {"from": story.today, "to": story.today + datetime.timedelta(days=1)}
    funnel = story.api.get("reports/funnel", mode="cohort", **period)
    assert [stage["reached"] for stage in funnel["stages"]] == [1] * 6

    value = story.api.get("reports/value", group="channel", **period)
    row = next(row for row in value["rows"] if row["group"] == "小红书")
    assert (row["cost"], row["new_contacts"], row["new_customers"]) == ("30.00", 1, 1)
    assert {row["cost_per_contact"], row["cac"], row["cac_cohort"]} == {"30.00"}

    told = story.api.get(f"contacts/{story.contact_id}/timeline", limit=200)["results"]
    assert {line["kind"] for line in told} >= {
        "follow.opened", "welcome.sent", "touch.delivered", "content.read", "lead.created",
        "lead.claimed", "lead.won", "order.paid",
    }  # fmt: skip


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat()


def if_(found: Any, name: str, value: object) -> Any:
    return found if found[name] == value else None


def at_least_two(found: list[str]) -> list[str] | None:
    return found if len(found) > 1 else None
