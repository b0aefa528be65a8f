"""Steps with routes to fans, as they are written on the page and through the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from journeys.models import Sop, SopStep
from tenants import ids
from tenants.models import WeChatAccount
from tests.conftest import Business
from tests.test_admin_acts import open_as
from tests.test_admin_journeys import step as typed

V1 = "/api/v1"
STEP: dict[str, Any] = {
    "delay_minutes": 0,
    "route": "template",
    "fallbacks": ["oa_message", "mass_task"],
    "text": "Dear {name}",
    "template_id": "tmpl-1",
    "template_fields": {"thing1": "{name}", "time2": "today"},
}


@pytest.fixture
def account(business: Business) -> WeChatAccount:
    with business.scope():
        return WeChatAccount.objects.create(
            kind=WeChatAccount.Kind.OFFICIAL, name="Official", app_id="wx1", secret="s"
        )


def test_a_step_is_written_with_its_routes_and_template(
    business: Business, account: WeChatAccount
) -> None:
    browser = open_as(business, "operator")
    with business.scope():
        sop = Sop.objects.create(name="Fans")
    page = reverse("admin:journeys_sop_steps", args=[sop.pk])
    management = {"steps-TOTAL_FORMS": "1", "steps-INITIAL_FORMS": "0"}
    given = {
        "delay_minutes": "5", "route": "template", "second": "oa_message", "third": "mass_task",
        "text": "Dear {name}", "official": str(account.pk), "template_id": "tmpl-1",
        "template_fields": "thing1: Dear: {name}\n time2：today \n",
    }  # fmt: skip

    assert browser.post(page, management | typed(0, **given)).status_code == 302

    with business.scope():
        step = SopStep.objects.get()
        assert step.routes == ["template", "oa_message", "mass_task"]
        assert step.template_fields == {"thing1": "Dear: {name}", "time2": "today"}
        assert (step.official_id, step.template_id) == (account.pk, "tmpl-1")
    html = browser.get(page).content.decode()
    assert "thing1: Dear: {name}" in html
    assert "time2: today" in html
    assert '<option value="mass_task" selected>' in html
    shown = browser.get(reverse("admin:journeys_sop_change", args=[sop.pk])).content.decode()
    assert "tmpl-1" in shown
    assert "→" in shown


@pytest.mark.parametrize(
    "fields",
    [
        {"template_fields": "thing1"},
        {"template_fields": "thing1: a\nthing1: b"},
        {"template_fields": "thing 1: a"},
        {"template_fields": "\n".join(f"f{n}: x" for n in range(21))},
        {"route": "oa_message", "text": ""},
        {"second": "none"},
    ],
)
def test_a_step_typed_wrong_is_shown_again(
    business: Business, account: WeChatAccount, fields: dict[str, str]
) -> None:
    browser = open_as(business, "operator")
    with business.scope():
        sop = Sop.objects.create(name="Fans")
    page = reverse("admin:journeys_sop_steps", args=[sop.pk])
    management = {"steps-TOTAL_FORMS": "1", "steps-INITIAL_FORMS": "0"}
    given = {"delay_minutes": "5", "route": "template", "template_id": "t", **fields}

    assert browser.post(page, management | typed(0, **given)).status_code == 200

    with business.scope():
        assert not SopStep.objects.exists()


def test_the_api_writes_and_shows_routes_and_templates(
    business: Business, account: WeChatAccount
) -> None:
    api = business.api()
    step = STEP | {"official": ids.encode(account.pk)}

    made = api.post(f"{V1}/sops", {"name": "Fans", "steps": [step]}).json()
    shown = api.get(f"{V1}/sops/{made['id']}").json()["steps"][0]
    published = api.post(f"{V1}/sops/{made['id']}/publish")

    assert {name: shown[name] for name in step} == step
    assert published.status_code == 200
    preview = api.get(f"{V1}/sops/{made['id']}/preview").json()
    assert preview["steps"][0]["fallbacks"] == ["oa_message", "mass_task"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"fallbacks": ["pigeon"]}, "fallbacks"),
        ({"fallbacks": ["mass_task"] * 4}, "fallbacks"),
        ({"template_fields": {"a b": "x"}}, "template_fields"),
        ({"template_fields": {f"f{n}": "x" for n in range(21)}}, "template_fields"),
        ({"template_fields": "x"}, "template_fields"),
        ({"template_id": "x" * 65}, "template_id"),
        ({"official": "nobody"}, "official"),
    ],
)
def test_the_api_refuses_wrong_routes_by_field(
    business: Business, wrong: dict[str, Any], field: str
) -> None:
    answer = business.api().post(f"{V1}/sops", {"name": "Fans", "steps": [STEP | wrong]})

    assert answer.status_code == 400
    assert all(name.startswith(f"steps.0.{field}") for name in answer.json()["error"]["fields"])


def test_a_wecom_account_is_no_official_account(business: Business) -> None:
    with business.scope():
        wecom = WeChatAccount.objects.create(name="WeCom", app_id="ww1", secret="s")
    step = STEP | {"official": ids.encode(wecom.pk)}

    answer = business.api().post(f"{V1}/sops", {"name": "Fans", "steps": [step]})

    assert answer.status_code == 400
