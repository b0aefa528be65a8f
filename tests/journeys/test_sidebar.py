"""The desk beside a chat: who sees whom, what is put into the chat, and what is noted of it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.core.files.base import ContentFile

from contacts import media
from contacts.models import Contact, Event, Follow, Identity
from journeys import sendable, sidebar_live
from journeys.models import Content, Lead, Link
from tenants import ids
from tenants.models import Callback, Membership, Staff, WeChatAccount
from tests.conftest import Business
from tests.wechat_fixtures import WeChat

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def li(wechat: WeChat) -> Staff:
    """A member of the corporation who is the business's salesperson here."""
    staff = wechat.join("li", "李")
    with wechat.business.scope():
        sales = wechat.business.users["sales"]
        Membership.objects.filter(user=sales).update(staff=staff)
    return staff


def base(wechat: WeChat) -> str:
    return f"/desk/sidebar/{wechat.account.code}/"


def live(wechat: WeChat, what: str) -> str:
    return f"/wechat/{wechat.account.code}/{what}/"


def customer(wechat: WeChat, li: Staff, name: str = "小王") -> str:
    """Somebody adds li; our records know it. Answers the external userid."""
    scanned = wechat.scan(wechat.live_code(li, name=f"for {name}"), {"name": name})
    wechat.settle()
    return str(scanned["external_userid"])


def stranger(wechat: WeChat, li: Staff, name: str = "小赵") -> str:
    """A friend of li at WeCom of whom no callback told."""
    told = wechat.act("apply", userid=li.userid, customer=_somebody(wechat, name))
    wechat.arrive()
    with wechat.business.scope():
        Callback.objects.all().delete()  # lost
    return str(told["external_userid"])


def _somebody(wechat: WeChat, name: str) -> str:
    return str(wechat.sim("customers", name=name)["customer"])


def piece(business: Business, title: str, **fields: Any) -> str:
    with business.scope():
        row = Content.objects.create(title=title, **{"purpose": "nurture", **fields})
        return ids.encode(row.pk)


def wanted(business: Business, wechat: WeChat, who: str, key: str, role: str = "sales") -> Any:
    return business.browser(role).post(live(wechat, "message"), {"customer": who, "content": key})


# --- the page ---


def test_the_page_allows_the_clients_scripts_and_nothing_else(wechat: WeChat, li: Staff) -> None:
    answer = wechat.business.browser("sales").get(base(wechat))

    address = f"{wechat.sandbox.url}/open/js/jweixin-1.2.0.js"
    assert f'<script src="{address}"' in answer.content.decode()
    policy = dict(
        part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";")
    )
    second = f"{wechat.sandbox.url}/wwopen/js/jwxwork-1.0.0.js"
    assert policy["script-src"] == f"'self' {address} {second}"
    assert (policy["default-src"], policy["connect-src"]) == ("'none'", "'self'")
    assert "小王" not in answer.content.decode()


def test_at_the_real_platform_the_scripts_are_its_own(wechat: WeChat, settings: Any) -> None:
    settings.WECHAT_PAGES_BASE_URL = "platform"
    page = wechat.business.browser("sales").get(base(wechat)).content.decode()
    assert 'src="https://res.wx.qq.com/open/js/jweixin-1.2.0.js"' in page
    assert 'src="https://open.work.weixin.qq.com/wwopen/js/jwxwork-1.0.0.js"' in page


def test_whoever_is_not_signed_in_is_sent_to_wecom(
    wechat: WeChat, other_business: Business, client: Any
) -> None:
    door = f"{live(wechat, 'sign-in')}?next=%2Fdesk%2Fsidebar%2F{wechat.account.code}%2F"
    for browser in (client, other_business.browser("sales"), other_business.browser("owner")):
        assert browser.get(base(wechat))["Location"] == door
        for part in ("customer", "scripts"):
            asked = browser.get(f"{base(wechat)}{part}/", {"customer": "wmx"})
            assert (asked.status_code, asked.content) == (401, b"")
        for what in ("refresh", "message"):
            assert browser.post(live(wechat, what), {"customer": "wmx"}).status_code == 401
    assert wechat.business.browser("viewer").get(base(wechat)).status_code == 403


def test_unknown_and_closed_accounts_are_not_found(wechat: WeChat) -> None:
    sales = wechat.business.browser("sales")
    assert sales.get("/desk/sidebar/nonsense/").status_code == 404
    with wechat.business.scope():
        WeChatAccount.objects.filter(pk=wechat.account.pk).update(active=False)
    assert sales.get(base(wechat)).status_code == 404


# --- the customer ---


def test_the_customer_of_the_chat_is_shown(wechat: WeChat, li: Staff) -> None:
    who = customer(wechat, li)
    with wechat.business.scope():
        contact = Contact.objects.get()
        Contact.objects.filter(pk=contact.pk).update(phone=None)
        Follow.objects.update(remark="王 13912345678")
        lead = Lead.objects.create(contact=contact, key=1.0, score_at_start=1.0)

    page = wechat.business.browser("sales").get(f"{base(wechat)}customer/", {"customer": who})

    text = page.content.decode()
    assert "小王" in text and "Why this score" in text and "Became a friend of 李" in text
    assert "139****5678" in text and "13912345678" not in text
    assert f"/desk/leads/{ids.encode(lead.pk)}/" in text


