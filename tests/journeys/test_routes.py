"""Steps by other routes than a mass task: official accounts, notes to staff, what comes next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from contacts.messaging import quota
from contacts.models import Contact, Event, ReachSpell
from contacts.timeline import NewEvent, record
from journeys import (
    delivery,
    dispatch,
    outcomes,
    sops,
)
from journeys.models import Enrolment, Touch
from tenants.wechat.mass_sends import NewMassTask
from tests.journeys import ground
from tests.journeys.ground import happen, script, step
from tests.official_fixtures import Official
from tests.wechat_fixtures import WeChat

LATER = timedelta(minutes=2)


pytestmark = pytest.mark.usefixtures("in_english")


def by_template(template_id: str, route: str = "template", **fields: Any) -> Any:
    texts = {"thing1": "{name}, welcome"}
    return step(0, "", route=route, template_id=template_id, template_fields=texts, **fields)


def subscribers(official: Official, *steps: Any) -> Any:
    """A fan for whom a script of these steps starts; answers the sandbox's names of them."""
    with official.wechat.business.scope():
        ground.no_pace()
        script("Fans", *steps, trigger="subscription.opened")
    return official.follow()


def friend(wechat: WeChat, *steps: Any, userid: str = "amy") -> Contact:
    """A friend of Amy for whom a script of these steps starts."""
    with wechat.business.scope():
        ground.no_pace()
        script("Friends", *steps)
    wechat.scan(wechat.live_code(wechat.join(userid)))
    wechat.settle()
    with wechat.business.scope():
        return Contact.objects.get(follows__staff__userid=userid)


def seen(wechat: WeChat) -> list[tuple[str, str, str]]:
    with wechat.business.scope():
        rows = Touch.objects.order_by("due_at", "id")
        return [(touch.route, touch.state, touch.reason) for touch in rows]


def work(official: Official) -> None:
    dispatch.run(official.wechat.business.pk)
    official.wechat.settle()


# --- template messages ---


def test_a_template_message_is_delivered_by_its_callback(official: Official) -> None:
    fan = subscribers(official, by_template(official.template()))

    dispatch.run(official.wechat.business.pk)
    sent = seen(official.wechat)
    official.wechat.settle()

    assert sent == [("template", "sent", "")]
    assert seen(official.wechat) == [("template", "delivered", "")]
    with official.wechat.business.scope():
        contact, touch = official.contact(fan["openid"]), Touch.objects.get()
        assert touch.delivered_at is not None
        assert ground.kinds_of(contact, "touch.") == ["touch.sent", "touch.delivered"]
        event = Event.objects.get(kind="touch.sent")
        assert (event.properties["account"], event.properties["by"]) == (
            official.appid,
            "template",
        )
        assert Enrolment.objects.get().state == "done"


def test_a_fan_who_refuses_templates_is_a_failure_with_a_reason(official: Official) -> None:
    with official.wechat.business.scope():
        ground.no_pace()
        script("Fans", by_template(official.template()), trigger="subscription.opened")
    fan = official.follow()
    official.act("oa_refuse_templates", customer=fan["customer"])

    work(official)

    assert seen(official.wechat) == [("template", "failed", "blocked")]


