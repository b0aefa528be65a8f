"""The one door out: frozen requests, lost answers settled by look-up, never twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from contacts import messaging
from contacts.messaging import Accepted, NoRoute, Progress, mass_tasks
from contacts.models import Contact, Follow, Identity
from scrm.sandbox import Sandbox
from tenants.models import Staff
from tenants.wechat.errors import RateLimited, Retryable, Terminal, Unknown
from tests.wechat_fixtures import WeChat

ADD = "externalcontact/add_msg_template"


@pytest.fixture
def friend(wechat: WeChat) -> Follow:
    """Amy's new friend."""
    wechat.scan(wechat.live_code(wechat.join("amy")))
    wechat.settle()
    with wechat.business.scope():
        return Follow.objects.select_related("staff", "contact", "live_code__account").get()


def request_of(wechat: WeChat, friend: Follow, text: str = "Look at this") -> messaging.Request:
    with wechat.business.scope():
        return messaging.prepare("mass_task", friend, text)


def tasks(wechat: WeChat) -> list[dict[str, object]]:
    member = wechat.sim(f"staff/{wechat.corpid}/amy", "GET")
    return list(member["tasks"])


def test_a_member_confirms_and_the_customer_gets_it(wechat: WeChat, friend: Follow) -> None:
    request = request_of(wechat, friend)

    accepted = messaging.send(wechat.business.pk, request)
    (waiting,) = messaging.poll(wechat.business.pk, request, accepted.provider_id).values()
    wechat.act("confirm_task", msgid=accepted.provider_id)
    (done,) = messaging.poll(wechat.business.pk, request, accepted.provider_id).values()

    assert messaging.awaits_staff("mass_task")
    assert waiting.progress is Progress.WAITING
    assert done.progress is Progress.DELIVERED
    assert done.at is not None
    assert [task["text"] for task in tasks(wechat)] == ["Look at this"]


@pytest.mark.parametrize("fault", ["reset_after", "truncated_json", "html_200"])
def test_a_lost_answer_is_found_again(wechat: WeChat, friend: Follow, fault: str) -> None:
    request, other = (
        request_of(wechat, friend),
        messaging.send(wechat.business.pk, request_of(wechat, friend)),
    )
    wechat.fault(fault, path=ADD, first=1)
    sent_at = timezone.now()
    with pytest.raises(Unknown):
        messaging.send(wechat.business.pk, request)

    found = messaging.settle_unknown(
        wechat.business.pk, request, sent_at, taken=[other.provider_id]
    )

    assert found is not None
    assert found != other
    assert len(tasks(wechat)) == 2


def test_what_never_arrived_may_be_sent_again_after_the_lag(wechat: WeChat, friend: Follow) -> None:
    request = request_of(wechat, friend)
    wechat.fault("reset_before", path=ADD, first=1)
    with pytest.raises(Unknown):
        messaging.send(wechat.business.pk, request)

    with pytest.raises(Retryable) as early:
        messaging.settle_unknown(wechat.business.pk, request, timezone.now())
    old = timezone.now() - mass_tasks.LIST_LAG
    settled = messaging.settle_unknown(wechat.business.pk, request, old)

    assert 0 < early.value.retry_after <= mass_tasks.LIST_LAG.total_seconds()
    assert settled is None
    assert isinstance(messaging.send(wechat.business.pk, request), Accepted)
    assert len(tasks(wechat)) == 1


@pytest.mark.parametrize(("errcode", "error"), [(45009, RateLimited), (-1, Retryable)])
def test_a_busy_provider_did_nothing(
    wechat: WeChat, friend: Follow, errcode: int, error: type[Exception]
) -> None:
    wechat.fault("errcode", path=ADD, errcode=errcode, first=1)

    with pytest.raises(error):
        messaging.send(wechat.business.pk, request_of(wechat, friend))

    assert tasks(wechat) == []


def test_a_customer_who_left_is_refused_for_good(
    wechat: WeChat, sandbox: Sandbox, friend: Follow
) -> None:
    request = request_of(wechat, friend)
    sandbox.world.state.corps[wechat.corpid].follows.clear()

    with pytest.raises(Terminal):
        messaging.send(wechat.business.pk, request)


def test_no_provider_is_called_in_a_transaction(wechat: WeChat, friend: Follow) -> None:
    request = request_of(wechat, friend)

    with pytest.raises(RuntimeError), wechat.business.scope():
        messaging.send(wechat.business.pk, request)

    assert tasks(wechat) == []


def test_a_text_for_the_member_comes_once(wechat: WeChat, friend: Follow) -> None:
    with wechat.business.scope():
        request = messaging.prepare("app_message", friend, "Call them today")
    wechat.fault("reset_after", path="message/send", first=1)
    with pytest.raises(Unknown):
        messaging.send(wechat.business.pk, request)

    settled = messaging.settle_unknown(wechat.business.pk, request, timezone.now())

    assert settled is not None and settled.provider_id

    member = wechat.sim(f"staff/{wechat.corpid}/amy", "GET")
    assert [message["text"] for message in member["messages"]] == ["Call them today"]
    old = timezone.now() - timedelta(hours=5)
    with pytest.raises(Unknown):
        messaging.settle_unknown(wechat.business.pk, request, old)


def test_why_there_is_no_route(wechat: WeChat, friend: Follow) -> None:
    def reason(follow: Follow | None, text: str = "x") -> str:
        with pytest.raises(NoRoute) as refused:
            messaging.prepare("mass_task", follow, text)
        return refused.value.reason

    with wechat.business.scope():
        stranger = Contact.objects.create()
        staff = Staff.objects.get(userid="amy")
        bare = Follow.objects.create(contact=stranger, staff=staff, opened_at=timezone.now())
        assert reason(None) == "no_follow"
        assert reason(bare) == "no_identity"
        assert reason(friend, "") == "no_content"
        assert reason(friend, "长" * 1400) == "text_too_long"
        friend.ended_at = timezone.now()
        assert reason(friend) == "no_follow"
        Identity.objects.create(contact=stranger, kind="external_userid", value="wm1")
        wechat.account.active = False
        wechat.account.save()
        assert reason(bare) == "no_account"
