"""An account is connected step by step, and its health page says how it is, against the sandbox."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
from django.test import Client
from django.urls import reverse

from scrm.sandbox import Sandbox
from tenants.models import AccountProbe, AuditEntry, WeChatAccount
from tenants.wechat import accounts, probing
from tenants.wechat.errors import Unauthorised
from tests.conftest import Business

CORP: dict[str, Any] = {"name": "测试企业"}


def found(sandbox: Sandbox, path: str, /, **body: object) -> Any:
    answer = requests.post(f"{sandbox.url}/_sim/{path}", json=body, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


def begin(business: Business, **typed: object) -> tuple[Client, WeChatAccount]:
    browser = business.browser("owner", "zh-hans")
    values = {"kind": "wecom", "name": "Main", "agent_id": "", **typed}
    answer = browser.post(reverse("admin:tenants_wechataccount_connect"), values)
    assert answer.status_code == 302, answer.content.decode()
    with business.scope():
        account = WeChatAccount.objects.get()
    return browser, account


def url(name: str, account: WeChatAccount, *more: object) -> str:
    return reverse(f"admin:tenants_wechataccount_{name}", args=[account.pk, *more])


def states(business: Business) -> dict[str, str]:
    with business.scope():
        return dict(AccountProbe.objects.values_list("name", "state"))


def test_from_an_empty_form_to_the_first_event(
    sandbox: Sandbox, business: Business, web_url: str
) -> None:
    corp = found(sandbox, "corps", **CORP)
    found(sandbox, "staff", corpid=corp["corpid"], userid="li", name="李")
    browser, account = begin(
        business,
        app_id=corp["corpid"],
        agent_id=str(corp["agentid"]),
        new_secret=corp["secret"],
    )

    early = browser.get(url("step", account) + "?step=2")
    assert early["Location"].endswith("?step=1")  # not before the platform said yes
    probing.work(business.pk)
    part = browser.get(url("part", account, 1)).content.decode()
    assert "hx-get" not in part and "?step=2" in part

    token, key = _made_keys(browser, account)
    _the_first_event(
        sandbox, browser, account, corpid=corp["corpid"], agentid=corp["agentid"],
        callback_url=web_url + reverse("wechat-callback", args=[account.code]),
        token=token, aes_key=key,
    )  # fmt: skip

    browser.post(url("check", account))
    probing.work(business.pk)
    assert set(states(business).values()) == {"fine"}
    assert set(states(business)) == set(probing.probes_of("wecom"))
    part = browser.get(url("part", account, 3)).content.decode()
    assert "hx-get" not in part and "?step=4" in part
    page = browser.get(url("step", account) + "?step=4")
    assert page.status_code == 200
    health = browser.get(url("health", account)).content.decode()
    assert "externalcontact/get_follow_user_list" in health and corp["secret"] not in health
    with business.scope():
        verbs = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert verbs[-2:] == ["wechat_account.created", "wechat_account.keys_made"]


def _made_keys(browser: Client, account: WeChatAccount) -> tuple[str, str]:
    """The token and the key of the callback, which are shown once."""
    made = browser.post(url("keys", account)).content.decode()
    token = re.search(r'id="scrm-token">([A-Za-z0-9]{32})<', made)
    key = re.search(r'id="scrm-aes-key">([A-Za-z0-9]{43})<', made)
    assert token and key
    again = browser.get(url("step", account) + "?step=2").content.decode()
    assert token[1] not in again and key[1] not in again
    return token[1], key[1]


def _the_first_event(
    sandbox: Sandbox, browser: Client, account: WeChatAccount, **form: object
) -> None:
    found(sandbox, "callback_url", **form)
    part = browser.get(url("part", account, 2)).content.decode()
    assert "?step=3" in part and "hx-get" in part  # checked; the first event is still to come
    found(sandbox, "settings", accept_after_s=0.0)
    person = found(sandbox, "customers", name="小王")["customer"]
    found(
        sandbox, "act/apply", corpid=form["corpid"], userid="li", customer=person, accepted=True
    )  # fmt: skip
    found(sandbox, "callbacks/flush", timeout_s=30)
    assert "hx-get" not in browser.get(url("part", account, 2)).content.decode()


@pytest.mark.parametrize(
    ("corp", "missing", "says"),
    [
        ({"ip_list": ["192.0.2.10"]}, {"address", "customer_contact"}, "可信 IP"),
        ({"customer_contact": False}, {"customer_contact", "tags", "groups"}, "可调用应用"),
        ({}, {"visible", "customers"}, "可见范围"),
    ],
)
def test_what_is_missing_is_said_and_where_to_grant_it(
    sandbox: Sandbox, business: Business, corp: dict[str, Any], missing: set[str], says: str
) -> None:
    made = found(sandbox, "corps", **CORP, **corp)
    browser, account = begin(
        business,
        app_id=made["corpid"],
        agent_id=str(made["agentid"]),
        new_secret=made["secret"],
    )
    browser.post(url("check", account))
    probing.work(business.pk)

    told = {name for name, state in states(business).items() if state == "missing"}
    assert told >= missing and "token" not in told
    part = browser.get(url("part", account, 3)).content.decode()
    assert says in part
    assert "127.0.0.1" not in part and "hint" not in part and made["secret"] not in part


def test_a_wrong_secret_is_no_way_on_and_a_corrected_one_is(
    sandbox: Sandbox, business: Business
) -> None:
    made = found(sandbox, "corps", **CORP)
    browser, account = begin(business, app_id=made["corpid"], new_secret="not-the-secret")
    probing.work(business.pk)
    assert states(business) == {"token": "missing"}
    assert "?step=2" not in browser.get(url("part", account, 1)).content.decode()
    with business.scope():
        account.refresh_from_db()
        assert account.problem
    assert accounts.standing(business.pk, account.pk).why == "account"

    values = {"kind": "wecom", "name": "Main", "app_id": made["corpid"], "agent_id": ""}
    browser.post(url("step", account) + "?step=1", values | {"new_secret": made["secret"]})
    probing.work(business.pk)

    assert states(business) == {"token": "fine"}
    assert accounts.standing(business.pk, account.pk).wait == 0
    with business.scope():
        account.refresh_from_db()
        assert account.problem == ""


def test_an_official_account_is_tried_with_its_own_calls(
    sandbox: Sandbox, business: Business
) -> None:
    made = found(sandbox, "oa/accounts", name="公众号")
    browser, account = begin(business, kind="oa", app_id=made["appid"], new_secret=made["secret"])
    browser.post(url("check", account))
    probing.work(business.pk)

    assert states(business) == dict.fromkeys(probing.probes_of("oa"), "fine")


def test_endless_40001_is_one_refresh_then_the_breaker_and_an_alert(
    sandbox: Sandbox, business: Business
) -> None:
    made = found(sandbox, "corps", **CORP)
    _browser, account = begin(business, app_id=made["corpid"], new_secret=made["secret"])
    path = "externalcontact/get_follow_user_list"
    found(sandbox, "faults", kind="errcode", corpid=made["corpid"], path=path, errcode=40001)
    with business.scope():
        credentials = accounts.credentials_of(account)

    for _ in range(5):
        with accounts.client_for(credentials) as client, pytest.raises(Unauthorised):
            client.call("get", path, repeatable=True)

    journal = requests.get(
        f"{sandbox.url}/_sim/journal", params={"corpid": made["corpid"]}, timeout=10
    ).json()["entries"]
    asked = [entry["path"].rpartition("cgi-bin/")[2] for entry in journal]
    assert asked.count(path) == 2 and asked.count("gettoken") == 2
    standing = accounts.standing(business.pk, account.pk)
    assert (standing.why, standing.errcode) == ("account", 40001) and 290 < standing.wait <= 300
    with business.scope():
        account.refresh_from_db()
        assert account.problem
    home = business.browser("owner").get("/admin/").content.decode()
    assert reverse("admin:tenants_wechataccount_changelist") in home
