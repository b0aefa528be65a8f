"""tags, tag groups, products, channels, live codes, staff, teams: the small resources."""

from __future__ import annotations

from typing import Any

import pytest

from contacts.models import LiveCode, OffDuty
from tenants.models import Staff, WeChatAccount
from tests.conftest import Business

MADE: dict[str, dict[str, Any]] = {
    "tags": {"name": "VIP"},
    "tag-groups": {"name": "Level", "position": 1},
    "products": {"sku": "A-1", "name": "Trial", "role": "lead_in", "price": "9.90", "cost": "3.00"},
    "channels": {"name": "抖音", "platform": "douyin", "placement": "live"},
    "staff": {"userid": "new-guide", "name": "新人", "active": True},
    "teams": {"name": "East"},
}
CHANGED: dict[str, dict[str, Any]] = {
    "tags": {"name": "SVIP"},
    "tag-groups": {"position": 2},
    "products": {"price": None},
    "channels": {"placement": "feed"},
    "staff": {"active": False},
    "teams": {"name": "West"},
}


@pytest.mark.parametrize("resource", MADE)
def test_a_row_lives(business: Business, resource: str) -> None:
    api, url = business.api(), f"/api/v1/{resource}"

    made = api.post(url, MADE[resource], format="json")
    assert made.status_code == 201, made.json()
    row = made.json()
    assert {name: row[name] for name in MADE[resource]} == MADE[resource]
    one = f"{url}/{row['id']}"
    assert api.get(one).json() == row
    assert row in api.get(url).json()["results"]

    taken = api.post(url, MADE[resource], format="json")
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "duplicate")
    unknown = api.post(url, {**MADE[resource], "tenant": 1}, format="json")
    assert list(unknown.json()["error"]["fields"]) == ["tenant"]

    changed = api.patch(one, CHANGED[resource], format="json")
    assert changed.status_code == 200, changed.json()
    assert changed.json() == {**row, **CHANGED[resource]}
    assert api.put(one, MADE[resource], format="json").status_code == 405
    assert api.delete(one).status_code == 204
    assert api.delete(one).status_code == 404


@pytest.mark.parametrize("resource", MADE)
def test_other_tenants_see_nothing_of_it(
    business: Business, other_business: Business, resource: str
) -> None:
    theirs = other_business.api().post(f"/api/v1/{resource}", MADE[resource], format="json").json()
    one = f"/api/v1/{resource}/{theirs['id']}"
    api = business.api()

    assert api.get(one).status_code == 404
    assert api.patch(one, CHANGED[resource], format="json").status_code == 404
    assert api.delete(one).status_code == 404
    assert theirs["id"] not in api.get(f"/api/v1/{resource}").content.decode()
    assert other_business.api().get(one).json() == theirs


@pytest.mark.parametrize(
    ("resource", "needs"),
    [("tags", "operator"), ("products", "operator"), ("staff", "admin"), ("teams", "admin")],
)
def test_roles(business: Business, resource: str, needs: str) -> None:
    lower = "viewer" if needs == "operator" else "operator"
    url = f"/api/v1/{resource}"

    assert business.as_role(lower).get(url).status_code == 200
    assert business.as_role(lower).post(url, MADE[resource], format="json").status_code == 403
    assert business.as_role(needs).post(url, MADE[resource], format="json").status_code == 201


def test_a_tag_may_be_in_a_group(business: Business, other_business: Business) -> None:
    api = business.api()
    group = api.post("/api/v1/tag-groups", {"name": "Level"}, format="json").json()["id"]
    foreign = other_business.api().post("/api/v1/tag-groups", {"name": "L"}, format="json").json()

    tag = api.post("/api/v1/tags", {"name": "VIP", "group": group}, format="json").json()
    refused = api.post("/api/v1/tags", {"name": "X", "group": foreign["id"]}, format="json")

    assert tag["group"] == group
    assert [each["name"] for each in api.get(f"/api/v1/tags?group={group}").json()["results"]] == [
        "VIP"
    ]
    assert refused.status_code == 400
    assert list(refused.json()["error"]["fields"]) == ["group"]
    assert api.delete(f"/api/v1/tag-groups/{group}").status_code == 204
    assert api.get(f"/api/v1/tags/{tag['id']}").json()["group"] is None


def test_a_userid_never_changes(business: Business) -> None:
    with business.scope():
        Staff.objects.create(userid="g1")
    api = business.api()
    one = api.get("/api/v1/staff?userid=g1").json()["results"][0]["id"]

    refused = api.patch(f"/api/v1/staff/{one}", {"userid": "g2"}, format="json")
    assert refused.status_code == 400


