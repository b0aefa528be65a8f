"""A segment is built by clicking: groups, pickers, the live estimate, what is at fault."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from contacts.models import Contact, Segment
from contacts.segments import leaves, rules, upkeep
from tests.browser.conftest import Visit
from tests.browser.test_main_pages import EVERYWHERE
from tests.conftest import Business
from tests.contacts.segments.people import did, members, person

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


# --- properties of events ---

FILLED = "cart.filled"


@pytest.fixture
def carts(shop: Business) -> None:
    """Carts of 50, 150, 500 and 900, the last of them without a number."""
    with shop.scope():
        if Contact.objects.filter(name="Cart 50").exists():
            return
        for amount in ("50", "150", "500.00", "900", "much"):
            did(person(f"Cart {amount}"), FILLED, amount=amount, city="杭州")


class Builder:
    """The builder on a new segment's page, with a condition on carts and a property to fill in."""

    def __init__(self, window: Visit) -> None:
        self.window, self.page = window, window.page
        self.chinese = window.language == "zh-CN"
        window.open("/admin/contacts/segment/add/")
        self.row = self.page.locator(".scrm-condition").first
        choose(self.row, "event", FILLED)
        self.add()

    def add(self) -> None:
        name = "限定属性" if self.chinese else "Only with property"
        self.page.get_by_role("button", name=name).click()

    def ask(self, name: str, test: str, *typed: str) -> None:
        """The last property has to be like this."""
        line = self.page.locator(".scrm-property").last
        line.locator("input").first.fill(name)
        line.locator("select").select_option(test)
        for place, text in enumerate(typed):
            line.locator("input").nth(place + 1).fill(text)

    def finds(self, number: int) -> None:
        english = f"{number} contact{'s' * (number > 1)} now"
        said = f"目前 {number} 位客户" if self.chinese else english
        expect(self.page.locator("[data-estimate]")).to_contain_text(said)
        expect(self.row.locator("> .scrm-error")).to_be_hidden()

    def complains(self, chinese: str, english: str) -> None:
        """At the condition itself."""
        said = chinese if self.chinese else english
        expect(self.row.locator("> .scrm-error")).to_contain_text(said)

    def save(self) -> None:
        self.page.locator("[name=_save]").click()


@EVERYWHERE
def test_a_property_is_asked_by_its_number(
    language: str, size: str, shop: Business, carts: None, signed_in: SignIn
) -> None:
    builder = Builder(signed_in("operator", language=language, size=size))
    for test, typed, number in (
        ("at_least", ("150",), 3),
        ("at_most", ("150",), 2),
        ("is", ("500",), 1),
        ("in", ("50; 900; 7",), 2),
        ("range", ("100", "500"), 2),
    ):
        builder.ask("amount", test, *typed)
        builder.finds(number)
    builder.add()
    builder.ask("city", "in", "杭州; 上海")
    builder.finds(2)
    builder.window.look("segment-property", whole=True)

    name = f"Carts {language} {size}"
    builder.page.fill("#id_name", name)
    builder.save()
    builder.page.wait_for_url(lambda url: url.endswith("/segment/"))
    upkeep.work(shop.pk)

    with shop.scope():
        made = Segment.objects.get(name=name)
        assert members(made) == {"Cart 150", "Cart 500.00"}
    wanted = {"amount": {"at_least": 100, "at_most": 500}, "city": ["杭州", "上海"]}
    assert made.rule == {"all": [{"event": {"kind": FILLED, "properties": wanted}}]}
    builder.window.open(f"/admin/contacts/segment/{made.pk}/change/")
    builder.finds(2)
    assert builder.page.locator(".scrm-property").count() == 2
    builder.window.look("segment-saved", whole=True)


