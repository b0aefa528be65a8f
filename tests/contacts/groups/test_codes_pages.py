"""Group codes and welcomes on their pages and in the API; customers of resigned staff assigned."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from contacts.groups import join_codes, reading, welcomes
from contacts.models import (
    Group,
    GroupFigures,
    GroupJoinCode,
    GroupWelcome,
    TransferBatch,
    TransferItem,
)
from contacts.sync import running
from tests.wechat_fixtures import WeChat


@pytest.fixture
def group(wechat: WeChat) -> Group:
    wechat.join("amy")
    person = wechat.sim("customers", name="Ding")["customer"]
    made = wechat.act("group_create", owner="amy", name="Mothers", members=[person])
    wechat.settle()
    reading.work(wechat.business.pk)
    with wechat.business.scope():
        found: Group = Group.objects.get(chat_id=made["chat_id"])
        return found


def test_a_code_is_made_by_its_page_and_counted(wechat: WeChat, group: Group) -> None:
    browser = wechat.business.browser("operator")

    answer = browser.post(
        reverse("admin:contacts_groupjoincode_add"),
        {"name": "Door", "account": wechat.account.pk, "led_groups": [group.pk],
         "base_number": 1, "makes_more": "on"},
    )  # fmt: skip

    assert answer.status_code == 302, answer.content.decode()[-3000:]
    join_codes.work(wechat.business.pk)
    with wechat.business.scope():
        code = GroupJoinCode.objects.get()
    assert code.status == "active"
    wechat.sim("act/group_join", config_id=code.config_id, customer={"name": "Eve"})
    wechat.settle()
    reading.work(wechat.business.pk)
    page = browser.get(reverse("admin:contacts_groupjoincode_change", args=[code.pk]))
    assert '<span class="scrm-value scrm-came">+1</span>' in page.content.decode()
    picture = browser.get(reverse("admin:contacts_groupjoincode_qr", args=[code.pk]))
    assert picture["Content-Type"] == "image/svg+xml"
    poster = browser.get(reverse("admin:contacts_groupjoincode_print", args=[code.pk]))
    assert "data:image/png;base64," in poster.content.decode()


def test_codes_by_the_api(wechat: WeChat, group: Group) -> None:
    api: Any = wechat.business.api()
    made = api.post("/api/v1/group-codes", {"name": "Door", "groups": [group.chat_id],
                    "tags": ["door"], "channel": "Fair"}, format="json")  # fmt: skip
    assert made.status_code == 201, made.content
    join_codes.work(wechat.business.pk)

    url = f"/api/v1/group-codes/{made.json()['id']}"
    seen = api.get(url).json()
    assert (seen["status"], seen["channel"], seen["tags"]) == ("active", "Fair", ["door"])
    assert api.patch(url, {"name": "Window"}, format="json").json()["name"] == "Window"
    assert len(api.get(url + "/days").json()) == 30
    assert api.delete(url).status_code == 204
    join_codes.work(wechat.business.pk)
    assert api.get(url).json()["status"] == "retired"
    assert api.patch(url, {"name": "Back"}, format="json").status_code == 400
    bad = api.post("/api/v1/group-codes", {"name": "x", "groups": ["nothing"]}, format="json")
    assert bad.status_code == 400


def test_a_welcome_goes_to_wecom_and_greets(wechat: WeChat, group: Group) -> None:
    browser = wechat.business.browser("operator")
    answer = browser.post(
        reverse("admin:contacts_groupwelcome_add"),
        {"name": "Hello", "account": wechat.account.pk, "text": "Hello %NICKNAME%"},
    )
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    welcomes.work(wechat.business.pk)
    with wechat.business.scope():
        row = GroupWelcome.objects.get()
    assert (row.status, row.problem) == ("active", "")

    wechat.act("group_template", chat_id=group.chat_id, template_id=row.template_id)
    eve = wechat.sim("customers", name="Eve")["customer"]
    wechat.act("group_invite", chat_id=group.chat_id, by="amy", who=[eve])
    assert any("Hello" in text for text in wechat.messages(eve))

    api: Any = wechat.business.api()
    (seen,) = api.get("/api/v1/group-welcomes").json()["results"]
    url = f"/api/v1/group-welcomes/{seen['id']}"
    assert api.patch(url, {"text": "Hi"}, format="json").json()["text"] == "Hi"
    welcomes.work(wechat.business.pk)
    assert len(wechat.calls("externalcontact/group_welcome_template/edit")) == 1
    assert api.delete(url).status_code == 204
    welcomes.work(wechat.business.pk)
    assert api.get(url).json()["status"] == "retired"


def test_a_lost_template_is_not_made_twice(wechat: WeChat) -> None:
    path = "externalcontact/group_welcome_template/add"
    wechat.fault("reset_after", path=path, first=1)
    with wechat.business.scope():
        row = GroupWelcome.objects.create(name="Hello", account=wechat.account, text="Hi")
        welcomes.changed(row)

    welcomes.work(wechat.business.pk)
    welcomes.work(wechat.business.pk)

    assert wechat.fresh(row).status == "unknown"
    assert len(wechat.calls(path)) == 1


def test_wecoms_figures_stand_beside_our_own(wechat: WeChat, group: Group) -> None:
    wechat.setting(statistics_lag_days=0)
    with wechat.business.scope():
        running.ask(wechat.account, ["group_days"])
    running.work(wechat.business.pk)

    page = wechat.business.browser("viewer").get(reverse("admin:contacts_groupfigures_changelist"))

    with wechat.business.scope():
        assert GroupFigures.objects.count() > 0
    assert "joined by our count" in page.content.decode()


def test_customers_of_the_resigned_are_assigned(wechat: WeChat) -> None:
    amy, bob, cleo = (wechat.join(one) for one in ("amy", "bob", "cleo"))
    code = wechat.live_code(amy)
    for name in ("Ding", "Eve"):
        wechat.scan(code, {"name": name})
    wechat.settle()
    wechat.setting(unassigned_delay_s=0)
    wechat.act("resign", userid="amy")
    wechat.settle()
    with wechat.business.scope():
        running.ask(wechat.account, ["unassigned"])
    running.work(wechat.business.pk)

    answer = wechat.business.browser("operator").post(
        reverse("admin:contacts_unassigned_assign"),
        {"takers": [bob.pk, cleo.pk], "confirmed": "on"},
    )

    assert answer.status_code == 302, answer.content.decode()[-3000:]
    with wechat.business.scope():
        assert TransferBatch.objects.get().kind == "resigned"
        takers = TransferItem.objects.values_list("taker__userid", flat=True)
        assert sorted(takers) == ["bob", "cleo"]
