"""Every shape of callback becomes the same kind of value."""

import pytest

from tenants.wechat import events
from tenants.wechat.events import parse
from tenants.wechat.payload import BadPayload


def event(inner: str, event_type: str = "change_external_contact") -> bytes:
    return (
        "<xml><ToUserName><![CDATA[wwcorp]]></ToUserName><FromUserName>sys</FromUserName>"
        "<CreateTime>1700000000</CreateTime><MsgType>event</MsgType>"
        f"<Event>{event_type}</Event>{inner}</xml>"
    ).encode()


def contact(change: str, inner: str = "") -> bytes:
    return event(
        f"<ChangeType><![CDATA[{change}]]></ChangeType><UserID>mei</UserID>"
        f"<ExternalUserID><![CDATA[wmAbc]]></ExternalUserID>{inner}"
    )


def test_an_added_contact() -> None:
    got = parse(
        contact(
            "add_external_contact", "<State>lc_1</State><WelcomeCode><![CDATA[WC]]></WelcomeCode>"
        )
    )

    assert isinstance(got, events.ContactAdded)
    assert got.route == "change_external_contact/add_external_contact"
    assert (got.user_id, got.external_user_id) == ("mei", "wmAbc")
    assert (got.state, got.welcome_code) == ("lc_1", "WC")
    assert (got.kind, got.sender, got.created, got.scene) == ("event", "sys", 1700000000, None)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("add_half_external_contact", events.HalfAdded),
        ("edit_external_contact", events.ContactEdited),
        ("del_external_contact", events.StaffRemovedContact),
        ("del_follow_user", events.ContactRemovedStaff),
        ("transfer_fail", events.TransferFailed),
        ("msg_audit_approved", events.ArchiveAgreed),
    ],
)
def test_each_change_has_its_type(change: str, kind: type[events.Event]) -> None:
    assert type(parse(contact(change))) is kind


def test_a_removal_by_transfer_is_no_loss() -> None:
    moved = parse(contact("del_external_contact", "<Source>DELETE_BY_TRANSFER</Source>"))
    left = parse(contact("del_external_contact"))

    assert isinstance(moved, events.StaffRemovedContact)
    assert moved.by_transfer
    assert isinstance(left, events.StaffRemovedContact)
    assert not left.by_transfer


def test_a_refused_transfer_names_its_reason() -> None:
    got = parse(contact("transfer_fail", "<FailReason>customer_refused</FailReason>"))

    assert isinstance(got, events.TransferFailed)
    assert got.reason == "customer_refused"


def test_an_event_without_its_persons_stays_generic() -> None:
    got = parse(event("<ChangeType>add_external_contact</ChangeType><UserID>mei</UserID>"))

    assert type(got) is events.Event
    assert got.route == "change_external_contact/add_external_contact"


@pytest.mark.parametrize(
    ("inner", "members"),
    [
        ("<MemChangeList><Item>wmA</Item></MemChangeList>", ["wmA"]),
        ("<MemChangeList><Item>wmA</Item><Item>wmB</Item></MemChangeList>", ["wmA", "wmB"]),
        ("<MemChangeList>wmA,wmB</MemChangeList>", ["wmA", "wmB"]),
        ("<MemChangeList></MemChangeList>", []),
    ],
    ids=["one", "many", "commas", "empty"],
)
def test_one_item_and_many_items_are_lists(inner: str, members: list[str]) -> None:
    inner = f"<ChatId>wrX</ChatId><ChangeType>update</ChangeType><JoinScene>3</JoinScene>{inner}"
    got = parse(event(inner, "change_external_chat"))

    assert got.route == "change_external_chat/update"
    assert got.fields["MemChangeList"] == members
    assert got.fields["JoinScene"] == 3


def test_a_repeatable_list_is_a_list_from_one_entry_on() -> None:
    entry = "<List><MsgID>17008271328195543041</MsgID></List>"
    for count in (1, 2):
        got = parse(event(f"<Sent>{entry * count}</Sent>", "subscribe_msg_sent_event"))
        assert got.fields["Sent"] == {"List": [{"MsgID": "17008271328195543041"}] * count}


