"""A new operator's first day with contacts, in one sitting, from files to a forgotten person."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from contacts import timeline
from contacts.exports import run as exports
from contacts.imports import run
from contacts.models import Contact, ContactTag, Duplicate, Segment, Tag
from contacts.segments import upkeep
from contacts.tag_rules import upkeep as tag_upkeep
from tests.browser.conftest import Visit
from tests.browser.test_segment_builder import choose
from tests.conftest import Business, make_business
from tests.contacts.first_day import files
from tests.contacts.segments.people import members

pytestmark = pytest.mark.browser


def test_an_operators_first_day(
    signed_in: Callable[..., Visit], database: None, tmp_path: Path
) -> None:
    business = make_business("新店")
    window = signed_in("operator", business=business)
    for kind, file in files(tmp_path):
        bring(window, business, kind, file)
    find_and_merge_a_duplicate(window, business)
    build_a_segment(window, business)
    tag_by_rule(window, business)
    assert export(window, business) == [("C1", "138****0001")]
    see_and_erase(signed_in("admin", business=business), business)


def bring(window: Visit, business: Business, kind: str, file: Path) -> None:
    page = window.page
    window.open("/admin/contacts/import/add/")
    page.select_option("[name=kind]", kind)
    page.set_input_files("[name=file]", file)
    page.click("[name=_save]")
    page.wait_for_selector("[name=c0]")
    if kind == "contacts":
        window.look("story-1-columns")
    page.click("button[value=try]")
    page.wait_for_selector("#scrm-import progress")
    run.work(business.pk)
    page.wait_for_selector("form[action$='/start/'] button")
    if kind == "contacts":
        window.look("story-2-tried")
    page.click("form[action$='/start/'] button")
    page.wait_for_selector("form[action$='/pause/'] button")
    run.work(business.pk)
    page.wait_for_selector("#scrm-import:not([hx-get])")
    with business.scope():
        timeline.drain_all()


def find_and_merge_a_duplicate(window: Visit, business: Business) -> None:
    page = window.page
    window.open("/admin/contacts/contact/?q=13800000001")
    window.look("story-3-found")
    assert page.locator("#result_list").inner_text().count("林小雨") == 2
    window.open("/admin/contacts/duplicate/")
    window.look("story-4-duplicates")
    page.locator("#result_list").get_by_role("link", name="林小雨").first.click()
    page.wait_for_load_state("networkidle")
    expect(page.locator(".scrm-compare")).to_contain_text("2026-10-01 00:00")
    window.look("story-5-compared", whole=True)
    page.locator("a[href*='/merge/']", has_text="合并").first.click()
    page.click("#dialog form button[type=submit]")
    page.wait_for_url("**/contact/*/change/**")
    with business.scope():
        assert not Duplicate.objects.exists()
        assert list(Contact.objects.filter(name="林小雨").values_list("external_id")) == [("C1",)]
    window.look("story-6-merged")


def build_a_segment(window: Visit, business: Business) -> None:
    page = window.page
    window.open("/admin/contacts/segment/add/")
    page.fill("#id_name", "看过两篇还没买")
    add = page.locator(".scrm-group > .scrm-row").last.locator("button").first
    rows = page.locator(".scrm-condition")
    pick(rows.nth(0), "美妆")
    add.click()
    choose(rows.nth(1), "event", "content.read")
    rows.nth(1).locator("input[type=number]").first.fill("2")
    rows.nth(1).locator("select", has=page.locator("option[value=last]")).select_option("last")
    rows.nth(1).locator("input[type=number]").nth(1).fill("14")
    add.click()
    rows.nth(2).locator("select").first.select_option("order")
    rows.nth(2).locator("select").nth(1).select_option("not")
    add.click()
    pick(rows.nth(3), "竞品")
    rows.nth(3).locator("select").nth(1).select_option("not")
    expect(page.locator("[data-estimate]")).to_contain_text("目前 1 位客户")
    window.look("story-7-segment")
    page.click("[name=_save]")
    page.wait_for_url(lambda url: url.endswith("/segment/"))
    upkeep.work(business.pk)
    with business.scope():
        assert members(Segment.objects.get()) == {"林小雨"}


def pick(row: Locator, tag: str) -> None:
    """A condition on a tag, found by its name."""
    row.locator("[role=combobox]").fill(tag)
    row.locator("[role=option]", has_text=tag).click()


def tag_by_rule(window: Visit, business: Business) -> None:
    page = window.page
    with business.scope():
        Tag.objects.create(name="重点培育")
    window.open("/admin/contacts/tagrule/add/")
    page.fill("#id_name", "重点培育")
    row = page.locator(".scrm-condition").first
    row.locator("select").first.select_option("segment")
    row.locator("[role=combobox]").fill("看过")
    row.locator("[role=option]", has_text="看过两篇还没买").click()
    page.check("#id_run_on_existing", force=True)
    page.locator(".field-adds .select2-selection").click()
    page.locator(".field-adds .select2-search__field").fill("重点")
    page.locator(".select2-results__option", has_text="重点培育").click()
    window.look("story-8-tag-rule")
    page.click("[name=_save]")
    page.wait_for_url(lambda url: url.endswith("/tagrule/"))
    tag_upkeep.work(business.pk)
    with business.scope():
        worn = ContactTag.objects.filter(tag__name="重点培育")
        assert [each.contact.external_id for each in worn] == ["C1"]
        assert worn[0].by.startswith("rule:")


def export(window: Visit, business: Business) -> list[tuple[str, str]]:
    """The segment, as a file: whom it names, with which phone."""
    page = window.page
    with business.scope():
        segment = Segment.objects.get()
    window.open(f"/admin/contacts/contact/?segment={segment.pk}")
    window.look("story-9-list")
    page.check("#action-toggle", force=True)
    page.select_option("select[name=action]", "export")
    page.click("#changelist-actions button[type=submit]")
    page.wait_for_selector(".scrm-buttons button")
    window.look("story-10-export")
    page.click(".scrm-buttons button")
    page.wait_for_selector("#scrm-export progress")
    exports.work(business.pk)
    page.wait_for_selector("a[href$='/file/']")
    with page.expect_download() as download:
        page.click("a[href$='/file/']")
    text = Path(download.value.path()).read_text("utf-8-sig")
    return [(row["客户编号"], row["手机号"]) for row in csv.DictReader(io.StringIO(text))]


def see_and_erase(window: Visit, business: Business) -> None:
    page = window.page
    with business.scope():
        person = Contact.objects.get(external_id="C5")
    window.open(f"/admin/contacts/contact/{person.pk}/change/")
    page.get_by_role("link", name="此人的全部信息").click()
    page.fill("[name=reason]", "本人来函要求查阅")
    with page.expect_download() as download:
        page.click("form.scrm-card button[type=submit]")
    with zipfile.ZipFile(download.value.path()) as archive:
        told = "".join(archive.read(name).decode() for name in archive.namelist())
    assert "周雨晨" in told and "+8613800000005" in told
    window.open(f"/admin/contacts/contact/{person.pk}/change/")
    page.get_by_role("link", name="删除此人信息").click()
    page.fill("[name=reason]", "本人来函要求删除")
    window.look("story-11-erase")
    page.click("form.scrm-card button[type=submit]")
    page.wait_for_url("**/change/**")
    window.look("story-12-erased")
    window.open("/admin/contacts/contact/?q=周雨晨")
    assert "周雨晨" not in page.locator("#changelist").inner_text()
    with business.scope():
        assert Contact.objects.get(pk=person.pk).phone is None
