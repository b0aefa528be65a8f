"""Taking a list out in the browser: from the list's menu to the file."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from contacts.exports import run
from contacts.models import Contact, Export
from tenants.models import AuditEntry
from tests.conftest import Business

LIST = "admin:contacts_contact_changelist"
ASK = "admin:contacts_export_ask"


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def ids(business: Business) -> dict[str, int]:
    with business.scope():
        rows = [
            Contact.objects.create(
                external_id=name, name=name, phone="+8613800138000", excluded=name == "C"
            )
            for name in "ABC"
        ]
        return {str(row.external_id): row.pk for row in rows}


def latest(business: Business) -> Export:
    with business.scope():
        return Export.objects.latest("id")


def rows_of(browser: Client, job: Export) -> list[dict[str, str]]:
    answer: Any = browser.get(reverse("admin:contacts_export_file", args=[job.pk]))
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def ask(browser: Client, **given: Any) -> Any:
    asked = {"format": "csv", "column": ["external_id", "phone"], "address": "", "ids": ""}
    return browser.post(reverse(ASK, args=["contacts"]), asked | given)


def test_from_the_menu_of_the_list(business: Business, ids: dict[str, int]) -> None:
    browser = business.browser("operator", "zh-hans")
    picked = {"action": "export", "_selected_action": [ids["A"]], "index": "0"}
    page = browser.post(reverse(LIST) + "?excluded__exact=0", picked).content.decode()
    assert 'name="address" value="excluded__exact=0' in page
    assert f'name="ids" value="{ids["A"]}"' in page

    answer = ask(browser, address="excluded__exact=0", ids=str(ids["A"]), who="all")
    job = latest(business)
    assert answer.url == reverse("admin:contacts_export_change", args=[job.pk])
    bar = browser.get(reverse("admin:contacts_export_progress", args=[job.pk])).content.decode()
    assert "every 1s" in bar
    run.work(business.pk)

    assert [(row["客户编号"], row["手机号"]) for row in rows_of(browser, job)] == [
        ("A", "138****8000"), ("B", "138****8000"),
    ]  # fmt: skip
    ask(browser, address="excluded__exact=0", ids=str(ids["C"]), who="chosen")
    run.work(business.pk)
    assert [row["客户编号"] for row in rows_of(browser, latest(business))] == ["C"]
    assert browser.get(answer.url).status_code == 200
    assert browser.get(reverse("admin:contacts_export_changelist")).status_code == 200


def test_searching_narrows_it_as_well(business: Business, ids: dict[str, int]) -> None:
    browser = business.browser("admin")
    ask(browser, address="q=B")
    run.work(business.pk)

    assert [row["external_id"] for row in rows_of(browser, latest(business))] == ["B"]


def test_whole_numbers_need_the_right_and_a_reason(business: Business, ids: dict[str, int]) -> None:
    assert ask(business.browser("operator"), whole="on", reason="just so").status_code == 403
    browser = business.browser("admin")
    assert "need a reason" in ask(browser, whole="on").content.decode()
    assert "at least one column" in ask(browser, column=[]).content.decode()
    ask(browser, whole="on", reason="The call on Monday")
    run.work(business.pk)

    assert rows_of(browser, latest(business))[0]["phone"] == "'+8613800138000"
    with business.scope():
        entry = AuditEntry.objects.get(action="export.queued")
        assert entry.reason == "The call on Monday"
        assert AuditEntry.objects.filter(action="export.downloaded").count() == 1


def test_one_sees_ones_own_only(business: Business, ids: dict[str, int]) -> None:
    ask(business.browser("admin"))
    run.work(business.pk)
    job = latest(business)
    for role in ("owner", "operator"):
        for step in ("change", "file", "progress"):
            path = reverse(f"admin:contacts_export_{step}", args=[job.pk])
            assert business.browser(role).get(path).status_code == 302
    viewer = business.browser("viewer")
    assert viewer.get(reverse(ASK, args=["contacts"])).status_code == 403
    assert 'value="export"' not in viewer.get(reverse(LIST) + "?q=A").content.decode()


def test_orders_events_and_nothing_else(business: Business) -> None:
    browser = business.browser("operator")
    for kind in ("orders", "events"):
        assert browser.get(reverse(ASK, args=[kind])).status_code == 200
        given = {"format": "xlsx", "column": ["contact"]}
        assert browser.post(reverse(ASK, args=[kind]), given).status_code == 302
    assert browser.get(reverse(ASK, args=["people"])).status_code == 404
    run.work(business.pk)
    with business.scope():
        assert set(Export.objects.values_list("status", flat=True)) == {"done"}


def test_an_expired_file_is_gone(business: Business, ids: dict[str, int]) -> None:
    browser = business.browser("admin")
    ask(browser)
    run.work(business.pk)
    with business.scope():
        Export.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    path = reverse("admin:contacts_export_file", args=[latest(business).pk])

    page = browser.get(path, follow=True).content.decode()

    assert "not there" in page and "Download" not in page


def test_every_column_is_offered_in_the_language_of_the_page(business: Business) -> None:
    browser = business.browser("operator", language="zh-hans")
    for kind in ("contacts", "orders", "events"):
        page = browser.get(f"/admin/contacts/export/ask/{kind}/").content.decode()
        offered = re.findall(r'name="column" value="(\w+)"[^>]*>([^<]*)<', page)
        assert len(offered) > 5
        english = [pair for pair in offered if re.search("[A-Za-z]{4}", pair[1])]
        assert english == []