def test_a_colleagues_customer_is_not_shown(wechat: WeChat, li: Staff) -> None:
    who = customer(wechat, wechat.join("zhang", "张"))

    shown = wechat.business.browser("sales").get(f"{base(wechat)}customer/", {"customer": who})
    assert "Not among your customers" in shown.content.decode()
    assert "小王" not in shown.content.decode()
    operator = wechat.business.browser("operator")
    assert "小王" in operator.get(f"{base(wechat)}customer/", {"customer": who}).content.decode()
    key = piece(wechat.business, "Hello", kind="text", body="Hi")
    assert wanted(wechat.business, wechat, who, key).status_code == 404


@pytest.mark.parametrize("who", ["", "x" * 65, "客户", "a\nb"])
def test_what_is_no_id_is_not_found(wechat: WeChat, who: str) -> None:
    sales = wechat.business.browser("sales")
    assert sales.get(f"{base(wechat)}customer/", {"customer": who}).status_code == 404


def test_an_unknown_customer_is_asked_for_at_wecom(
    wechat: WeChat, li: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sidebar_live, "YOUNG_S", 0)
    who, sales = stranger(wechat, li), wechat.business.browser("sales")
    before = sales.get(f"{base(wechat)}customer/", {"customer": who}).content.decode()
    assert "Ask WeCom for the details" in before

    for _time in range(2):
        assert sales.post(live(wechat, "refresh"), {"customer": who}).json() == {"known": True}

    assert "小赵" in sales.get(f"{base(wechat)}customer/", {"customer": who}).content.decode()
    with wechat.business.scope():
        assert Contact.objects.get().name == "小赵"
        assert Follow.objects.get().staff == li
        assert Event.objects.filter(kind="follow.opened").count() == 1


