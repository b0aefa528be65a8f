"""The pages of an import: upload, columns, trial, import, pause, undo."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from contacts.imports import run
from contacts.models import Contact, Import
from tenants.models import AuditEntry
from tests.conftest import Business
from tests.contacts.imports.conftest import counts

TEXT = "Kundennummer,姓名,手机号,城市,备注\nA,张三,13800138000,上海,x\nB,李四,1234,北京,\n"


def address(step: str, job: Import) -> str:
    return reverse(f"admin:contacts_import_{step}", args=[job.pk])


def upload(browser: Client, content: bytes, name: str = "客户.csv", kind: str = "contacts") -> Any:
    file = SimpleUploadedFile(name, content)
    return browser.post(reverse("admin:contacts_import_add"), {"kind": kind, "file": file})


def latest(business: Business) -> Import:
    with business.scope():
        return Import.objects.latest("id")


def choices(titles: str, *values: str) -> dict[str, str]:
    found = {f"t{n}": title for n, title in enumerate(titles.split(","))}
    return found | {f"c{n}": value for n, value in enumerate(values)}


def test_from_the_upload_to_the_rows(business: Business) -> None:
    browser = business.browser("operator")
    upload(browser, TEXT.encode("gb18030"))
    job = latest(business)

    page = browser.get(address("columns", job)).content.decode()
    assert "No column is chosen for: external id." in page
    assert "张三 · 李四" in page
    assert '<option value="name" selected>' in page.replace('" >', '">')

    titles = TEXT.partition("\n")[0]
    wrong = browser.post(address("columns", job), choices(titles, "name", "name", "phone", "", ""))
    assert wrong.status_code == 200
    assert "external id" in wrong.content.decode()
    chosen = choices(titles, "external_id", "name", "phone", "custom", "")
    answer: Any = browser.post(address("columns", job), chosen | {"do": "try"})
    assert (answer.status_code, answer.url) == (302, address("change", job))
    assert 'hx-trigger="every 1s"' in browser.get(address("progress", job)).content.decode()
    run.work(business.pk)

    tried = browser.get(address("change", job)).content.decode()
    assert "Tried: nothing was written" in tried and "Import now" in tried
    assert "<td>3</td>" in tried and "<td>1234</td>" in tried  # line and value of the bad row
    assert "hx-trigger" not in browser.get(address("progress", job)).content.decode()
    with business.scope():
        assert not Contact.objects.exists()


def test_from_the_trial_to_the_next_file(business: Business) -> None:
    browser = business.browser("operator")
    upload(browser, TEXT.encode())
    job = latest(business)
    chosen = choices(TEXT.partition("\n")[0], "external_id", "name", "phone", "custom", "")
    browser.post(address("columns", job), chosen | {"do": "try"})
    run.work(business.pk)

    assert browser.post(address("start", job)).status_code == 302
    run.work(business.pk)

    with business.scope():
        job.refresh_from_db()
        assert counts(job) == (1, 0, 0, 1)
        contact = Contact.objects.get()
        assert (contact.external_id, contact.custom) == ("A", {"城市": "上海"})
        assert job.mapping == {"Kundennummer": "external_id", "备注": ""}
    refused = browser.get(address("refused", job))
    assert "B,李四,1234" in b"".join(refused).decode("utf-8-sig")

    upload(browser, TEXT.encode())  # what was chosen is remembered
    page = browser.get(address("columns", latest(business))).content.decode()
    assert "No column is chosen" not in page


def test_chinese_words_for_the_columns(business: Business) -> None:
    browser = business.browser("operator", "zh-hans")
    upload(browser, TEXT.encode())

    page = browser.get(address("columns", latest(business))).content.decode()

    assert ">手机号</option>" in page and "客户编号" in page


def test_a_file_that_cannot_be_read_says_so(business: Business) -> None:
    browser = business.browser("operator")
    upload(browser, b"%PDF-1.7 is no table", "contacts.csv")
    job = latest(business)

    answer = browser.get(address("columns", job), follow=True)

    assert "neither CSV nor XLSX" in answer.content.decode()
    job = latest(business)
    assert (job.status, job.error_code) == ("failed", "file_type")


def test_only_the_head_of_a_workbook_is_read_for_a_look(business: Business) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in [["客户编号", "姓名"], *([f"C{n}", f"Name {n}"] for n in range(200))]:
        book.active.append(row)
    data = io.BytesIO()
    book.save(data)
    browser = business.browser("operator")
    upload(browser, data.getvalue(), "客户.xlsx")
    job = latest(business)

    assert "C0 · C1 · C2" in browser.get(address("columns", job)).content.decode()
    browser.post(
        address("columns", job), choices("客户编号,姓名", "external_id", "name") | {"do": "import"}
    )
    run.work(business.pk)

    assert counts(latest(business)) == (200, 0, 0, 0)


def test_pausing_resuming_and_undoing(business: Business) -> None:
    browser = business.browser("operator")
    upload(browser, "客户编号,姓名\nA,Ann\nB,Bo\n".encode())
    job = latest(business)
    browser.post(
        address("columns", job), choices("客户编号,姓名", "external_id", "name") | {"do": "import"}
    )

    assert "Pause" in browser.get(address("progress", job)).content.decode()
    browser.post(address("pause", job))
    assert latest(business).status == "paused"
    again = browser.post(address("pause", job), follow=True).content.decode()
    assert "Only an import that is queued or running can be paused." in again
    browser.get(address("resume", job))  # reading a page never acts
    assert latest(business).status == "paused"
    browser.post(address("resume", job))
    run.work(business.pk)

    page = browser.get(address("undo", job)).content.decode()
    assert "This import created 2 rows." in page and "Ann, A" in page
    with business.scope():
        assert Contact.objects.count() == 2
    browser.post(address("undo", job))
    run.work(business.pk)

    assert latest(business).status == "undone"
    with business.scope():
        assert not Contact.objects.exists()
        log = AuditEntry.objects.filter(action__startswith="import.")
        assert [entry.action for entry in log.order_by("id")] == [
            "import.created", "import.queued", "import.paused", "import.resumed", "import.undone",
        ]  # fmt: skip
    gone = browser.get(address("undo", job), follow=True).content.decode()
    assert "This import was undone already." in gone


@pytest.mark.parametrize("role", ["viewer", "sales"])
def test_who_may_not(business: Business, role: str, tmp_path: Path) -> None:
    with business.scope():
        job = run.bring("contacts", io.BytesIO(b"external_id\nA\n"), "a.csv", draft=True)
    browser = business.browser(role)
    for step in ("columns", "start", "progress", "pause", "resume", "undo", "refused"):
        assert browser.post(address(step, job)).status_code in {302, 403}
    assert latest(business).status == "draft"
