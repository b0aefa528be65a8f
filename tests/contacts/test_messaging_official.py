"""Messages to fans of an official account: windows, templates, lost answers, refusals."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from contacts import messaging
from contacts.merging import duplicates
from contacts.messaging import NoRoute, Settling, Template, notices, windows
from contacts.models import Contact, Event, Identity
from tenants.wechat.errors import Retryable, Terminal, Unknown
from tests.official_fixtures import Official

SEND = "message/custom/send"
TEMPLATE = "message/template/send"
SUBSCRIBE = "message/subscribe/bizsend"


def words(official: Official, openid: str, text: str = "Hello") -> messaging.Request:
    with official.wechat.business.scope():
        contact = official.contact(openid)
        return messaging.prepare_for_fan("oa_message", contact.pk, text=text)


def notice(
    official: Official, openid: str, template_id: str, route: str = "template", key: str = "k1"
) -> messaging.Request:
    with official.wechat.business.scope():
        contact = official.contact(openid)
        template = Template(template_id, {"thing1": "Ann"}, "https://example.com/")
        return messaging.prepare_for_fan(route, contact.pk, template=template, key=key)


def refused(official: Official, openid: str, **more: object) -> str:
    route = str(more.pop("route", "oa_message"))
    with official.wechat.business.scope():
        contact = official.contact(openid)
        with pytest.raises(NoRoute) as error:
            messaging.prepare_for_fan(route, contact.pk, text="x", **more)  # type: ignore[arg-type]
    return error.value.reason


def test_every_route_says_how_a_lost_answer_becomes_known() -> None:
    assert {name: messaging.settles(name) for name in messaging.names()} == {
        "mass_task": Settling.LOOK_UP,
        "app_message": Settling.REPEAT,
        "oa_message": Settling.PERSON,
        "template": Settling.REPEAT,
        "subscribe": Settling.RESULT,
    }


# --- customer messages ---


def test_a_fan_who_wrote_gets_five_messages_and_no_sixth(official: Official) -> None:
    fan = official.follow()
    official.act("oa_text", customer=fan["customer"], text="Anybody there?")
    official.wechat.settle()
    tenant = official.wechat.business.pk

    for number in range(8):  # three more come from the follow, which ends within a minute
        messaging.send(tenant, words(official, fan["openid"], f"Answer {number}"))
    with pytest.raises(NoRoute) as error:
        messaging.send(tenant, words(official, fan["openid"], "One too many"))

    assert error.value.reason == "window_used_up"
    assert len(official.phone(fan["customer"])) == 8


def test_what_we_sent_counts_against_the_window(official: Official) -> None:
    fan = official.follow()
    official.act("oa_text", customer=fan["customer"], text="Hi")
    official.wechat.settle()
    with official.wechat.business.scope():
        contact, now = official.contact(fan["openid"]), timezone.now()

        def problem(after: timedelta) -> str:
            return windows.problem(contact.pk, official.appid, now + after)

        sent = {"route": "oa_message", "account": official.appid}
        assert problem(timedelta(0)) == ""
        assert problem(timedelta(hours=47)) == ""
        assert problem(timedelta(hours=49)) == "window_closed"
        for number in range(5):
            Event.objects.create(
                contact=contact, kind="touch.sent", source="test", key=f"s{number}",
                at=now + timedelta(minutes=2 + number), properties=sent,
            )  # fmt: skip
        assert problem(timedelta(minutes=4)) == ""
        assert problem(timedelta(minutes=6)) == "window_used_up"


@pytest.mark.parametrize(
    ("facts", "at", "wanted"),
    [
        ([], 0, "window_closed"),
        ([("acted", 0)], 59, ""),
        ([("acted", 0)], 60, "window_closed"),
        ([("acted", 0), ("sent", 1), ("sent", 2), ("sent", 3)], 10, "window_used_up"),
        ([("acted", 0), ("sent", 1), ("sent", 2), ("sent", 3), ("acted", 5)], 10, ""),
        # What ends first is used first: the five of the message are untouched.
        ([("spoke", 0), ("acted", 1), *[("sent", 2)] * 3, *[("sent", 70)] * 4], 80, ""),
        ([("spoke", 0), ("acted", 1), *[("sent", 2)] * 3, *[("sent", 70)] * 5], 80,
         "window_used_up"),
        ([("spoke", 0), ("left", 1)], 2, "window_closed"),
        ([("spoke", 0), *[("sent", 1)] * 5, ("spoke", 2)], 3, ""),
    ],
)  # fmt: skip
def test_openings_are_counted_as_the_platform_does(
    facts: list[tuple[windows.Act, int]], at: int, wanted: str
) -> None:
    start = datetime.fromisoformat("2026-03-01T08:00:00+08:00")
    told = [(act, start + timedelta(seconds=second)) for act, second in facts]

    assert windows.judged(told, start + timedelta(seconds=at)) == wanted


def test_the_platform_has_the_last_word(official: Official) -> None:
    fan = official.follow()
    official.act("oa_text", customer=fan["customer"], text="Hi")
    official.wechat.settle()
    request = words(official, fan["openid"])
    official.fault("errcode", f"*{SEND}", errcode=45015, first=1)

    with pytest.raises(NoRoute) as error:
        messaging.send(official.wechat.business.pk, request)

    assert error.value.reason == "window_closed"


def test_a_lost_customer_message_is_a_persons(official: Official) -> None:
    fan = official.follow()
    official.act("oa_text", customer=fan["customer"], text="Hi")
    official.wechat.settle()
    request = words(official, fan["openid"])
    official.fault("reset_after", f"*{SEND}", first=1)
    tenant = official.wechat.business.pk

    with pytest.raises(Unknown):
        messaging.send(tenant, request)
    with pytest.raises(Unknown):
        messaging.settle_unknown(tenant, request, timezone.now())

    assert official.phone(fan["customer"]) == [("custom", "Hello")]


def test_why_there_is_no_way_to_a_fan(official: Official) -> None:
    fan = official.follow()
    with official.wechat.business.scope():
        contact = official.contact(fan["openid"])
        stranger = Contact.objects.create()
        with pytest.raises(NoRoute) as error:
            messaging.prepare_for_fan("oa_message", stranger.pk, text="x")
        assert error.value.reason == "no_openid"
        for text, reason in (("", "no_content"), ("长" * 700, "text_too_long")):
            with pytest.raises(NoRoute) as error:
                messaging.prepare_for_fan("oa_message", contact.pk, text=text)
            assert error.value.reason == reason
        assert messaging.known_fans([contact.pk, stranger.pk]) == {contact.pk}
    assert refused(official, fan["openid"], route="template") == "no_content"
    official.wechat.sim("clock", advance_s=2)  # callbacks tell seconds
    official.act("oa_unfollow", customer=fan["customer"])
    official.wechat.settle()
    assert refused(official, fan["openid"]) == "window_closed"
    template = Template("t", {"thing1": "x"})
    assert refused(official, fan["openid"], route="template", template=template) == "not_following"
    with official.wechat.business.scope():
        official.account.active = False
        official.account.save()
        assert messaging.known_fans([contact.pk]) == set()
    assert refused(official, fan["openid"]) == "no_account"


# --- template messages ---


def test_a_template_message_arrives_once_whatever_is_repeated(official: Official) -> None:
    fan = official.follow()
    request = notice(official, fan["openid"], official.template())
    official.fault("reset_after", f"*{TEMPLATE}", first=1)
    tenant = official.wechat.business.pk
    sent_at = timezone.now()

    with pytest.raises(Unknown):
        messaging.send(tenant, request)
    settled = messaging.settle_unknown(tenant, request, sent_at)
    again = messaging.send(tenant, request)
    official.wechat.settle()

    assert settled == again
    assert settled is not None and settled.provider_id
    assert official.phone(fan["customer"]) == [("template", "Dear Ann")]
    with official.wechat.business.scope():
        (result,) = messaging.results(request, sent_at)
        assert (result.key, result.problem) == (settled.provider_id, "")
        assert result.contact_id == official.contact(fan["openid"]).pk
    with pytest.raises(Unknown):
        messaging.settle_unknown(tenant, request, sent_at - notices.SAME_FOR)


def test_two_keys_are_two_messages(official: Official) -> None:
    fan = official.follow()
    template = official.template()
    tenant = official.wechat.business.pk

    one = messaging.send(tenant, notice(official, fan["openid"], template, key="one"))
    two = messaging.send(tenant, notice(official, fan["openid"], template, key="two"))

    assert one != two


def test_a_lost_repeat_is_tried_again(official: Official) -> None:
    fan = official.follow()
    request = notice(official, fan["openid"], official.template())
    official.fault("html_200", f"*{TEMPLATE}", first=1)

    with pytest.raises(Retryable):
        messaging.settle_unknown(official.wechat.business.pk, request, timezone.now())


def test_a_template_that_is_none_is_refused_for_good(official: Official) -> None:
    fan = official.follow()
    request = notice(official, fan["openid"], "no-such-template")

    with pytest.raises(Terminal) as error:
        messaging.send(official.wechat.business.pk, request)

    assert error.value.errcode == 40037


def test_a_fan_who_left_meanwhile_gets_none(official: Official) -> None:
    fan = official.follow()
    request = notice(official, fan["openid"], official.template())
    official.act("oa_unfollow", customer=fan["customer"])

    with pytest.raises(NoRoute) as error:
        messaging.send(official.wechat.business.pk, request)

    assert error.value.reason == "not_following"


# --- subscribe messages ---


def test_an_acceptance_is_good_for_one_message(official: Official) -> None:
    fan = official.follow()
    template = official.template("subscribe")
    request = notice(official, fan["openid"], template, "subscribe")
    tenant = official.wechat.business.pk
    official.act("oa_popup", customer=fan["customer"], answers={template: "accept"})

    messaging.send(tenant, request)
    with pytest.raises(NoRoute) as error:
        messaging.send(tenant, request)

    assert error.value.reason == "not_accepted"
    official.wechat.settle()
    assert official.phone(fan["customer"]) == [("subscribe", "Dear Ann")]


def test_a_lost_subscribe_message_is_known_by_its_result(official: Official) -> None:
    fan = official.follow()
    template = official.template("subscribe")
    request = notice(official, fan["openid"], template, "subscribe")
    tenant = official.wechat.business.pk
    official.act("oa_popup", customer=fan["customer"], answers={template: "accept"})
    official.fault("reset_after", f"*{SUBSCRIBE}", first=1)
    sent_at = timezone.now()

    with pytest.raises(Unknown):
        messaging.send(tenant, request)
    with pytest.raises(Retryable):
        messaging.settle_unknown(tenant, request, sent_at)
    official.wechat.settle()
    settled = messaging.settle_unknown(tenant, request, sent_at)

    assert settled is not None
    with pytest.raises(Retryable):
        messaging.settle_unknown(tenant, request, sent_at, taken=[settled.provider_id])
    old = sent_at - notices.RESULT_WITHIN
    with pytest.raises(Unknown):
        messaging.settle_unknown(tenant, request, old, taken=[settled.provider_id])


# --- who a fan is ---


def test_a_fan_and_a_customer_with_one_unionid_are_one_contact(official: Official) -> None:
    wechat = official.wechat
    customer = wechat.scan(wechat.live_code(wechat.join("amy")))["customer"]
    wechat.settle()

    fan = official.follow(customer)
    duplicates.work(wechat.business.pk)

    with wechat.business.scope():
        contact = official.contact(fan["openid"])
        kinds = set(Identity.objects.filter(contact=contact).values_list("kind", flat=True))
        assert kinds == {"openid", "unionid", "external_userid"}
        assert contact.follows.filter(ended_at=None).count() == 1
        assert messaging.fan_of(contact.pk).openid == fan["openid"]


def test_what_fans_do_stands_on_the_timeline(official: Official) -> None:
    fan = official.follow()
    official.act("oa_text", customer=fan["customer"], text="My secret words")
    official.wechat.settle()

    with official.wechat.business.scope():
        contact = official.contact(fan["openid"])
        told = Event.objects.filter(contact=contact).order_by("at", "id")
        assert [(event.kind, event.properties) for event in told] == [
            ("subscription.opened", {"account": official.appid}),
            ("message.received", {"account": official.appid}),
        ]