def test_what_a_callback_is_about_to_tell_is_left_to_it(
    wechat: WeChat, li: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    sales, told = wechat.business.browser("sales"), "telling of this friendship now"
    who = stranger(wechat, li)
    answer = sales.post(live(wechat, "refresh"), {"customer": who})
    assert (answer.status_code, told in answer.json()["error"]) == (409, True)

    monkeypatch.setattr(sidebar_live, "YOUNG_S", 0)
    wechat.act("apply", userid="li", customer=_somebody(wechat, "小孙"))
    wechat.arrive()
    assert sales.post(live(wechat, "refresh"), {"customer": who}).status_code == 409
    wechat.settle()
    assert sales.post(live(wechat, "refresh"), {"customer": who}).status_code == 200


def test_nobody_gets_somebody_elses_friend_by_asking(wechat: WeChat, li: Staff) -> None:
    who = stranger(wechat, wechat.join("zhang", "张"))
    sales = wechat.business.browser("sales")

    answer = sales.post(live(wechat, "refresh"), {"customer": who})
    assert (answer.status_code, "not your friend" in answer.json()["error"]) == (404, True)
    answer = sales.post(live(wechat, "refresh"), {"customer": "wmNobody"})
    assert (answer.status_code, "WeCom refused" in answer.json()["error"]) == (503, True)
    wechat.act("customer_deletes", userid="zhang", customer=who)
    answer = sales.post(live(wechat, "refresh"), {"customer": who})
    assert "knows of no friendship" in answer.json()["error"]
    with wechat.business.scope():
        assert not Identity.objects.exists()


# --- what is sent ---


def test_each_kind_of_content_is_what_the_client_takes(wechat: WeChat, li: Staff) -> None:
    who, business = customer(wechat, li), wechat.business
    with business.scope():
        picture = media.keep(ContentFile(PIXEL, "p.png"), "p.png", "image")
    keys = {
        "text": piece(business, "Hello", kind="text", body="{name}, it is {staff}: {link} {x}"),
        "news": piece(
            business, "Guide", body="Read\nthis", url="https://example.com/guide",
            picture_url="https://example.com/p.png",
        ),
        "image": piece(business, "Poster", kind="image", picture=picture),
        "miniprogram": piece(
            business, "Shop", kind="mini", appid="wx1", page="a/b", picture_url="https://e.com/c.png"
        ),
    }  # fmt: skip

    made = {kind: wanted(business, wechat, who, key).json() for kind, key in keys.items()}

    with business.scope():
        links = {one.content.title: one for one in Link.objects.select_related("content")}
    assert {one.staff_id for one in links.values()} == {li.pk}
    message = {kind: each["message"] for kind, each in made.items()}
    tail = f"/l/{links['Hello'].code} {{x}}"
    assert message["text"]["text"]["content"].startswith("小王, it is 李: http")
    assert message["text"]["text"]["content"].endswith(tail)
    news = message["news"]["news"]
    assert (news["title"], news["desc"], news["imgUrl"]) == (
        "Guide", "Read this", "https://example.com/p.png",
    )  # fmt: skip
    assert news["link"].endswith(f"/l/{links['Guide'].code}")
    assert len(message["image"]["image"]["mediaid"]) > 20
    assert message["miniprogram"]["miniprogram"] == {
        "appid": "wx1", "title": "Shop", "page": "a/b", "imgUrl": "https://e.com/c.png",
    }  # fmt: skip
    assert {kind: each["msgtype"] for kind, each in message.items()} == {k: k for k in keys}


def test_what_was_sent_is_noted_once(wechat: WeChat, li: Staff) -> None:
    who, business = customer(wechat, li), wechat.business
    made = wanted(business, wechat, who, piece(business, "Hello", kind="text", body="Hi")).json()
    sales, address = business.browser("sales"), f"{base(wechat)}sent/"

    assert [sales.post(address, {"receipt": made["receipt"]}).status_code for _ in "ab"] == [
        204
    ] * 2

    with business.scope():
        event = Event.objects.get(kind=sendable.SENT)
        assert (event.contact, event.source) == (Contact.objects.get(), "sidebar")
        assert event.properties["staff"] == "li" and event.properties["content"] == "Hello"
    page = sales.get(f"{base(wechat)}customer/", {"customer": who}).content.decode()
    assert "李 sent “Hello” from the sidebar" in page
    assert (
        business.browser("operator").post(address, {"receipt": made["receipt"]}).status_code == 400
    )
    assert sales.post(address, {"receipt": made["receipt"] + "x"}).status_code == 400
    assert sales.post(address).status_code == 400


def test_what_cannot_be_sent_is_refused(
    wechat: WeChat, li: Staff, other_business: Business
) -> None:
    who, business = customer(wechat, li), wechat.business
    off = piece(business, "Old", kind="text", body="x", active=False)
    foreign = piece(other_business, "Theirs", kind="text", body="x")
    for key in (off, foreign, "nonsense", ""):
        assert wanted(business, wechat, who, key).status_code == 404
    key = piece(business, "Hello", kind="text", body="Hi")
    assert wanted(business, wechat, "wmNobody", key).status_code == 404
    with business.scope():
        Membership.objects.filter(user=business.users["sales"]).update(staff=None)
    assert wanted(business, wechat, who, key).status_code == 409


def test_a_picture_that_the_platform_refuses_is_told(wechat: WeChat, li: Staff) -> None:
    who, business = customer(wechat, li), wechat.business
    with business.scope():
        picture = media.keep(ContentFile(PIXEL, "p.png"), "p.png", "image")
    key = piece(business, "Poster", kind="image", picture=picture)
    wechat.fault("errcode", path="media/upload", errcode=40004)
    answer = wanted(business, wechat, who, key)
    assert answer.status_code == 503 and "WeCom refused" in answer.json()["error"]


def test_scripts_are_found_by_words_and_ordered_by_stage(wechat: WeChat, li: Staff) -> None:
    business, sales = wechat.business, wechat.business.browser("sales")
    for title, body in (("护肤手册", "敏感肌"), ("Coupon", "spring sale"), ("Welcome", "hello")):
        piece(business, title, kind="text", body=body)
    piece(business, "Gone", kind="text", body="spring", active=False)

    def shown(words: str) -> str:
        return str(sales.get(f"{base(wechat)}scripts/", {"q": words}).content.decode())

    assert "Coupon" in shown("SPRING sale") and "Welcome" not in shown("SPRING sale")
    assert "Gone" not in shown("spring")
    assert "护肤手册" in shown("敏感")
    assert "Nothing found." in shown("spring hello")


# --- the library ---


def test_a_piece_that_lacks_something_is_refused(business: Business) -> None:
    api, common = business.api(), {"title": "Shop", "purpose": "nurture"}
    mini = api.post("/api/v1/contents", {**common, "kind": "mini", "appid": "wx1"})
    assert mini.status_code == 400
    assert set(mini.json()["error"]["fields"]) == {"page", "picture_url"}
    image = api.post("/api/v1/contents", {**common, "kind": "image"})
    assert set(image.json()["error"]["fields"]) == {"picture"}
    whole = {
        **common,
        "kind": "mini",
        "appid": "wx1",
        "page": "a",
        "picture_url": "https://e.com/p",
    }
    assert api.post("/api/v1/contents", whole).status_code == 201


def test_a_picture_is_chosen_in_the_admin(business: Business) -> None:
    owner = business.browser("owner")
    form = {"title": "Poster", "kind": "image", "purpose": "nurture", "active": "on"}
    page = owner.post("/admin/journeys/content/add/", form).content.decode()
    assert "Choose the picture in the admin." in page
    owner.post(
        "/admin/journeys/content/add/", {**form, "new_picture": ContentFile(PIXEL, "poster.png")}
    )
    with business.scope():
        row = Content.objects.select_related("picture").get(title="Poster")
        assert row.picture is not None
        assert media._in_use(row.picture.pk)
