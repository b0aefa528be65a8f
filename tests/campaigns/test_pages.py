"""Broadcasts on pages and over the API: written, counted, started, followed, stopped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from campaigns.models import Broadcast, BroadcastTag
from contacts import tagging
from contacts.models import Contact, Tag
from tests.campaigns.conftest import Shop

ADD = "/admin/campaigns/broadcast/add/"
COUNT = "/admin/campaigns/broadcast/count/"


def form(shop: Shop, **more: Any) -> dict[str, Any]:
    return {
        "name": "Spring", "route": "mass_task", "kind": "promotion",
        "account": shop.wechat.account.pk, "text": "Spring sale",
        "send_at_0": "", "send_at_1": "", "new_attachment": "", **more,
    }  # fmt: skip


def page_of(row: Broadcast, what: str = "change") -> str:
    return reverse(f"admin:campaigns_broadcast_{what}", args=[row.pk])


def test_an_operator_writes_counts_and_starts(shop: Shop) -> None:
    browser = shop.business.browser("operator")
    with shop.business.scope():
        vip = Tag.objects.create(name="VIP")
        tagging.add([shop.contact("Ding").pk, shop.contact("Fan").pk], [vip.pk], "api")
        Contact.objects.filter(name="Fan").update(excluded=True)

    nobody = browser.post(COUNT, form(shop)).content.decode()
    counted = browser.post(COUNT, form(shop, to_tags=[vip.pk])).content.decode()
    saved = browser.post(ADD, form(shop, to_tags=[vip.pk]))

    assert "Nobody yet" in nobody
    assert "<dd>1</dd>" in counted
    assert "excluded from all messages" in counted
    assert saved.status_code == 302, saved.content.decode()[-3000:]
    with shop.business.scope():
        row = Broadcast.objects.get()
        assert list(BroadcastTag.objects.values_list("tag__name", flat=True)) == ["VIP"]
    assert "Whom it would reach now" in browser.get(page_of(row)).content.decode()

    browser.post(page_of(row, "start"), {"confirmed": "on"})
    shop.work()
    shop.confirm()
    shop.poll()

    page = browser.get(page_of(row)).content.decode()
    assert "finished" in page and "excluded from all messages" in page
    assert 'name="_save"' not in page
    listed = browser.get("/admin/campaigns/broadcast/").content.decode()
    assert "1 / 1" in listed


def test_why_it_cannot_start_is_said_on_the_page(shop: Shop) -> None:
    row = shop.draft(text="", everyone=False)
    browser = shop.business.browser("operator")

    page = browser.post(page_of(row, "start"), {"confirmed": "on"}, follow=True).content.decode()

    assert "Write a text or attach something." in page
    assert "Choose whom it is for" in page
    assert shop.fresh(row).state == "draft"


def test_reminding_and_cancelling_are_buttons(shop: Shop) -> None:
    row = shop.start()
    shop.work()
    browser = shop.business.browser("operator")

    assert "Remind staff" in browser.get(page_of(row)).content.decode()
    browser.post(page_of(row, "remind"), {"confirmed": "on"})
    browser.post(page_of(row, "cancel"), {"confirmed": "on"})
    shop.work()
    shop.poll()

    assert shop.fresh(row).state == "cancelled"
    page = browser.get(page_of(row)).content.decode()
    assert "Remind staff" not in page
    assert shop.business.browser("viewer").get(page_of(row)).status_code == 200


def test_a_copy_is_a_draft_for_the_same_audience(shop: Shop) -> None:
    row = shop.start(staff=[shop.bob])

    shop.business.browser("operator").post(page_of(row, "copy"), {"confirmed": "on"})

    with shop.business.scope():
        made = Broadcast.objects.order_by("-id")[0]
    assert (made.state, made.text, made.chosen["staff"]) == ("draft", "Spring sale", 1)


def test_by_the_api(shop: Shop) -> None:
    api = shop.business.api()
    wish = {"name": "Spring", "text": "Spring sale", "staff": ["amy"], "tags": []}

    seen = api.post("/api/v1/broadcasts/preview", wish, format="json")
    made = api.post("/api/v1/broadcasts", wish, format="json")

    assert seen.json()["reached"] == 2, seen.content
    assert seen.json()["senders"] == 1
    assert made.status_code == 201, made.content
    path = f"/api/v1/broadcasts/{made.json()['id']}"
    assert made.json()["state"] == "draft"
    changed = api.patch(path, {"text": "Autumn sale"}, format="json")
    assert (changed.json()["text"], changed.json()["staff"]) == ("Autumn sale", ["amy"])

    assert api.post(f"{path}/start").json()["state"] == "scheduled"
    shop.work()
    shop.confirm()
    shop.poll()

    done = api.get(path).json()
    assert (done["state"], done["counts"]) == ("done", {"delivered": 2})
    assert (done["parts"], done["confirmed"]) == (1, 1)
    recipients = api.get(f"{path}/recipients?state=delivered").json()["results"]
    assert [one["staff"] for one in recipients] == ["amy", "amy"]
    assert [one["state"] for one in api.get(f"{path}/parts").json()["results"]] == ["done"]
    assert api.patch(path, {"text": "x"}, format="json").status_code == 409
    assert api.delete(path).status_code == 409
    assert api.post(f"{path}/start").status_code == 409
    assert api.post(f"{path}/remind").status_code == 409
    assert api.post(f"{path}/cancel").status_code == 409


def test_what_the_api_refuses(shop: Shop) -> None:
    api = shop.business.api()

    def refused(body: dict[str, Any]) -> list[str]:
        answer = api.post("/api/v1/broadcasts", {"name": "x", **body}, format="json")
        assert answer.status_code == 400, answer.content
        return list(answer.json()["error"]["fields"])

    assert refused({"tags": ["no such tag"]}) == ["tags"]
    assert refused({"staff": ["nobody"]}) == ["staff"]
    assert refused({"groups": ["wrNone"]}) == ["groups"]
    assert refused({"segment": "nope"}) == ["segment"]
    assert refused({"attachments": [{"type": "image", "media": "x"}]}) == ["attachments"]
    made = api.post("/api/v1/broadcasts", {"name": "x"}, format="json").json()
    start = api.post(f"/api/v1/broadcasts/{made['id']}/start")
    assert start.status_code == 400
    assert set(start.json()["error"]["fields"]) == {"text", "everyone"}
    assert api.delete(f"/api/v1/broadcasts/{made['id']}").status_code == 204


def test_roles_read_or_write(shop: Shop) -> None:
    row = shop.start(send_at=timezone.now() + timedelta(hours=1))
    viewer, sales = shop.business.as_role("viewer"), shop.business.as_role("sales")

    assert viewer.get("/api/v1/broadcasts").json()["results"][0]["name"] == "Spring"
    assert viewer.post("/api/v1/broadcasts", {"name": "x"}, format="json").status_code == 403
    assert sales.get("/api/v1/broadcasts").status_code == 200
    assert sales.post("/api/v1/broadcasts", {"name": "x"}, format="json").status_code == 403
    assert shop.business.browser("viewer").get(ADD).status_code == 403
    assert shop.fresh(row).state == "scheduled"


def test_what_was_sent_at_wecom_is_looked_at_only(shop: Shop) -> None:
    ours = shop.draft()
    shop.wechat.act("own_mass_send", userid="amy", text="New tea")
    msgid = shop.wechat.act("console_mass_send", userid="bob", text="Closed today")["msgid"]
    shop.wechat.act("confirm_task", msgid=msgid, userid="amy")
    shop.read()
    shop.poll()
    tea, closed = shop.sent()
    browser = shop.business.browser("operator")

    listed = browser.get("/admin/campaigns/broadcast/").content.decode()
    assert ours.name in listed and "New tea" not in listed
    outside = browser.get("/admin/campaigns/broadcast/?origin=outside").content.decode()
    assert "New tea" in outside and "Closed today" in outside and ours.name not in outside
    assert "1 / 2" in outside
    own = browser.get("/admin/campaigns/broadcast/?origin=member").content.decode()
    assert "New tea" in own and "Closed today" not in own

    page = browser.get(page_of(closed)).content.decode()
    assert "Made at WeCom" in page and "the business, at WeCom" in page
    assert 'name="_save"' not in page and "Remind staff" not in page
    for verb in ("remind", "cancel", "start"):
        browser.post(page_of(closed, verb), {"confirmed": "on"})
    assert shop.fresh(closed).state == "waiting"
    assert not shop.wechat.calls("externalcontact/cancel_groupmsg_send")
    timeline = browser.get(
        reverse("admin:contacts_contact_change", args=[shop.contact("Ding").pk])
    ).content.decode()
    assert "Got “New tea” of amy, sent at WeCom" in timeline

    browser.post(page_of(tea, "copy"), {"confirmed": "on"})
    with shop.business.scope():
        made = Broadcast.objects.filter(origin="here").latest("id")
        assert (made.state, made.text, made.outside_id) == ("draft", "New tea", "")


def test_the_api_lists_by_origin(shop: Shop) -> None:
    shop.draft()
    shop.wechat.act("own_mass_send", userid="amy", text="New tea")
    shop.read()
    shop.poll()
    api = shop.business.api()

    everything = api.get("/api/v1/broadcasts").json()["results"]
    (one,) = api.get("/api/v1/broadcasts?origin=member").json()["results"]

    assert sorted(row["origin"] for row in everything) == ["here", "member"]
    assert (one["creator"], one["text"], one["recipients"]) == ("amy", "New tea", 2)
    assert one["counts"] == {"delivered": 2}
    (part,) = api.get(f"/api/v1/broadcasts/{one['id']}/parts").json()["results"]
    assert (part["staff"], part["state"], part["recipients"]) == ("amy", "done", 2)
    rows = api.get(f"/api/v1/broadcasts/{one['id']}/recipients").json()["results"]
    assert [row["state"] for row in rows] == ["delivered", "delivered"]
    refused = api.post(f"/api/v1/broadcasts/{one['id']}/cancel")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert api.get("/api/v1/broadcasts?origin=nobody").status_code == 400