def test_a_live_code_is_made_and_retired(business: Business) -> None:
    with business.scope():
        WeChatAccount.objects.create(name="Corp", app_id="ww1", secret="s")
    api = business.api()
    wanted = {
        "name": "Poster",
        "staff": ["sales1", "admin1"],
        "channel": "线下",
        "tags": ["poster"],
        "welcome_text": "你好\n欢迎",
    }

    made = api.post("/api/v1/live-codes", wanted, format="json")
    assert made.status_code == 201, made.json()
    code = made.json()
    assert {name: code[name] for name in wanted} == wanted
    assert (code["status"], code["qr_url"]) == ("pending", "")

    url = f"/api/v1/live-codes/{code['id']}"
    changed = api.patch(url, {"staff": ["admin1"], "tags": []}, format="json").json()
    assert (changed["staff"], changed["tags"]) == (["admin1"], [])
    assert api.patch(url, {"staff": []}, format="json").status_code == 400
    assert api.patch(url, {"staff": ["nobody"]}, format="json").status_code == 400
    assert api.patch(url, {"qr_url": "x"}, format="json").json()["qr_url"] == ""
    assert api.delete(url).status_code == 204
    with business.scope():
        assert LiveCode.objects.get().status == "retired"
    assert business.as_role("sales").get("/api/v1/live-codes").status_code == 200
    assert business.as_role("sales").post("/api/v1/live-codes", wanted).status_code in {403, 415}


def test_a_live_code_needs_an_account(business: Business) -> None:
    answer = business.api().post(
        "/api/v1/live-codes", {"name": "Poster", "staff": ["sales1"]}, format="json"
    )

    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == ["account"]


def test_the_plan_of_a_live_code_is_given_and_read_back(business: Business) -> None:
    with business.scope():
        WeChatAccount.objects.create(name="Corp", app_id="ww1", secret="s")
    api = business.api()
    day = {"weekdays": [1, 2, 3, 4, 5, 6, 7], "starts": "09:00", "ends": "21:00"}
    night = {**day, "starts": "21:00", "ends": "09:00"}
    duties = [
        {"staff": "sales1", "weight": 3, "daily_cap": 50, "spare": False, "hours": [day]},
        {"staff": "admin1", "weight": 1, "daily_cap": None, "spare": False, "hours": [night]},
    ]
    wanted = {
        "name": "Poster",
        "duties": duties,
        "free_hours": [night],
        "welcomes": [{**night, "text": "晚上好", "attachments": []}],
        "welcome_attachments": [{"type": "link", "title": "A", "url": "https://a.example/"}],
        "exclusive": True,
        "remark_template": "{channel}-{name}",
        "closed_message": "结束了",
    }

    made = api.post("/api/v1/live-codes", wanted, format="json")
    assert made.status_code == 201, made.json()
    code = made.json()
    assert {name: code[name] for name in wanted} == wanted
    assert code["staff"] == ["sales1", "admin1"]
    url = f"/api/v1/live-codes/{code['id']}"

    gap = api.patch(url, {"duties": duties[:1]}, format="json")
    assert gap.status_code == 400
    assert "21:00" in gap.json()["error"]["fields"]["duties"][0]
    for bad in (
        {"remark_template": "{phone}"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"free_hours": [{**day, "weekdays": [8]}]},
        {"welcomes": [day]},
        {"welcome_attachments": [{"type": "image", "media": "nothing"}]},
    ):
        assert api.patch(url, bad, format="json").status_code == 400, bad
    kept = api.patch(url, {"staff": ["admin1", "sales1"]}, format="json").json()
    assert sorted(kept["duties"], key=lambda one: -one["weight"]) == duties

    figures = api.get(f"{url}/statistics?from=2026-01-01&to=2026-02-01")
    assert figures.json()["rows"] == []
    assert api.get(f"{url}/statistics?from=2020-01-01&to=2026-02-01").status_code == 400


def test_staff_switch_themselves_and_only_themselves(business: Business) -> None:
    sales = business.as_role("sales")
    switch = "/api/v1/live-codes/switch"
    own = business.staff["sales"].userid

    answer = sales.post(switch, {"staff": own, "online": False}, format="json")
    assert (answer.status_code, answer.json()) == (200, {"staff": own, "online": False})
    other = {"staff": "admin1", "online": False}
    assert sales.post(switch, other, format="json").status_code == 403
    assert business.api().post(switch, other, format="json").status_code == 200
    assert business.as_role("viewer").post(switch, other, format="json").status_code == 403
    with business.scope():
        assert OffDuty.objects.count() == 2
