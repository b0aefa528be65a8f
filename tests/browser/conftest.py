"""A real Chromium, and a business with a few months of history to look at."""

from __future__ import annotations

import dataclasses
import io
import os
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, sync_playwright

from contacts.imports import run
from contacts.models import Contact, Import
from journeys.models import Enrolment, SopVersion, Touch
from scrm.demo import surveys
from scrm.demo.businesses import BEAUTY
from scrm.demo.history import History
from tenants.scope import scope
from tests.conftest import PASSWORD, Business, make_business
from tests.journeys.ground import article, happen, script, step

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# What reaches beyond the window, the outermost first.
WIDE = """() => [...document.querySelectorAll("body *")]
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 12)
  .map((e) => `${e.tagName}.${e.className} ${e.innerText?.slice(0, 40)}`)"""
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no Chromium here; on Debian: apt-get install chromium fonts-noto-cjk")
    # Playwright runs a loop in this thread; the tests' own queries are plain and synchronous.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shop(database: None) -> Business:
    """A business that brought its files, as the demo does."""
    business = make_business("花间美妆")
    now = timezone.now().astimezone(business.tenant.tz)
    plan = dataclasses.replace(BEAUTY, contacts=160, days=120)
    for kind, content in History(plan, now).files().items():
        with business.scope():
            job = run.bring(kind, io.BytesIO(content), f"{kind}.csv")
            claimed = run.claim(job.pk)
        assert claimed is not None
        run.carry_out(business.tenant, claimed)
        with scope(business.tenant):
            job.refresh_from_db()
            assert (job.status, job.rejected) == (Import.Status.DONE, 0)
    run.settle(business.pk)
    with business.scope():
        _written_to(business)
        surveys.fill(plan)
    return business


def _written_to(business: Business) -> None:
    """An SOP wrote to a hundred friends over the last four weeks; some it could not reach."""
    sop = script("新客七天", step(0), step(10, content=article("护肤手册")))
    (version,) = SopVersion.objects.filter(sop=sop)
    steps = list(version.steps.order_by("position"))
    dice = random.Random(7)
    for number, contact in enumerate(Contact.objects.order_by("pk")[:100]):
        day = timezone.now() - timedelta(days=dice.randrange(1, 28))
        run_of = Enrolment.objects.create(
            sop=sop, version=version, contact=contact, started_at=day, state="done"
        )
        for place, one in enumerate(steps):
            at = day.replace(hour=dice.choice([1, 2, 9, 12, 12, 12])) + timedelta(hours=place)
            sent = {"sent_at": at, "delivered_at": at, "state": "delivered"}
            failed = {"state": "skipped", "reason": dice.choice(["no_route", "contact_day_cap"])}
            Touch.objects.create(
                key=f"shop:{number}:{place}", contact=contact, enrolment=run_of, step=one,
                staff=business.staff["sales"], route="mass_task", due_at=at,
                kind=dice.choice(["service", "greeting", "promotion"]),
                **(failed if dice.random() < 0.15 else sent),
            )  # fmt: skip
            if dice.random() < 0.3:
                happen(contact, "message.received", at=at + timedelta(hours=3))


@dataclasses.dataclass
class Visit:
    """A window of a member, and what went wrong in it."""

    page: Page
    url: str
    language: str
    faults: list[str]

    def open(self, path: str) -> None:
        answer = self.page.goto(self.url + path)
        assert answer is not None
        assert answer.status == 200, path
        self.page.wait_for_load_state("networkidle")

    def look(self, name: str, *, whole: bool = False) -> None:
        """The page is sound; SCRM_SHOTS=folder keeps its picture (the whole page) for people."""
        self.is_sound()
        if folder := os.environ.get("SCRM_SHOTS"):
            size = self.page.viewport_size or {"width": 0}
            path = f"{folder}/{name}-{self.language[:2]}-{size['width']}.png"
            self.page.screenshot(path=path, full_page=whole)

    def is_sound(self) -> None:
        """No script failed, nothing was asked elsewhere, and nothing sticks out sideways."""
        assert self.faults == []
        width = "[document.documentElement.scrollWidth, window.innerWidth]"
        content, window = self.page.evaluate(width)
        assert content <= window, self.page.evaluate(WIDE)


def window_on(browser: Browser, url: str, language: str = "zh-CN", size: str = "desktop") -> Visit:
    """Whoever opens it closes its context."""
    width, height = SIZES[size]
    context = browser.new_context(
        locale=language, viewport={"width": width, "height": height}, accept_downloads=True
    )
    page, faults = context.new_page(), list[str]()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.on("request", lambda asked: _note_foreign(asked.url, url, faults))
    return Visit(page, url, language, faults)


@pytest.fixture
def visit(chromium: Browser, web_url: str) -> Iterator[Callable[..., Visit]]:
    windows = []

    def open_window(language: str = "zh-CN", size: str = "desktop") -> Visit:
        windows.append(window_on(chromium, web_url, language, size))
        return windows[-1]

    yield open_window
    for window in windows:
        window.page.context.close()


def _note_foreign(url: str, ours: str, faults: list[str]) -> None:
    if not url.startswith((ours, "data:", "blob:")):
        faults.append(f"asked {url}")


@pytest.fixture
def signed_in(visit: Callable[..., Visit], shop: Business) -> Callable[..., Visit]:
    def sign_in(role: str, business: Business = shop, **how: Any) -> Visit:
        window = visit(**how)
        window.open("/sign-in/")
        window.page.fill("[name=username]", business.users[role].email)
        window.page.fill("[name=password]", PASSWORD)
        window.page.press("[name=password]", "Enter")
        window.page.wait_for_url(lambda url: "/sign-in/" not in url)
        return window

    return sign_in
