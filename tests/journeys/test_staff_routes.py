"""What goes by way of the staff: notes, tasks, mass tasks that are reminded of or called back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from contacts.models import Contact
from journeys import (
    dispatch,
    enrolments,
    outcomes,
    recalls,
    staff_tasks,
    task_notices,
)
from journeys.models import Enrolment, StaffTask, Touch
from tenants.ids import encode
from tests.journeys import ground
from tests.journeys.ground import step
from tests.journeys.test_routes import LATER, friend, seen
from tests.wechat_fixtures import WeChat

pytestmark = pytest.mark.usefixtures("in_english")


# --- staff: notes and tasks ---


def messages_of(wechat: WeChat, userid: str) -> list[str]:
    member = wechat.sim(f"staff/{wechat.corpid}/{userid}", "GET")
    return [str(message["text"]) for message in member["messages"]]


def test_a_note_goes_to_the_member_and_counts_for_nobody(wechat: WeChat) -> None:
    friend(wechat, step(0, "Call {name}", route="app_message"), step(0, "Hi", route="none"))
    with wechat.business.scope():
        ground.set_pace(per_contact_day=1)
        name = Contact.objects.get().name

    dispatch.run(wechat.business.pk)

    assert seen(wechat) == [("app_message", "sent", ""), ("none", "sent", "")]
    assert messages_of(wechat, "amy") == [f"Call {name}"]


def test_a_note_whose_answer_was_lost_comes_once(wechat: WeChat) -> None:
    friend(wechat, step(0, "Call {name}", route="app_message"))
    wechat.fault("reset_after", path="*message/send", first=1)
    tenant = wechat.business.pk
    dispatch.run(tenant)
    unknown = seen(wechat)
    with wechat.business.scope():
        Contact.objects.update(name="Somebody else")  # the frozen bytes are repeated

    outcomes.follow_up(tenant, timezone.now() + LATER)

    assert unknown == [("app_message", "unknown", "")]
    assert seen(wechat) == [("app_message", "sent", "")]
    assert len(messages_of(wechat, "amy")) == 1


def test_a_member_is_told_of_a_task_with_its_words_and_the_way_to_it(wechat: WeChat) -> None:
    friend(wechat, step(0, "Ask {name} for the size", route="staff_task"))
    tenant = wechat.business.pk

    dispatch.run(tenant)
    task_notices.work(tenant)

    with wechat.business.scope():
        task = StaffTask.objects.get()
        assert (task.notice, task.notice_request, task.notice_at) == ("told", None, None)
        (text,) = messages_of(wechat, "amy")
        assert text.endswith(task.text)
        assert "/desk/tasks/#task-" in text
        staff_tasks.done(task)
    assert seen(wechat) == [("staff_task", "sent", "")]


def test_many_tasks_are_one_message(wechat: WeChat) -> None:
    friend(wechat, *[step(0, f"Say {n}", route="staff_task") for n in range(4)])
    tenant = wechat.business.pk

    dispatch.run(tenant)
    with wechat.business.scope():
        closed = StaffTask.objects.latest("id")
        staff_tasks.done(closed)
    task_notices.work(tenant)

    (text,) = messages_of(wechat, "amy")
    assert text.startswith("3 ")
    assert "Say" not in text
    with wechat.business.scope():
        told = list(StaffTask.objects.order_by("id").values_list("notice", flat=True))
    assert told == ["told", "told", "told", ""]


@pytest.mark.parametrize("fault", ["reset_after", "truncated_json", "http_502"])
def test_a_notice_whose_answer_was_lost_is_repeated_in_the_same_bytes(
    wechat: WeChat, fault: str
) -> None:
    friend(wechat, step(0, "Ask {name}", route="staff_task"))
    wechat.fault(fault, path="*message/send", first=1)
    tenant = wechat.business.pk
    dispatch.run(tenant)
    task_notices.work(tenant)
    with wechat.business.scope():
        waiting = StaffTask.objects.get()
        assert waiting.notice == "sending"
        Contact.objects.update(name="Somebody else")
        StaffTask.objects.update(notice_at=timezone.now())

    task_notices.work(tenant)

    with wechat.business.scope():
        assert StaffTask.objects.get().notice == "told"
    assert len(messages_of(wechat, "amy")) == 1


def test_a_notice_that_cannot_leave_says_why_and_the_task_stays(wechat: WeChat) -> None:
    friend(wechat, step(0, "Ask {name}", route="staff_task"))
    with wechat.business.scope():
        wechat.account.agent_id = ""
        wechat.account.save()
    dispatch.run(wechat.business.pk)
    task_notices.work(wechat.business.pk)

    with wechat.business.scope():
        task = StaffTask.objects.get()
        assert (task.state, task.notice, task.notice_problem) == ("open", "failed", "no_agent")
        assert task_notices.next_due() is None


# --- reminding and calling back ---


def test_a_member_is_reminded_three_times_a_day_and_no_more(wechat: WeChat) -> None:
    friend(wechat, step(0, "Hello", route="mass_task"))
    tenant = wechat.business.pk
    dispatch.run(tenant)

    for _round in range(3):
        with wechat.business.scope():
            assert recalls.remind(Touch.objects.get())
            assert not recalls.remind(Touch.objects.get())  # one at a time
        outcomes.follow_up(tenant)
    with wechat.business.scope():
        assert not recalls.remind(Touch.objects.get())
        Touch.objects.update(reminded=[(timezone.now() - timedelta(hours=25)).isoformat()] * 3)
        assert recalls.may_remind(Touch.objects.get())

    assert len(wechat.calls("remind_groupmsg_send")) == 3
    assert seen(wechat) == [("mass_task", "awaiting_staff", "")]


def test_what_nobody_has_confirmed_is_called_back(wechat: WeChat) -> None:
    friend(wechat, step(0, "Hello", route="mass_task"), step(600, "Later", route="mass_task"))
    tenant = wechat.business.pk
    dispatch.run(tenant)
    with wechat.business.scope():
        assert recalls.call_back(Touch.objects.earliest("due_at"))

    outcomes.follow_up(tenant)

    assert seen(wechat) == [
        ("mass_task", "cancelled", "task_cancelled"),
        ("mass_task", "planned", ""),
    ]
    assert len(wechat.calls("cancel_groupmsg_send")) == 1


def test_what_was_confirmed_meanwhile_stays_delivered(wechat: WeChat) -> None:
    friend(wechat, step(0, "Hello", route="mass_task"))
    tenant = wechat.business.pk
    dispatch.run(tenant)
    with wechat.business.scope():
        msgid = Touch.objects.get().provider_id
        assert recalls.call_back(Touch.objects.get())
    wechat.act("confirm_task", msgid=msgid)

    outcomes.follow_up(tenant)

    assert seen(wechat) == [("mass_task", "delivered", "")]


def test_who_leaves_a_script_does_not_get_what_waits_for_a_member(wechat: WeChat) -> None:
    friend(wechat, step(0, "Hello", route="mass_task"))
    tenant = wechat.business.pk
    dispatch.run(tenant)
    wechat.fault("http_502", path="*cancel_groupmsg_send", first=1)
    with wechat.business.scope():
        enrolments.leave({Enrolment.objects.get().pk: "by_hand"})

    outcomes.follow_up(tenant)
    waiting = seen(wechat)
    outcomes.follow_up(tenant, timezone.now() + LATER)

    assert waiting == [("mass_task", "awaiting_staff", "by_hand")]
    assert seen(wechat) == [("mass_task", "cancelled", "by_hand")]


def test_members_are_reminded_and_messages_called_back_by_the_api(wechat: WeChat) -> None:
    friend(wechat, step(0, "Hello", route="mass_task"))
    dispatch.run(wechat.business.pk)
    with wechat.business.scope():
        address = f"/api/v1/touches/{encode(Touch.objects.get().pk)}"
    api = wechat.business.api()

    reminded = api.post(f"{address}/remind", format="json", headers={"Idempotency-Key": "r1"})
    outcomes.follow_up(wechat.business.pk)
    called = api.post(f"{address}/cancel", format="json", headers={"Idempotency-Key": "c1"})
    again = api.post(f"{address}/cancel", format="json", headers={"Idempotency-Key": "c2"})

    assert (reminded.status_code, called.status_code, again.status_code) == (200, 200, 409)
