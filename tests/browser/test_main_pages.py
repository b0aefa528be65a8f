"""Sign-in, contact list, desk and dashboards in a real browser; both languages, both sizes."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from contacts.models import Contact
from journeys.models import Lead
from tests.browser.conftest import Visit
from tests.conftest import Business

pytestmark = pytest.mark.browser

EVERYWHERE = pytest.mark.parametrize(
    ("language", "size"),
    [("zh-CN", "desktop"), ("zh-CN", "phone"), ("en-US", "desktop"), ("en-US", "phone")],
)
SignIn = Callable[..., Visit]


@EVERYWHERE
def test_signing_in(
    language: str, size: str, visit: Callable[..., Visit], shop: Business, signed_in: SignIn
) -> None:
    window = visit(language=language, size=size)
    window.open("/sign-in/")
    window.page.fill("[name=username]", shop.users["viewer"].email)
    window.page.fill("[name=password]", "wrong password")
    window.page.press("[name=password]", "Enter")
    window.page.wait_for_selector("[role=alert]")
    wrong = "E-mail or password is wrong." if language == "en-US" else "密码"
    assert wrong in window.page.inner_text("[role=alert]")

    window = signed_in("operator", language=language, size=size)
    assert window.page.url.endswith("/admin/")
    window.is_sound()


@EVERYWHERE
def test_the_contact_list_finds_two_characters(
    language: str, size: str, shop: Business, signed_in: SignIn
) -> None:
    with shop.scope():
        contact = Contact.objects.exclude(phone=None).order_by("id")[0]
        phone = str(contact.phone)
    window = signed_in("operator", language=language, size=size)
    window.open(f"/admin/contacts/contact/?q={contact.name[-2:]}")

    text = window.page.inner_text("#result_list, table")
    assert contact.name in text
    assert phone not in window.page.content() and phone[3:] not in window.page.content()
    window.is_sound()


@EVERYWHERE
def test_a_lead_is_taken_worked_and_closed(
    language: str, size: str, shop: Business, signed_in: SignIn
) -> None:
    with shop.scope():
        contact = Contact.objects.create(name=f"测试{language[:2]}{size[:1]}")
        Lead.objects.create(contact=contact, key=1e12, score_at_start=99)
    window = signed_in("sales", language=language, size=size)
    page = window.page
    assert page.url.endswith("/desk/")
    assert contact.name in page.inner_text(".leads")
    window.is_sound()

    page.click(".head .button.primary")
    page.wait_for_url("**/desk/leads/**")
    assert page.inner_text("h1") == contact.name
    window.is_sound()
    page.fill("[name=note]", "约好周末到店")
    page.check("[name=need_confirmed]")
    page.click("form[action$='follow-up/'] .button.primary")
    page.wait_for_selector("text=约好周末到店")
    page.fill("[name=reason]", "买了两套")
    page.click("form[action$='outcome/'] .button")
    page.wait_for_url("**/desk/")
    with shop.scope():
        assert Lead.objects.get(contact=contact).state == "won"


@EVERYWHERE
@pytest.mark.parametrize("name", ["funnel", "value"])
def test_a_dashboard_draws_what_the_api_says(
    name: str, language: str, size: str, shop: Business, signed_in: SignIn, tmp_path: Path
) -> None:
    today = datetime.datetime.now(shop.tenant.tz).date()
    start, end = today - datetime.timedelta(days=60), today + datetime.timedelta(days=1)
    window = signed_in("viewer", language=language, size=size)
    window.open(f"/dashboards/{name}/?from={start}&through={today}")
    page = window.page

    page.wait_for_timeout(800)  # the chart moves into place
    drawn = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0)"
    assert page.eval_on_selector("canvas", drawn)
    window.is_sound()

    with page.expect_download() as download:
        page.click("a[href*='export=csv']")
    download.value.save_as(tmp_path / "export.csv")
    rows = list(csv.reader(io.StringIO((tmp_path / "export.csv").read_text("utf-8-sig"))))
    asked = {"from": str(start), "to": str(end)} | (
        {"mode": "cohort"} if name == "funnel" else {"group": "channel"}
    )
    answer = requests.get(
        f"{window.url}/api/v1/reports/{name}",
        params=asked,
        headers={"Authorization": f"Bearer {shop.key}"},
        timeout=30,
    ).json()
    cells = [cell.replace(",", "") for row in rows for cell in row]
    if name == "funnel":
        assert all(str(stage["reached"]) in cells for stage in answer["stages"])
    else:
        assert all(str(row["new_contacts"]) in cells for row in answer["rows"])
