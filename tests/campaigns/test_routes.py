"""Mass messages to groups, and moments: through the real sandbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db.models import F
from django.utils import timezone

from campaigns.broadcasts import answers, starting
from campaigns.models import BroadcastBatch, BroadcastRecipient, BroadcastShare
from contacts import media, tagging
from contacts.models import Group, Tag
from contacts.models.sync import TagLink
from tests.campaigns.conftest import Shop

ADD = "externalcontact/add_msg_template"
POST = "externalcontact/add_moment_task"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64


def group(shop: Shop, owner: Any, *names: str) -> Group:
    made = shop.wechat.act(
        "group_create", owner=owner.userid, name="Tea",
        members=[shop.people[name] for name in names],
    )  # fmt: skip
    with shop.business.scope():
        return Group.objects.create(chat_id=made["chat_id"], owner=owner, name="Tea")


def group_states(shop: Shop) -> list[tuple[str, str]]:
    with shop.business.scope():
        rows = BroadcastRecipient.objects.filter(group__isnull=False).order_by("id")
        return list(rows.values_list("staff__userid", "state"))


def test_a_message_to_groups_goes_through_their_owners(shop: Shop) -> None:
    group(shop, shop.amy, "Ding", "Eve")
    group(shop, shop.bob, "Fan")
    with shop.business.scope():
        Group.objects.create(name="Never at WeCom", owner=shop.amy)

    row = shop.start(route="group_send")
    shop.work()

    assert group_states(shop) == [("amy", "waiting"), ("bob", "waiting")]
    assert shop.fresh(row).left_out == {"no_chat_id": 1}
    shop.confirm()
    shop.poll()
    assert group_states(shop) == [("amy", "delivered"), ("bob", "delivered")]
    assert shop.fresh(row).state == "done"
    assert shop.got("Fan") == ["Spring sale"]
    assert shop.events("Fan", "touch.") == []  # a message to a group is to nobody in particular


def test_a_lost_group_message_is_found_by_its_sender(shop: Shop) -> None:
    group(shop, shop.amy, "Ding")
    group(shop, shop.bob, "Fan")
    shop.wechat.fault("reset_after", path=ADD, first=2)

    shop.start(route="group_send")
    shop.work()
    shop.again()

    assert [len(shop.tasks(userid)) for userid in ("amy", "bob")] == [1, 1]
    assert {one.state for one in shop.batches()} == {"waiting"}
    assert len({one.provider_id for one in shop.batches()}) == 2


def test_groups_that_the_owner_did_not_tick_end_after_a_while(shop: Shop) -> None:
    group(shop, shop.amy, "Ding")
    row = shop.start(route="group_send")
    shop.work()
    with shop.business.scope():
        chat = Group.objects.get()
    shop.wechat.act("group_dismiss", chat_id=chat.chat_id)
    shop.confirm()
    shop.poll()
    assert shop.fresh(row).state == "waiting"  # only what was sent is listed

    with shop.business.scope():
        BroadcastShare.objects.update(confirmed_at=F("confirmed_at") - timedelta(hours=2))
    shop.poll()

    assert group_states(shop) == [("amy", "not_sent")]
    assert shop.fresh(row).state == "done"


@pytest.fixture
def quick(shop: Shop) -> Shop:
    """WeCom prepares moments at once."""
    shop.wechat.setting(moment_job_s=[0.0, 0.0])
    return shop


def test_a_moment_is_prepared_published_and_seen(quick: Shop) -> None:
    shop = quick
    row = shop.start(route="moment", staff=[shop.amy, shop.bob])

    shop.work()
    (batch,) = shop.batches()
    assert (batch.state, batch.staff, batch.job_id != "") == ("preparing", None, True)
    shop.again()
    (batch,) = shop.batches()
    assert batch.state == "waiting"

    shop.wechat.act("confirm_moment", moment_id=batch.provider_id, userid="amy")
    shop.wechat.act(
        "like_moment", moment_id=batch.provider_id, userid="amy", customer=shop.people["Ding"]
    )
    shop.poll()

    with shop.business.scope():
        shares = dict(BroadcastShare.objects.values_list("staff__userid", "state"))
        amys = BroadcastShare.objects.get(staff=shop.amy)
    assert shares == {"amy": "confirmed", "bob": "waiting"}
    assert (amys.seen_by, amys.likes, amys.comments) == (2, 1, 0)
    assert [one.kind for one in shop.events("Ding", "moment.")] == ["moment.liked"]
    shop.poll()
    assert len(shop.events("Ding", "moment.")) == 1
    assert (shop.fresh(row).state, shop.fresh(row).total) == ("waiting", 3)


def test_members_who_cannot_publish_are_told(quick: Shop) -> None:
    shop = quick
    staff = shop.business.staff["sales"]  # nobody whom WeCom knows

    shop.start(route="moment", staff=[shop.amy, staff])
    shop.work()
    shop.again()

    with shop.business.scope():
        shares = dict(BroadcastShare.objects.values_list("staff__userid", "state"))
    assert shares == {"amy": "waiting", staff.userid: "refused"}


def test_a_lost_moment_is_looked_up(quick: Shop, monkeypatch: Any) -> None:
    shop = quick
    shop.wechat.fault("reset_after", path=POST, first=1)

    shop.start(route="moment", staff=[shop.amy])
    shop.work()
    assert [one.state for one in shop.batches()] == ["asked"]
    shop.again()

    assert [one.state for one in shop.batches()] == ["waiting"]
    assert len(shop.wechat.calls(POST)) == 1


def test_a_lost_moment_is_not_mixed_up_with_its_twin(quick: Shop) -> None:
    """Both say the same at the same time; only who publishes them tells them apart."""
    shop = quick
    shop.wechat.fault("reset_after", path=POST, first=2)

    hers = shop.start(route="moment", staff=[shop.amy])
    his = shop.start(route="moment", staff=[shop.bob])
    shop.work()
    assert [one.state for one in shop.batches()] == ["asked", "asked"]
    with shop.business.scope():  # the later one is looked up first
        BroadcastBatch.objects.filter(broadcast=his).update(due_at=F("due_at") - timedelta(hours=1))
    shop.again()

    found = {one.broadcast_id: one.provider_id for one in shop.batches()}
    asked = {
        pk: [one["userid"] for one in published(shop, moment_id)]
        for pk, moment_id in found.items()
    }  # fmt: skip
    assert asked == {hers.pk: ["amy"], his.pk: ["bob"]}


def published(shop: Shop, moment_id: str) -> Any:
    moment = shop.wechat.world.corp(shop.wechat.corpid).moments[moment_id]
    return [{"userid": userid} for userid in moment.tasks]


def test_a_lost_moment_waits_until_its_twin_has_an_id(quick: Shop) -> None:
    shop = quick
    twin = shop.start(route="moment", staff=[shop.amy])
    shop.work()
    shop.wechat.fault("reset_after", path=POST, first=1)
    lost = shop.start(route="moment", staff=[shop.amy])
    shop.work()
    states = {one.broadcast_id: one.state for one in shop.batches()}
    assert states == {twin.pk: "preparing", lost.pk: "asked"}
    with shop.business.scope():  # the lost one alone is looked up
        BroadcastBatch.objects.filter(broadcast=lost).update(due_at=timezone.now())
    shop.work()
    assert shop.batches()[-1].provider_id == ""

    shop.again()
    shop.again()

    first, second = shop.batches()
    assert (first.state, second.state) == ("waiting", "waiting")
    assert first.provider_id != second.provider_id


def test_a_moment_shows_one_link_with_a_cover(quick: Shop) -> None:
    shop = quick
    with shop.business.scope():
        cover = media.keep(ContentFile(PNG, "p.png"), "p.png", "image")
    link = {"type": "link", "title": "Shop", "url": "https://shop.example/"}
    with pytest.raises(ValidationError, match="cover"):
        shop.start(route="moment", staff=[shop.amy], attachments=[link])
    covered = {**link, "media": cover.pk}
    with pytest.raises(ValidationError, match="64 bytes"):
        shop.start(
            route="moment", staff=[shop.amy], attachments=[{**covered, "title": "x" * 65}]
        )  # fmt: skip
    with pytest.raises(ValidationError, match="one link"):
        shop.start(route="moment", staff=[shop.amy], attachments=[covered, covered])

    shop.start(route="moment", staff=[shop.amy], attachments=[covered])
    shop.work()
    shop.again()

    (call,) = shop.wechat.calls(POST)
    (sent,) = call["body"]["attachments"]
    assert (sent["msgtype"], sent["link"]["title"]) == ("link", "Shop")
    assert set(sent["link"]) == {"title", "url", "media_id"}
    assert shop.batches()[-1].state == "waiting"


def test_a_moment_that_never_arrived_is_made_once_more(quick: Shop, monkeypatch: Any) -> None:
    shop = quick
    shop.wechat.fault("reset_before", path=POST, first=1)
    shop.start(route="moment", staff=[shop.amy])
    shop.work()
    shop.again()
    early = [one.state for one in shop.batches()]

    monkeypatch.setattr(answers, "MOMENT_LAG", timedelta(0))
    shop.again()
    shop.again()
    shop.again()

    assert early == ["asked"]
    assert [one.state for one in shop.batches()] == ["waiting"]


def test_a_moment_shows_pictures_to_those_with_a_tag(quick: Shop) -> None:
    shop = quick
    made = shop.wechat.act("create_tags", group_name="Level", tags=["VIP"])
    with shop.business.scope():
        picture = media.keep(ContentFile(PNG, "p.png"), "p.png", "image")
        vip = Tag.objects.create(name="VIP")
        stored = [{"type": "image", "media": picture.pk}]
    with pytest.raises(ValidationError, match="VIP"):
        shop.start(route="moment", tags=[vip], staff=[shop.amy], attachments=stored)
    with shop.business.scope():
        TagLink.objects.create(
            account=shop.wechat.account, tag=vip, platform_id=made["tags"]["VIP"],
            group_id=made["group_id"], name="VIP", here="VIP",
        )  # fmt: skip

    shop.start(route="moment", tags=[vip], staff=[shop.amy], attachments=stored)
    shop.work()
    with shop.business.scope():
        assert [one.state for one in BroadcastBatch.objects.all()] == []  # nobody wears it

    shop.wechat.act(
        "edit_remark", userid="amy", customer=shop.people["Ding"], add_tag=[made["tags"]["VIP"]]
    )
    shop.wechat.settle()
    with shop.business.scope():
        tagging.add([shop.contact("Ding").pk], [vip.pk], "api")
    shop.start(route="moment", tags=[vip], staff=[shop.amy], attachments=stored)
    shop.work()
    shop.again()

    (call,) = shop.wechat.calls(POST)
    assert [one["msgtype"] for one in call["body"]["attachments"]] == ["image"]
    tags = call["body"]["visible_range"]["external_contact_list"]["tag_list"]
    assert tags == [made["tags"]["VIP"]]
    assert shop.batches()[-1].state == "waiting"


def test_a_moment_is_cancelled_for_those_who_did_not_publish(quick: Shop) -> None:
    shop = quick
    row = shop.start(route="moment", staff=[shop.amy, shop.bob])
    shop.work()
    shop.again()

    with shop.business.scope():
        starting.cancel(shop.fresh(row))
    shop.work()
    shop.poll()

    assert len(shop.wechat.calls("externalcontact/cancel_moment_task")) == 1
    assert shop.fresh(row).state == "cancelled"
    assert shop.fresh(row).finished_at is not None