@EVERYWHERE
def test_what_is_wrong_is_said_at_the_condition(
    language: str, size: str, shop: Business, carts: None, signed_in: SignIn
) -> None:
    builder = Builder(signed_in("operator", language=language, size=size))
    builder.page.fill("#id_name", "Never saved")

    builder.ask("amount", "range", "500", "100")
    builder.complains("前一个数大于后一个数", "The first number is above the second")
    builder.ask("amount", "range", "100", "")
    builder.save()
    builder.complains("请补全此处", "Fill in what is missing here")
    builder.ask("amount", "range", "100", "500")
    builder.add()
    builder.ask("amount", "at_most", "7")
    builder.complains("“amount”重复出现", "“amount” stands here twice")
    builder.window.look("segment-wrong", whole=True)
    builder.save()
    builder.ask("city", "is", "1" * 20)
    builder.complains("请填写数字", "Write a number")

    builder.save()
    builder.page.wait_for_load_state("networkidle")
    builder.complains("请填写数字", "Write a number")
    assert builder.page.locator(".scrm-property").count() == 2
    assert builder.page.url.endswith("/add/")
    with shop.scope():
        assert not Segment.objects.filter(name="Never saved").exists()


AS_THEY_WERE: list[Any] = [
    {"event": {"kind": "a", "properties": {"n": {"at_least": 1.5}, "m": {"at_most": -3}}}},
    {"event": {"kind": ["a", "b"], "properties": {"n": {"at_least": 1, "at_most": 2}}}},
    {"event": {"kind": "a", "properties": {"n": {"is": 0}, "city": ["杭州", "上海"], "x": "1"}}},
    {"event": {"kind": "a", "count": {"at_least": 2, "at_most": 5}, "distinct": "piece"}},
    {"event": {"kind": "a", "count": {"at_most": 0}, "within_days": 14}},
    {"event": {"kind": "a", "count": {"is": 3}, "after": "2026-01-31", "before": "2026-02-28"}},
    {"order": {"count": {"at_least": 1, "at_most": 4}, "sku": ["A-1", "B-2"]}},
    {"order": {"sum": {"at_least": "1000.00", "at_most": "2000"}}},
    {"field": "name", "in": ["A", "B"]},
    {"field": "age", "at_least": 18, "at_most": 40},
    {"not": {"field": "acquired_at", "after": "2026-01-01"}},
    {"not": {"any": [{"field": "phone", "known": True}, {"tag": ["x", "y"]}]}},
    {"segment": "Loyal"},
]
# Written otherwise, meant the same.
OTHERWISE: list[tuple[Any, Any]] = [
    ({"event": "a", "within_days": 3}, {"event": {"kind": "a", "within_days": 3}}),
    ({"event": {"kind": "a", "count": 2}}, {"event": {"kind": "a", "count": {"at_least": 2}}}),
    ({"tag": {"any": ["x"]}}, {"tag": "x"}),
    ({"field": {"name": "age", "at_most": 9}}, {"field": "age", "at_most": 9}),
    ({"order": {"sum": {"is": 5}}}, {"order": {"sum": {"at_least": "5", "at_most": "5"}}}),
]
# What no row of inputs could give back stays as it is.
RAW: list[Any] = [
    {"event": {"kind": "a", "properties": {"said": "one; two"}}},
    {"event": {"kind": "a", "after": "2026-01-31T10:00:00+08:00"}},
    {"field": "name", "is": " A"},
]


def test_rules_of_the_api_come_back_from_the_builder(shop: Business, signed_in: SignIn) -> None:
    window = signed_in("operator")
    window.open("/admin/contacts/segment/add/")
    there_and_back = """given => {
      const schema = JSON.parse(document.getElementById("segment-schema").textContent);
      const rules = window.segmentRules(schema);
      return given.map((rule) => {
        const tree = rules.treeOf(rule);
        return [rules.jsonOf(tree, ""), Boolean(tree.raw)];
      });
    }"""

    rows = window.page.evaluate(there_and_back, AS_THEY_WERE)
    others = window.page.evaluate(there_and_back, [given for given, _meant in OTHERWISE])
    raw = window.page.evaluate(there_and_back, RAW)

    assert rows == [[rule, False] for rule in AS_THEY_WERE]
    assert others == [[meant, False] for _given, meant in OTHERWISE]
    assert raw == [[rule, True] for rule in RAW]
    for rule in [*AS_THEY_WERE, *RAW, *(given for given, _meant in OTHERWISE)]:
        rules.parse(rule, leaves.readers)
