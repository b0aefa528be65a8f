"""What members and the business send at WeCom itself is read, kept once, and followed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from redis import Redis

from campaigns.broadcasts import outside
from campaigns.models import Broadcast, BroadcastBatch, BroadcastRecipient, BroadcastShare
from contacts.messaging import quota
from contacts.models import Contact, Group, SyncRun
from contacts.privacy import erasing
from contacts.sync import running
from journeys.models import Touch
from tenants.models import Staff
from tenants.wechat import accounts, mass_sends, pacing
from tests.campaigns.conftest import Shop
from tests.conftest import Business

LIST = "externalcontact/get_groupmsg_list_v2"
RESULTS = "externalcontact/get_groupmsg_send_result"


def own(shop: Shop, userid: str = "amy", **more: Any) -> str:
    made = shop.wechat.act("own_mass_send", userid=userid, **{"text": "New tea", **more})
    return str(made["msgid"])


def of_the_business(shop: Shop, **more: Any) -> str:
    made = shop.wechat.act("console_mass_send", userid="bob", **{"text": "Closed today", **more})
    return str(made["msgid"])


def maker(row: Broadcast) -> str:
    return row.maker.userid if row.maker else ""


def parts(shop: Shop) -> dict[str, tuple[str, int | None]]:
    with shop.business.scope():
        rows = BroadcastShare.objects.order_by("id")
        return {one.staff.userid: (one.state, one.size) for one in rows.select_related("staff")}


def test_a_members_own_message_is_kept_with_what_became_of_it(shop: Shop) -> None:
    own(shop, attachments=[{"msgtype": "link", "link": {"title": "Shop", "url": "https://a.b/"}}])

    run = shop.read()
    shop.poll()

    (row,) = shop.sent()
    assert (run.state, run.created, run.done, run.total) == ("done", 1, 1, None)
    assert (row.origin, row.route, maker(row)) == ("member", "mass_task", "amy")
    assert (row.name, row.text, row.state, row.total) == ("New tea", "New tea", "done", 2)
    assert row.attachments == [{"type": "link", "title": "Shop", "url": "https://a.b/"}]
    assert row.started_at is not None
    assert abs(row.started_at - timezone.now()) < timedelta(minutes=1)
    assert shop.states() == {"Ding": "delivered", "Eve": "delivered"}
    assert parts(shop) == {"amy": ("done", 2)}
    sent, delivered = shop.events("Ding", "touch.")
    assert (sent.kind, delivered.kind) == ("touch.sent", "touch.delivered")
    assert delivered.properties["by"] == "wecom"
    assert delivered.properties["staff"] == "amy"
    assert shop.events("Fan", "touch.") == []


def test_it_counts_for_the_quota_of_its_month(shop: Shop) -> None:
    own(shop)
    shop.read()
    shop.poll()

    with shop.business.scope():
        people = list(Contact.objects.order_by("name").values_list("id", flat=True))
        got = quota.delivered(people, timezone.now() + timedelta(seconds=1))

    assert [got.get(pk, 0) for pk in people] == [1, 1, 0]


def test_the_business_waits_for_its_members(shop: Shop) -> None:
    msgid = of_the_business(shop)
    shop.read()
    shop.poll()

    (row,) = shop.sent()
    assert (row.origin, maker(row), row.state) == ("wecom", "bob", "waiting")
    assert (row.total, set(shop.states().values())) == (3, {"waiting"})
    assert parts(shop) == {"amy": ("waiting", 2), "bob": ("waiting", 1)}

    shop.wechat.act("confirm_task", msgid=msgid, userid="amy")
    shop.poll()
    assert shop.states() == {"Ding": "delivered", "Eve": "delivered", "Fan": "waiting"}
    assert len(shop.events("Ding", "touch.")) == 2

    shop.wechat.act("confirm_task", msgid=msgid, userid="bob")
    shop.poll()
    assert set(shop.states().values()) == {"delivered"}
    assert (shop.fresh(row).state, shop.through()["Fan"]) == ("done", "bob")


def test_the_same_night_twice_changes_nothing(shop: Shop) -> None:
    own(shop)
    of_the_business(shop)
    shop.read()
    shop.poll()
    with shop.business.scope():
        before = list(Broadcast.objects.order_by("id").values_list("id", "state", "total"))

    run = shop.read()
    shop.poll()

    assert (run.state, run.created) == ("done", 0)
    with shop.business.scope():
        assert list(Broadcast.objects.order_by("id").values_list("id", "state", "total")) == before
        assert BroadcastBatch.objects.count() == 2
        assert BroadcastRecipient.objects.count() == 2 + 3
    assert len(shop.events("Ding", "touch.")) == 2


def test_what_we_made_ourselves_is_not_doubled(shop: Shop) -> None:
    shop.start()
    shop.work()
    msgid = of_an_app(shop, "Happy birthday")
    with shop.business.scope():
        Touch.objects.create(
            key="t", contact=Contact.objects.get(name="Ding"), route="mass_task", kind="service",
            state="awaiting_staff", due_at=timezone.now(), provider_id=msgid,
        )  # fmt: skip

    run = shop.read()

    assert (run.state, run.done, run.created) == ("done", 3, 0)
    assert shop.sent() == []


def of_an_app(shop: Shop, text: str) -> str:
    """Through the API, as a touch of ours or other software of the business makes it."""
    with shop.business.scope():
        credentials = accounts.credentials_of(shop.wechat.account)
    with accounts.wecom_client_for(credentials) as client:
        made = mass_sends.create_mass_task(
            client, external_userids=[shop.external("Ding")], sender="amy", text=text
        )
    return made.msgid


def test_of_other_software_is_kept_but_not_while_an_answer_of_ours_is_lost(shop: Shop) -> None:
    of_an_app(shop, "From the shop system")
    row = shop.start()
    shop.wechat.fault("reset_after", path="externalcontact/add_msg_template", first=2)
    shop.work()
    assert [one.state for one in shop.batches()] == ["asked", "asked"]

    waiting = shop.read()
    assert (waiting.done, waiting.created, shop.sent()) == (3, 0, [])

    shop.again()
    assert shop.fresh(row).state == "waiting"
    run = shop.read()

    assert run.created == 1
    (other,) = shop.sent()
    assert (other.origin, other.maker, other.text) == ("wecom", None, "From the shop system")


def test_a_list_that_fails_midway_goes_on_at_its_page(shop: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr("tenants.wechat.mass_sends.TASKS_A_PAGE", 2)
    for number in range(5):
        own(shop, text=f"Message {number}")
    shop.wechat.fault("http_502", path=LIST, every=2, first=2)

    run = shop.read()
    before = len(shop.sent())
    assert (run.state, before) == ("queued", 2)
    assert run.place["cursor"]
    assert run.due_at is not None

    with shop.business.scope():
        SyncRun.objects.update(due_at=timezone.now())
    running.work(shop.business.pk)

    assert len(shop.sent()) == 5
    with shop.business.scope():
        run.refresh_from_db()
    assert (run.state, run.done, run.created) == ("done", 5, 5)


def test_customers_who_are_not_known_here_are_counted_only(shop: Shop) -> None:
    shop.wechat.sim(
        "callback_url", corpid=shop.wechat.corpid, agentid=shop.wechat.agentid, callback_url=""
    )
    who = shop.wechat.sim("customers", name="Gus")["customer"]
    shop.wechat.act("apply", userid="bob", customer=who, accepted=True)
    own(shop, "bob")

    shop.read()
    shop.poll()

    (row,) = shop.sent()
    assert (row.total, shop.states(), parts(shop)) == (
        2,
        {"Fan": "delivered"},
        {"bob": ("done", 2)},
    )


def test_it_waits_until_customers_are_read(shop: Shop) -> None:
    own(shop)
    with shop.business.scope():
        SyncRun.objects.create(
            account=shop.wechat.account, kind="customers",
            due_at=timezone.now() + timedelta(hours=1),
        )  # fmt: skip

    run = shop.read()

    assert (run.state, run.problem, shop.sent()) == ("queued", "Customers are read first.", [])
    assert not shop.wechat.calls(LIST)


def test_messages_to_groups(shop: Shop) -> None:
    made = shop.wechat.act(
        "group_create", owner="amy", name="Tea", members=[shop.people["Ding"]]
    )  # fmt: skip
    with shop.business.scope():
        Group.objects.create(chat_id=made["chat_id"], owner=shop.amy, name="Tea")
    msgid = of_the_business(shop, chat_type="group")
    shop.read()
    shop.poll()
    shop.wechat.act("confirm_task", msgid=msgid)
    shop.poll()

    (row,) = shop.sent()
    assert (row.route, row.state, row.total) == ("group_send", "done", 1)
    with shop.business.scope():
        assert str(BroadcastRecipient.objects.get().group) == "Tea"
        assert BroadcastRecipient.objects.get().state == "delivered"
    assert shop.events("Ding", "touch.") == []


def test_moments_of_members_and_of_the_business(shop: Shop) -> None:
    mine = shop.wechat.act("post_moment", userid="amy", text="Blossoms")["moment_id"]
    ours = shop.wechat.act("console_moment", text="We are open", staff=["bob"])["moment_id"]
    shop.wechat.act("like_moment", moment_id=mine, userid="amy", customer=shop.people["Ding"])
    shop.read()
    shop.poll()

    by_text = {row.text: row for row in shop.sent()}
    own_one, corps = by_text["Blossoms"], by_text["We are open"]
    assert (own_one.origin, maker(own_one), own_one.route) == ("member", "amy", "moment")
    assert (corps.origin, corps.maker, corps.state) == ("wecom", None, "waiting")
    assert [one.kind for one in shop.events("Ding", "moment.")] == ["moment.liked"]

    shop.wechat.act("confirm_moment", moment_id=ours)
    shop.poll()
    with shop.business.scope():
        seen = dict(BroadcastShare.objects.values_list("staff__userid", "seen_by"))
        BroadcastBatch.objects.update(accepted_at=timezone.now() - timedelta(days=4))
    shop.poll()
    assert seen == {"amy": 2, "bob": 1}
    assert {row.state for row in shop.sent()} == {"done"}
    assert shop.read().created == 0


def test_old_ones_are_read_once_and_closed(shop: Shop) -> None:
    msgid = of_the_business(shop)
    shop.wechat.act("confirm_task", msgid=msgid, userid="amy")
    shop.wechat.sim("clock", advance_s=1)
    shop.read()
    with shop.business.scope():
        BroadcastBatch.objects.update(accepted_at=timezone.now() - timedelta(days=20))

    shop.poll()

    (row,) = shop.sent()
    assert row.state == "done"
    assert shop.states() == {"Ding": "delivered", "Eve": "delivered", "Fan": "not_sent"}
    with shop.business.scope():
        assert BroadcastBatch.objects.exclude(poll_at=None).count() == 0


def test_a_span_of_thirty_days_first_and_three_days_again(shop: Shop) -> None:
    shop.read()
    shop.read()

    spans = [one["body"]["end_time"] - one["body"]["start_time"] for one in shop.wechat.calls(LIST)]
    month, again = timedelta(days=30).total_seconds(), timedelta(days=3).total_seconds()
    assert [round(span / 60) for span in spans] == [month / 60] * 2 + [again / 60] * 2


def test_results_that_are_limited_come_later(shop: Shop) -> None:
    own(shop)
    shop.read()
    shop.wechat.fault("errcode", path=RESULTS, errcode=45009, first=1)

    shop.poll()
    with shop.business.scope():
        batch = BroadcastBatch.objects.get()
    assert shop.states() == {}
    assert batch.poll_at is not None
    assert batch.poll_at > timezone.now() + timedelta(seconds=50)

    pass_the_minute(shop, RESULTS)
    shop.poll()
    assert shop.states() == {"Ding": "delivered", "Eve": "delivered"}


def test_a_list_that_is_limited_is_read_after_the_minute(shop: Shop) -> None:
    own(shop)
    shop.wechat.fault("errcode", path=LIST, errcode=45009, first=1)

    run = shop.read()
    assert (run.state, shop.sent()) == ("queued", [])
    assert run.due_at is not None
    assert run.due_at > timezone.now() + timedelta(seconds=50)

    pass_the_minute(shop, LIST)
    with shop.business.scope():
        SyncRun.objects.update(due_at=timezone.now())
    running.work(shop.business.pk)
    assert len(shop.sent()) == 1


def pass_the_minute(shop: Shop, api: str) -> None:
    key = pacing.key(shop.business.pk, shop.wechat.account.pk, api)
    assert Redis.from_url(settings.REDIS_URL).delete(key)


def test_an_erased_person_comes_back_as_a_number_only(shop: Shop) -> None:
    own(shop)
    shop.read()
    shop.poll()
    with shop.business.scope():
        erasing.erase(Contact.objects.get(name="Ding").pk, by="api", reason="asked")
    with shop.business.scope():  # as if results were still being read
        BroadcastBatch.objects.update(state="waiting", poll_at=timezone.now())
        BroadcastShare.objects.update(state="confirmed")

    shop.poll()

    assert shop.sent()[0].total == 2
    with shop.business.scope():
        rows = BroadcastRecipient.objects.order_by("id")
        assert sorted(rows.values_list("target", flat=True)) == ["", shop.external("Eve")]


def test_members_nobody_told_us_of_are_kept_as_gone(shop: Shop) -> None:
    shop.wechat.sim("staff", corpid=shop.wechat.corpid, userid="gil", name="Gil")
    who = shop.wechat.sim("customers", name="Gus")["customer"]
    shop.wechat.act("apply", userid="gil", customer=who, accepted=True)
    own(shop, "gil")

    shop.read()

    (row,) = shop.sent()
    assert maker(row) == "gil"
    with shop.business.scope():
        assert Staff.objects.get(userid="gil").active is False


def test_nothing_of_one_business_shows_in_another(shop: Shop, other_business: Business) -> None:
    own(shop)
    shop.read()
    shop.poll()

    with other_business.scope():
        assert Broadcast.objects.count() == 0
        assert outside.take(0, "mass_task", []) == 0
    with shop.business.scope():
        assert Broadcast.objects.count() == 1


@pytest.mark.parametrize("text", ["", "  "])
def test_a_message_without_words_has_its_time_as_name(shop: Shop, text: str) -> None:
    picture = {"msgtype": "image", "image": {"media_id": "m", "pic_url": "http://a/b"}}
    own(shop, text=text, attachments=[picture])

    shop.read()

    (row,) = shop.sent()
    assert row.attachments == [{"type": "image"}]
    assert datetime.strptime(row.name, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
