"""A segment is built by clicking: groups, pickers, the live estimate, what is at fault."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from contacts.models import Contact, Segment
from contacts.segments import upkeep
from tests.browser.conftest import Visit
from tests.conftest import Business
from tests.contacts.segments.people import members

pytestmark = pytest.mark.browser
SignIn = Callable[..., Visit]


@pytest.mark.parametrize(
    ("language", "size", "counted"),
    [
        ("zh-CN", "desktop", r"目前 \d+ 位客户"),
        ("zh-CN", "phone", r"目前 \d+ 位客户"),
        ("en-US", "phone", r"\d+ contacts? now"),
    ],
)
def test_a_rule_is_built_by_clicking(
    language: str, size: str, counted: str, shop: Business, signed_in: SignIn
) -> None:
    window = signed_in("operator", language=language, size=size)
    page, name = window.page, f"Readers {language} {size}"
    window.open("/admin/contacts/segment/add/")
    page.fill("#id_name", name)
    choose(page.locator(".scrm-condition").first, "event", "content.read")
    page.locator(".scrm-condition input[type=number]").first.fill("2")
    estimate = page.locator("[data-estimate]")
    expect(estimate).to_contain_text(re.compile(counted))
    page.locator(".scrm-group > .scrm-row").last.locator("button").nth(1).click()
    choose(page.locator(".scrm-group .scrm-group .scrm-condition").first, "gender", "female")
    expect(estimate).to_contain_text(re.compile(counted))
    window.is_sound()

    page.locator("[name=_save]").click()
    page.wait_for_url(lambda url: url.endswith("/segment/"))
    upkeep.work(shop.pk)

    with shop.scope():
        made = Segment.objects.get(name=name)
        women = set(Contact.objects.filter(gender="female").values_list("name", flat=True))
        assert members(made) <= women
    assert made.rule == {
        "all": [
            {"event": {"kind": "content.read", "count": {"at_least": 2}}},
            {"any": [{"field": "gender", "is": "female"}]},
        ]
    }
    page.locator("#result_list").get_by_role("link", name=name).click()
    page.wait_for_load_state("networkidle")
    assert page.locator(".scrm-condition").count() == 2
    expect(page.locator("[data-estimate]")).to_contain_text(re.compile(counted))
    window.is_sound()


def choose(row: Locator, what: str, value: str) -> None:
    """A condition on something, with one value picked from the list."""
    row.locator("select").first.select_option(what)
    row.locator("[role=combobox]").fill(value)
    row.locator(f"[data-value='{value}']").click()
