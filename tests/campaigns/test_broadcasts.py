"""A message to many through the real sandbox: what arrives, what is lost, what is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils import timezone

from campaigns.broadcasts import answers, sending, starting
from campaigns.models import Broadcast, BroadcastBatch, BroadcastRecipient, BroadcastShare
from tests.campaigns.conftest import Shop

ADD = "externalcontact/add_msg_template"


def test_each_member_confirms_and_customers_get_it(shop: Shop) -> None:
    row = shop.start()

    shop.work()

    assert shop.fresh(row).state == "waiting"
    assert shop.through() == {"Ding": "amy", "Eve": "amy", "Fan": "bob"}
    assert set(shop.states().values()) == {"waiting"}
    assert [one["body"]["sender"] for one in shop.wechat.calls(ADD)] == ["amy", "bob"]
    assert shop.got("Ding") == []

    shop.confirm()
    shop.poll()

    done = shop.fresh(row)
    assert (done.state, done.total, done.left_out) == ("done", 3, {})
    assert done.finished_at is not None
    assert set(shop.states().values()) == {"delivered"}
    assert [shop.got(name) for name in ("Ding", "Eve", "Fan")] == [["Spring sale"]] * 3
    sent, delivered = shop.events("Fan", "touch.")
    assert (sent.kind, delivered.kind) == ("touch.sent", "touch.delivered")
    assert delivered.properties["staff"] == "bob"
    assert delivered.properties["route"] == "mass_task"


def test_results_are_read_once_however_often(shop: Shop) -> None:
    shop.start()
    shop.work()
    shop.confirm()
    with shop.business.scope():
        before = BroadcastBatch.objects.get(staff=shop.amy)
    shop.poll()
    with shop.business.scope():  # as if the worker had died after reading
        BroadcastBatch.objects.filter(pk=before.pk).update(state="waiting", poll_at=timezone.now())
        BroadcastShare.objects.filter(batch=before).update(state="confirmed", reading=True)

    shop.poll()

    assert len(shop.events("Ding", "touch.")) == 2
    assert {one.state for one in shop.batches()} == {"done"}


def test_a_member_gets_so_many_customers_a_call(shop: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr("campaigns.broadcasts.planning.RECIPIENTS_LIMIT", 1)

    shop.start()
    shop.work()

    assert [len(one["body"]["external_userid"]) for one in shop.wechat.calls(ADD)] == [1, 1, 1]
    assert sorted(shop.states().values()) == ["waiting"] * 3
    shop.confirm()
    shop.poll()
    assert set(shop.states().values()) == {"delivered"}


@pytest.mark.parametrize("fault", ["reset_after", "truncated_json", "html_200"])
def test_a_lost_answer_is_looked_up_and_never_sent_twice(shop: Shop, fault: str) -> None:
    shop.wechat.fault(fault, path=ADD, first=2)
    shop.start()

    shop.work()
    assert {one.state for one in shop.batches()} == {"asked"}
    shop.again()

    assert [len(shop.tasks(userid)) for userid in ("amy", "bob")] == [1, 1]
    assert {one.state for one in shop.batches()} == {"waiting"}
    shop.confirm()
    shop.poll()
    assert [len(shop.got(name)) for name in shop.people] == [1, 1, 1]


def test_what_never_arrived_is_asked_once_more(shop: Shop, monkeypatch: Any) -> None:
    shop.wechat.fault("reset_before", path=ADD, first=2)
    shop.start()
    shop.work()

    shop.again()
    early = {one.state for one in shop.batches()}  # lists lag: not found is no proof yet
    monkeypatch.setattr(answers, "LIST_LAG", timedelta(0))
    shop.again()
    shop.again()

    assert early <= {"asked", "waiting"}
    assert [len(shop.tasks(userid)) for userid in ("amy", "bob")] == [1, 1]
    assert {one.state for one in shop.batches()} == {"waiting"}


def test_a_worker_that_dies_between_call_and_settling_sends_nothing_twice(
    shop: Shop, monkeypatch: Any
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    shop.start()
    with monkeypatch.context() as patch:
        patch.setattr(answers, "accepted", die)
        for _ in range(2):
            with pytest.raises(Killed):
                sending.work(shop.business.pk)

    assert {one.state for one in shop.batches()} == {"asked"}
    shop.work()
    assert {one.state for one in shop.batches()} == {"asked"}  # leased
    shop.again()
    assert [len(shop.tasks(userid)) for userid in ("amy", "bob")] == [1, 1]
    assert set(shop.states().values()) == {"waiting"}


def test_a_worker_that_stood_still_does_not_call(shop: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr("campaigns.broadcasts.jobs.CALL_AT_MOST", timedelta(minutes=6))

    shop.start()
    shop.work()

    assert shop.wechat.calls(ADD) == []
    assert {one.state for one in shop.batches()} == {"asked"}


def test_refused_recipients_and_outcomes_are_told_apart(shop: Shop) -> None:
    shop.wechat.setting(mass_quota="day1")
    first = shop.start()
    shop.work()
    shop.confirm()
    shop.poll()
    assert shop.fresh(first).state == "done"
    shop.start(text="Once more")
    shop.work()
    shop.wechat.act("staff_deletes", userid="amy", customer=shop.people["Eve"])
    shop.confirm()
    shop.poll()

    with shop.business.scope():
        rows = BroadcastRecipient.objects.filter(broadcast__text="Once more")
        states = dict(rows.values_list("contact__name", "state"))
    assert states == {"Ding": "quota", "Eve": "not_friend", "Fan": "quota"}


def test_at_its_time_and_not_before(shop: Shop) -> None:
    row = shop.start(send_at=timezone.now() + timedelta(hours=2))

    shop.work()
    assert shop.fresh(row).state == "scheduled"
    with shop.business.scope():
        Broadcast.objects.update(due_at=timezone.now())
    shop.work()

    assert shop.fresh(row).state == "waiting"
    assert shop.fresh(row).frozen_at is not None


def test_staff_are_reminded_three_times_a_day(shop: Shop) -> None:
    row = shop.start()
    shop.work()

    for _ in range(3):
        with shop.business.scope():
            assert starting.remind(shop.fresh(row)) == 2
        shop.work()
    with shop.business.scope(), pytest.raises(ValidationError, match="3 reminders"):
        starting.remind(shop.fresh(row))

    assert len(shop.wechat.calls("externalcontact/remind_groupmsg_send")) == 6
    assert {one.problem for one in shop.batches()} == {""}


def test_what_is_cancelled_is_sent_to_nobody_more(shop: Shop) -> None:
    row = shop.start()
    shop.work()
    amys = shop.batches()[0]
    shop.wechat.act("confirm_task", msgid=amys.provider_id)

    with shop.business.scope():
        starting.cancel(shop.fresh(row))
    shop.work()
    shop.poll()

    done = shop.fresh(row)
    assert (done.state, done.finished_at is not None) == ("cancelled", True)
    assert shop.states() == {"Ding": "delivered", "Eve": "delivered", "Fan": "cancelled"}
    with shop.business.scope(), pytest.raises(ValidationError):
        starting.cancel(done)


def test_before_its_time_it_can_be_cancelled(shop: Shop) -> None:
    row = shop.start(send_at=timezone.now() + timedelta(hours=2))
    with shop.business.scope():
        starting.cancel(row)

    shop.work()

    assert (shop.fresh(row).state, shop.states()) == ("cancelled", {})
    assert shop.fresh(row).finished_at is not None


def test_members_who_never_confirm_end_it_after_a_week(shop: Shop) -> None:
    row = shop.start()
    shop.work()
    with shop.business.scope():
        BroadcastBatch.objects.update(accepted_at=F("accepted_at") - timedelta(days=8))

    shop.poll()

    assert shop.fresh(row).state == "done"
    assert set(shop.states().values()) == {"not_sent"}


def test_a_refusal_for_good_fails_it(shop: Shop) -> None:
    shop.wechat.fault("errcode", path=ADD, errcode=48002, first=2)

    row = shop.start()
    shop.work()

    done = shop.fresh(row)
    assert (done.state, "48002" in done.problem) == ("failed", True)
    assert set(shop.states().values()) == {"failed"}


def test_a_rate_limit_only_delays(shop: Shop) -> None:
    shop.wechat.fault("errcode", path=ADD, errcode=45009, first=1)

    shop.start()
    shop.work()
    states = [one.state for one in shop.batches()]

    assert "planned" in states
    now = timezone.now()
    assert all(one.due_at and one.due_at > now for one in shop.batches() if one.state == "planned")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"text": " "}, "text"),
        ({"everyone": False}, "everyone"),
        ({"text": "字" * 1400}, "text"),
        ({"send_at": timezone.now() - timedelta(days=1)}, "send_at"),
        ({"route": "moment", "attachments": [{"type": "link", "title": "t", "url": "https://x"}]},
         "attachments"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_refused_by_field(
    shop: Shop, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        shop.start(**values)

    assert list(refused.value.message_dict) == [field]
