"""How long until the last chart of each dashboard stands in Chromium, for a large tenant?

Web server, database and browser are real; the time runs from the click to the moment when every
canvas has something drawn on it (or the page has loaded, where there is no chart), as the browser's
own clock tells. Bar: below 1.5 s.

    python -m scrm.local exec --var var/bench -- python -m bench.dashboards [--contacts 100000]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
# Two of this app's own processes speak with the database while the browser's thread waits.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
django.setup()

from django.conf import settings  # noqa: E402 - needs the settings
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402
from playwright.sync_api import Page, sync_playwright  # noqa: E402

from analytics.pages import menu  # noqa: E402
from bench import all_reports, quiet  # noqa: E402
from bench.web_server import served  # noqa: E402
from tenants.models import Membership, Tenant  # noqa: E402
from tenants.scope import scope  # noqa: E402

BAR_MS = 1500
DRAWN = """() => {
  const drawn = (c) => c.width && c.height &&
    c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v) => v > 0);
  const all = [...document.querySelectorAll("canvas")];
  return document.readyState === "complete" && all.every(drawn) && performance.now();
}"""


def session_of(tenant: Tenant) -> str:
    """The cookie of an owner who has signed in and chosen the tenant."""
    with scope(tenant):
        user = Membership.objects.select_related("user").get().user
    client = Client()
    client.force_login(user)
    session = client.session
    session["tenant"] = tenant.pk
    session.save()
    return str(session.session_key)


def to_the_last_chart(page: Page, url: str) -> float:
    """Milliseconds; fails when the page does."""
    answer = page.goto(url)
    if answer is None or answer.status != 200:
        raise SystemExit(f"{url} answered {answer.status if answer else 'nothing'}")
    found: float = page.wait_for_function(DRAWN, polling="raf", timeout=30_000).json_value()
    return found


def run(tenant: Tenant, times: int) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("There is no Chromium here; on Debian: apt-get install chromium")
    print(f"{quiet.machine()}; {times} visits each; {quiet.wait()}")
    missed = []
    with served({}) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        context = browser.new_context(locale="zh-CN", viewport={"width": 1280, "height": 800})
        session = session_of(tenant)
        context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": server.url}]
        )
        page = context.new_page()
        for name, *_others in menu.dashboards():
            first, *took = (
                to_the_last_chart(page, server.url + reverse(name)) for _ in range(times + 1)
            )
            median, worst = statistics.median(took), max(first, *took)
            print(f"  {name:26} first {first:7.0f} ms   p50 {median:7.0f} ms   max {worst:7.0f} ms")
            if worst > BAR_MS:
                missed.append(name)
        browser.close()
    print(f"  MISSED ({BAR_MS} ms): {', '.join(missed)}" if missed else f"  all below {BAR_MS} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    run(all_reports.made(given.contacts), given.times)


if __name__ == "__main__":
    main()
