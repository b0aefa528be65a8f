"""Rules in the admin: typed in rows, never as JSON; what rows cannot say is kept."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from contacts.models import Channel, Tag
from journeys import entry_rules
from journeys.admin.condition_form import ConditionField, PropertiesField
from journeys.admin.entry_form import EntryField
from journeys.models import ScoreRule, Stage
from tests.conftest import Business
from tests.test_admin_acts import open_as


def rows(name: str, *typed: dict[str, Any], join: str = "all") -> dict[str, Any]:
    """What a browser sends for a field of rows."""
    sent: dict[str, Any] = {
        f"{name}-TOTAL_FORMS": len(typed), f"{name}-INITIAL_FORMS": 0, f"{name}-join": join,
    }  # fmt: skip
    for number, row in enumerate(typed):
        sent |= {f"{name}-{number}-{field}": value for field, value in row.items()}
    return sent


def stage_page(stage: Stage) -> tuple[str, dict[str, Any]]:
    page = reverse("admin:journeys_stage_change", args=[stage.pk])
    return page, {"name": "", "purpose": stage.purpose, "place": str(stage.position)}


ENTRY_RULES = [
    *entry_rules.DEFAULT_RULES.values(),
    {},
    {"min_score": 60},
    {"any": [{"fact": "reachable"}, {"event": ["form.answered"], "properties": {"form": "x"}}]},
]
CONDITIONS: list[dict[str, Any]] = [
    {},
    {"field": "phone", "known": True},
    {"field": "phone", "known": False},
    {"field": "gender", "is": "female"},
    {"not": {"field": "source", "is": "referral"}},
    {"field": "custom.城市", "in": ["上海", "杭州"]},
    {"all": [{"tag": "VIP"}, {"not": {"tag": "同行"}}]},
]


@pytest.mark.parametrize("rule", ENTRY_RULES, ids=str)
def test_entry_rules_become_rows_and_rules_again(rule: dict[str, Any]) -> None:
    assert again(EntryField(), rule) == rule


@pytest.mark.parametrize("rule", CONDITIONS, ids=str)
def test_conditions_become_rows_and_conditions_again(rule: dict[str, Any]) -> None:
    assert again(ConditionField(), rule) == rule


def test_properties_keep_their_types() -> None:
    rule = {"properties": {"content": "Price list", "amount": 60}}
    assert again(PropertiesField(), rule) == rule


def again(field: Any, rule: dict[str, Any]) -> dict[str, Any]:
    field.stored = rule
    split = field.split(rule)
    assert split is not None
    sent = rows("r", *split.rows, join=split.join)
    posted = field.widget.value_from_datadict(_Sent(sent), {}, "r")
    built: dict[str, Any] = field.clean(posted)
    return built


class _Sent(dict[str, Any]):
    """A dictionary that answers as a QueryDict does."""

    def getlist(self, name: str) -> list[Any]:
        value = self.get(name, [])
        return value if isinstance(value, list) else [value]


def test_the_rule_of_a_stage_is_typed_in_rows(business: Business) -> None:
    browser = open_as(business, "operator")
    with business.scope():
        stage = Stage.objects.get(key="profiled")
    page, typed = stage_page(stage)

    answer = browser.post(page, typed | rows("rule", {"what": "event"}, {"what": "score"}))
    assert answer.status_code == 200
    shown = answer.content.decode()
    assert "请至少勾选一种行为事件。" in shown and "请填写评分达到多少时成立。" in shown

    chosen = rows(
        "rule",
        {"what": "event", "kinds": ["quiz.answered"], "property": "quiz", "value": "skin"},
        {"what": "score", "score": "30"},
        {"what": ""},
        join="any",
    )
    assert browser.post(page, typed | chosen | {"back_from": ["intent"]}).status_code == 302
    with business.scope():
        assert Stage.objects.get(key="profiled").rule == {
            "any": [
                {"event": ["quiz.answered"], "properties": {"quiz": "skin"}},
                {"min_score": 30},
            ],
            "back_from": ["intent"],
        }
    shown = browser.get(page).content.decode()
    assert 'value="skin"' in shown and "&quot;fact&quot;" not in shown and '"fact"' not in shown


def test_a_rule_with_parts_inside_parts_is_kept_until_replaced(business: Business) -> None:
    browser = open_as(business, "operator")
    nested = {"all": [{"fact": "reachable"}, {"any": [{"fact": "seen"}, {"min_score": 5}]}]}
    with business.scope():
        Stage.objects.filter(key="pending").update(rule=nested)
        stage = Stage.objects.get(key="pending")
    page, typed = stage_page(stage)
    other = rows("rule", {"what": "need_confirmed"})

    assert browser.post(page, typed | other).status_code == 302
    with business.scope():
        assert Stage.objects.get(key="pending").rule == nested
    assert browser.post(page, typed | other | {"rule-replace": "on"}).status_code == 302
    with business.scope():
        assert Stage.objects.get(key="pending").rule == {"fact": "need_confirmed"}


def test_conditions_are_typed_as_people_say_them(business: Business) -> None:
    browser = open_as(business, "operator")
    with business.scope():
        Tag.objects.create(name="VIP")
        Channel.objects.create(name="Shop")
    typed = {"name": "Ladies", "part": "fit", "points": "5", "active": "on"}
    add = reverse("admin:journeys_scorerule_add")

    assert browser.post(add, typed | rows("condition")).status_code == 200
    wrong = rows(
        "condition",
        {"about": "gender", "test": "is", "value": "x"},
        {"about": "birthday", "test": "is", "value": "May"},
        {"about": "owner", "test": "is", "value": "nobody"},
        {"about": "tag", "test": "known"},
    )
    shown = browser.post(add, typed | wrong).content.decode()
    for sentence in ("请填写以下之一", "1990-12-31", "没有名为“nobody”的员工。", "标签只有"):
        assert sentence in shown, sentence

    good = rows(
        "condition",
        {"about": "gender", "test": "in", "value": "女;男"},
        {"about": "custom", "custom": "城市", "test": "not", "value": "上海"},
        {"about": "owner", "test": "is", "value": business.staff["sales"].name},
        {"about": "channel", "test": "unknown"},
        {"about": "tag", "test": "not", "value": "VIP"},
    )
    assert browser.post(add, typed | good).status_code == 302
    with business.scope():
        rule = ScoreRule.objects.get(name="Ladies")
    assert rule.condition == {
        "all": [
            {"field": "gender", "in": ["female", "male"]},
            {"not": {"field": "custom.城市", "is": "上海"}},
            {"field": "owner", "is": business.staff["sales"].userid},
            {"field": "channel", "known": False},
            {"not": {"tag": "VIP"}},
        ]
    }
    page = reverse("admin:journeys_scorerule_change", args=[rule.pk])
    assert 'value="女; 男"' in browser.get(page).content.decode()
    viewer = open_as(business, "viewer").get(page).content.decode()
    assert "condition-0-value" not in viewer and "“VIP”" in viewer
