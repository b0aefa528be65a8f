"""Bringing a file in and taking a list out, in a real browser; both languages, both sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from contacts.exports import run as exports
from contacts.imports import run
from contacts.models import Contact
from tests.browser.conftest import Visit
from tests.browser.test_main_pages import EVERYWHERE, SignIn
from tests.conftest import Business

pytestmark = pytest.mark.browser

TEXT = "Kundennummer,姓名,手机号,城市,备注,生日\n" + "".join(
    f"{{}}{n},客户{n},{'1380013' if n % 9 else '99'}{n:04d},上海,老客户,1990-0{n % 11}-05\n"
    for n in range(60)
)


def choose_columns(window: Visit, file: Path) -> None:
    """From the upload to the trial."""
    page = window.page
    window.open("/admin/contacts/import/add/")
    page.set_input_files("[name=file]", file)
    window.look("1-upload", whole=True)
    page.click("[name=_save]")
    page.wait_for_selector("[name=c0]")
    if page.input_value("[name=c0]") != "external_id":  # else remembered
        page.click("button[value=try]")
        page.wait_for_selector("[role=alert]")
        window.look("2-missing", whole=True)
    page.select_option("[name=c0]", "external_id")
    page.select_option("[name=c4]", "")
    window.look("3-columns", whole=True)
    page.click("button[value=try]")
    page.wait_for_selector("#scrm-import progress")
    window.look("4-queued", whole=True)


@EVERYWHERE
def test_a_file_comes_in_and_goes_again(
    language: str, size: str, shop: Business, signed_in: SignIn, tmp_path: Path
) -> None:
    window = signed_in("admin", language=language, size=size)
    page = window.page
    file = tmp_path / "客户名单.csv"
    file.write_text(TEXT.replace("{}", f"{language}-{size}-"), "gb18030")
    choose_columns(window, file)
    run.work(shop.pk)
    page.wait_for_selector("form[action$='/start/'] button")  # the bar asks by itself
    window.look("5-tried", whole=True)
    page.click("form[action$='/start/'] button")
    page.click("form[action$='/pause/'] button")
    page.click("form[action$='/resume/'] button")
    page.wait_for_selector("form[action$='/pause/'] button")
    run.work(shop.pk)
    page.wait_for_selector("a[href$='/undo/']")
    window.look("6-done", whole=True)
    with shop.scope():
        brought = Contact.objects.filter(external_id__startswith=f"{language}-{size}-")
        assert 0 < brought.count() < 60  # some rows are refused
    page.click("a[href$='/undo/']")
    page.wait_for_selector("text=客户1")
    window.look("7-undo", whole=True)
    page.click("form:has(table) button")
    page.wait_for_selector("#scrm-import progress")
    run.work(shop.pk)
    page.wait_for_selector("#scrm-import:not([hx-get])")
    window.look("8-undone", whole=True)
    with shop.scope():
        assert not brought.exists()


@EVERYWHERE
def test_a_list_goes_out(language: str, size: str, shop: Business, signed_in: SignIn) -> None:
    window = signed_in("admin", language=language, size=size)
    page = window.page
    window.open("/admin/contacts/export/ask/contacts/")
    window.look("9-ask", whole=True)
    page.click(".scrm-buttons button")
    page.wait_for_selector("#scrm-export progress")
    exports.work(shop.pk)
    page.wait_for_selector("a[href$='/file/']")
    window.look("10-export", whole=True)
    with page.expect_download() as download:
        page.click("a[href$='/file/']")
    text = Path(download.value.path()).read_text("utf-8-sig")
    assert text.count("\n") > 100
    assert ("客户编号" in text) == (language == "zh-CN")
    window.open("/admin/contacts/export/")
    window.look("11-exports", whole=True)