def test_the_old_group_event_has_no_change_type() -> None:
    assert parse(event("<ChatId>wrX</ChatId>", "change_external_chat")).route == (
        "change_external_chat"
    )


@pytest.mark.parametrize("number", ["CAIQg/PKxgYY2sC9tpuAgAMg9/zKaw==", "60000000000000000001"])
def test_message_ids_are_text(number: str) -> None:
    got = parse(
        f"<xml><MsgType>text</MsgType><Content>hi</Content><MsgId>{number}</MsgId></xml>".encode()
    )

    assert (got.route, got.kind) == ("text", "message")
    assert got.fields["MsgId"] == number
    assert got.dedupe == f"msgid:{number}"
    assert got.sender is None


def test_events_of_one_second_differ_and_repeats_do_not() -> None:
    first = parse(event("<Id>et1</Id>", "change_external_tag"))
    second = parse(event("<Id>et2</Id>", "change_external_tag"))
    again = parse(event("  <Id><![CDATA[et1]]></Id>\n", "change_external_tag"))

    assert first.dedupe != second.dedupe
    assert first.dedupe == again.dedupe


def test_cdata_keeps_what_people_wrote() -> None:
    body = "<xml><MsgType>text</MsgType><Content>\n <![CDATA[ a ]]]]><![CDATA[> <b>&amp; ]]>\n"
    got = parse(f"{body}</Content></xml>".encode())

    assert got.fields["Content"] == " a ]]> <b>&amp; "


def test_plain_text_is_trimmed_and_entities_are_read() -> None:
    got = parse(b"<xml><MsgType> text </MsgType><Content>a &amp; b &#x4f60;</Content></xml>")

    assert (got.route, got.fields["Content"]) == ("text", "a & b 你")


def test_a_suite_event_has_another_frame() -> None:
    got = parse(
        b"<xml><SuiteId>ww1</SuiteId><AuthCorpId>wx1</AuthCorpId>"
        b"<InfoType>change_external_contact</InfoType><TimeStamp>1700000001</TimeStamp>"
        b"<ChangeType>del_follow_user</ChangeType><UserID>mei</UserID>"
        b"<ExternalUserID>wmA</ExternalUserID></xml>"
    )

    assert isinstance(got, events.ContactRemovedStaff)
    assert (got.kind, got.created) == ("suite_event", 1700000001)


@pytest.mark.parametrize(
    ("name", "key", "scene"),
    [
        ("subscribe", "qrscene_lc9", "lc9"),
        ("SUBSCRIBE", "", None),
        ("subscribe", "last_trade_no_1", None),
        ("SCAN", "lc9", "lc9"),
        ("CLICK", "qrscene_no", None),
    ],
)
def test_the_scene_of_an_official_account(name: str, key: str, scene: str | None) -> None:
    got = parse(event(f"<EventKey>{key}</EventKey>", name))

    assert (got.route, got.scene) == (name.lower(), scene)


@pytest.mark.parametrize("stamp", ["", "soon", "12.5", "9" * 30, "１２"])
def test_an_odd_time_does_not_hurt(stamp: str) -> None:
    got = parse(f"<xml><MsgType>text</MsgType><CreateTime>{stamp}</CreateTime></xml>".encode())

    assert got.created is None
    assert got.fields["CreateTime"] == stamp


def test_numbers_are_numbers_only_where_the_platform_means_them() -> None:
    got = parse(
        event("<AgentID>5</AgentID><Status>err(1)</Status><MeetingRoomId>1</MeetingRoomId>", "x")
    )

    assert [got.fields[name] for name in ("AgentID", "Status", "MeetingRoomId")] == [
        5,
        "err(1)",
        "1",
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "malformed"),
        (b"<xml></xml>", "no_type"),
        (b"<xml><MsgType>event</MsgType></xml>", "no_type"),
        (b"<!DOCTYPE a><xml/>", "dtd"),
        (b"<xml>" + b"<a>" * 20, "too_deep"),
        (b"<xml>" + b"<a/>" * 6000, "too_many_elements"),
        (b"<xml><MsgType>\xff</MsgType></xml>", "malformed"),
        (b"<xml/><xml/>", "malformed"),
    ],
)
def test_bad_payloads(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload) as caught:
        parse(body)

    assert caught.value.reason == reason