def test_a_result_that_comes_before_the_answer_is_stored_counts(
    official: Official, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribers(official, by_template(official.template()))
    call = delivery._call

    def slowly(*args: Any) -> Any:
        move = call(*args)
        official.wechat.settle()  # the callback is handled while the touch is still `sending`
        return move

    monkeypatch.setattr(delivery, "_call", slowly)
    dispatch.run(official.wechat.business.pk)

    assert seen(official.wechat) == [("template", "delivered", "")]


@pytest.mark.parametrize("fault", ["reset_after", "truncated_json", "html_200"])
def test_a_lost_answer_to_a_template_message_is_settled_once(
    official: Official, fault: str
) -> None:
    template = official.template()
    official.fault(fault, "*message/template/send", first=1)
    fan = subscribers(official, by_template(template))
    tenant = official.wechat.business.pk
    dispatch.run(tenant)
    unknown = seen(official.wechat)

    outcomes.follow_up(tenant, timezone.now() + LATER)
    work(official)

    assert unknown == [("template", "unknown", "")]
    assert seen(official.wechat) == [("template", "delivered", "")]
    assert [kind for kind, _text in official.phone(fan["customer"])] == ["template"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_between_call_and_settle_it_goes_out_once(
    official: Official, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """As if the process died right before the call, or right after it."""

    class Killed(BaseException):
        pass

    call = delivery._call

    def die(*args: Any) -> None:
        if moment == "after":
            call(*args)
        raise Killed

    fan = subscribers(official, by_template(official.template()))
    tenant = official.wechat.business.pk
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "_call", die)
        with pytest.raises(Killed):
            dispatch.run(tenant)
    killed = seen(official.wechat)
    outcomes.follow_up(tenant, timezone.now() + LATER)
    work(official)

    assert killed == [("template", "sending", "")]
    assert seen(official.wechat) == [("template", "delivered", "")]
    assert [kind for kind, _text in official.phone(fan["customer"])] == ["template"]


# --- customer and subscribe messages ---


def test_a_customer_message_goes_out_while_the_window_is_open(official: Official) -> None:
    fan = subscribers(official, step(0, "Welcome", route="oa_message"))

    work(official)

    assert seen(official.wechat) == [("oa_message", "sent", "")]
    assert official.phone(fan["customer"]) == [("custom", "Welcome")]


@pytest.mark.parametrize(
    ("errcode", "reason"), [(45015, "window_closed"), (45047, "window_used_up")]
)
def test_a_closed_window_skips_with_a_reason(official: Official, errcode: int, reason: str) -> None:
    official.fault("errcode", "*message/custom/send", errcode=errcode)
    subscribers(official, step(0, "Welcome", route="oa_message"))

    work(official)

    assert seen(official.wechat) == [("oa_message", "skipped", reason)]


def test_a_lost_customer_message_waits_for_a_person(official: Official) -> None:
    official.fault("reset_after", "*message/custom/send", first=1)
    fan = subscribers(official, step(0, "Welcome", route="oa_message"))
    tenant = official.wechat.business.pk
    dispatch.run(tenant)

    outcomes.follow_up(tenant, timezone.now() + LATER)
    dispatch.run(tenant)

    assert seen(official.wechat) == [("oa_message", "unknown", "unsettled")]
    assert len(official.phone(fan["customer"])) == 1


def test_a_lost_subscribe_message_is_settled_by_its_result(official: Official) -> None:
    template = official.template("subscribe")
    official.fault("reset_after", "*message/subscribe/bizsend", first=1)
    fan = subscribers(official, by_template(template, "subscribe"))
    official.act("oa_popup", customer=fan["customer"], answers={template: "accept"})
    tenant = official.wechat.business.pk
    dispatch.run(tenant)
    unknown = seen(official.wechat)
    official.wechat.settle()

    outcomes.follow_up(tenant, timezone.now() + LATER)

    assert unknown == [("subscribe", "unknown", "")]
    assert seen(official.wechat) == [("subscribe", "delivered", "")]
    assert len(official.phone(fan["customer"])) == 1


def test_results_of_subscribe_messages_go_by_the_number_that_the_answer_gave(
    official: Official,
) -> None:
    template = official.template("subscribe")
    wechat, tenant = official.wechat, official.wechat.business.pk
    wechat.setting(subscribe_msgid=True, template_delay_s=[3, 3])
    steps = [by_template(template, "subscribe"), by_template(template, "subscribe")]
    fan = subscribers(official, *steps)
    for _ in steps:
        official.act("oa_popup", customer=fan["customer"], answers={template: "accept"})
    with wechat.business.scope():
        first, second = Touch.objects.order_by("due_at", "id")
        Touch.objects.filter(pk=second.pk).update(due_at=timezone.now() + LATER)
    dispatch.run(tenant)
    wechat.setting(template_delay_s=[0, 0])
    with wechat.business.scope():
        Touch.objects.filter(pk=second.pk).update(due_at=timezone.now())
    dispatch.run(tenant)

    wechat.settle()

    assert wechat.fresh(first).provider_id not in ("", wechat.fresh(second).provider_id)
    results = [wechat.fresh(one) for one in (first, second)]
    assert [one.state for one in results] == ["delivered", "delivered"]
    # The second one's result came first, though the first had waited longer.
    assert results[1].delivered_at < results[0].delivered_at


def test_without_an_acceptance_a_subscribe_message_is_skipped(official: Official) -> None:
    subscribers(official, by_template(official.template("subscribe"), "subscribe"))

    work(official)

    assert seen(official.wechat) == [("subscribe", "skipped", "not_accepted")]


# --- what comes next ---


def test_a_fan_without_a_friend_gets_what_the_friend_would_get(official: Official) -> None:
    fan = subscribers(
        official,
        step(0, "Welcome", route="mass_task", fallbacks=["subscribe", "oa_message"],
             template_id=official.template("subscribe"), template_fields={"thing1": "x"}),
    )  # fmt: skip

    work(official)

    # Nobody is friends, the subscription was never accepted: so a customer message.
    assert seen(official.wechat) == [("oa_message", "sent", "")]
    assert official.phone(fan["customer"]) == [("custom", "Welcome")]


def test_a_friend_who_is_no_fan_gets_the_mass_task(official: Official) -> None:
    wechat = official.wechat
    friend(wechat, step(0, "Hello", route="oa_message", fallbacks=["mass_task"]))

    dispatch.run(wechat.business.pk)

    assert seen(wechat) == [("mass_task", "awaiting_staff", "")]


def test_without_any_way_it_is_skipped(official: Official) -> None:
    friend(official.wechat, step(0, "Hello", route="oa_message"))

    dispatch.run(official.wechat.business.pk)

    assert seen(official.wechat) == [("oa_message", "skipped", "no_openid")]


def test_a_full_quota_makes_room_for_the_next_route(wechat: WeChat) -> None:
    contact = friend(
        wechat,
        step(0, "One", route="mass_task", fallbacks=["staff_task"]),
        step(0, "Two", route="mass_task"),
    )
    with wechat.business.scope():
        ground.set_pace(mass_quota="day1")
        now = timezone.now()
        told: dict[str, object] = {"route": "mass_task", "broadcast": "Spring"}
        record([NewEvent(contact.pk, "touch.delivered", now, "campaigns", "b1", told)])
        assert quota.full([contact.pk], now) == {contact.pk}
        assert quota.full([contact.pk], now - timedelta(days=2)) == set()
        assert quota.full([], now) == set()

    dispatch.run(wechat.business.pk)

    assert seen(wechat) == [
        ("staff_task", "awaiting_staff", ""),
        ("mass_task", "skipped", "platform_quota"),
    ]


def test_a_customer_whom_the_member_cannot_write_to_fails_with_a_reason(
    wechat: WeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    friend(
        wechat,
        step(0, "One", route="mass_task"),
        step(0, "Two", route="mass_task", fallbacks=["staff_task"]),
    )
    # The sandbox refuses a task without anybody to send to; the platform may list them instead.
    ask = "contacts.messaging.mass_tasks.mass_sends.create_mass_task"
    monkeypatch.setattr(ask, _listed_as_failed)

    dispatch.run(wechat.business.pk)

    assert seen(wechat) == [
        ("mass_task", "failed", "not_sendable"),
        ("staff_task", "awaiting_staff", ""),
    ]


def _listed_as_failed(_client: object, *, external_userids: list[str], **_more: object) -> Any:
    return NewMassTask("msg1", tuple(external_userids))


def test_a_script_goes_on_with_the_account_when_the_friendship_ends(official: Official) -> None:
    wechat = official.wechat
    contact = friend(wechat, step(600, "Later", route="mass_task", fallbacks=["oa_message"]))
    with wechat.business.scope():
        customer = contact.identities.get(kind="external_userid").value
    fan = official.follow(customer)
    with wechat.business.scope():
        # The two records became one by the unionid in another test; here they are one by hand.
        contact.identities.create(kind="openid", account=official.appid, value="o-by-hand")
        happen(contact, "follow.ended", staff="amy", by="customer")
        assert Enrolment.objects.get().state == "running"
        assert ReachSpell.objects.filter(contact=contact, ended_at=None).count() == 0
    assert fan["openid"]


# --- writing steps ---


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"route": "template", "text": ""}, "write the id of the template."),
        ({"route": "template", "template_id": "t"}, "say what stands in each field"),
        (
            {"route": "template", "template_id": "t", "template_fields": {"thing1": "{nam}"}},
            "“{nam}” is no placeholder",
        ),
        ({"route": "oa_message", "text": "长" * 700}, "at most 2,048 bytes"),
        ({"route": "mass_task", "fallbacks": ["mass_task"]}, "a route is named twice."),
        ({"route": "mass_task", "fallbacks": ["none"]}, "the test route stands alone."),
        (
            {"route": "template", "fallbacks": ["subscribe"], "template_id": "t",
             "template_fields": {"a": "b"}},
            "a step has one template",
        ),
        ({"route": "mass_task", "fallbacks": ["pigeon"]}, "there is no route “pigeon”."),
    ],
)  # fmt: skip
def test_a_step_that_could_never_go_out_is_not_published(
    official: Official, fields: dict[str, Any], fault: str
) -> None:
    with official.wechat.business.scope(), pytest.raises(Exception, match="Step 1") as error:
        script("Wrong", step(0, **{"text": "x", **fields}))

    assert any(fault in sentence for sentence in error.value.messages)  # type: ignore[attr-defined]


def test_a_step_to_fans_needs_an_official_account(wechat: WeChat) -> None:
    with wechat.business.scope(), pytest.raises(Exception, match="no official account"):
        sops.check([step(0, "x", route="oa_message", position=1)])
