"""Every shape of callback becomes the same kind of value."""

import pytest

from tenants.wechat import event_types as events
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


@pytest.mark.parametrize(
    ("body", "members"),
    [
        ("<MemChangeList><Item>wm1</Item><Item>mei</Item></MemChangeList>", ("wm1", "mei")),
        ("<MemChangeList><Item>wm1</Item></MemChangeList>", ("wm1",)),
        ("<MemChangeList><![CDATA[wm1,mei]]></MemChangeList>", ("wm1", "mei")),
        ("<MemChangeList></MemChangeList>", ()),
        ("", None),
    ],
)
def test_a_group_update_in_all_forms_of_its_list(
    body: str, members: tuple[str, ...] | None
) -> None:
    got = parse(
        event(
            "<ChangeType>update</ChangeType><ChatId>wr1</ChatId>"
            "<UpdateDetail>del_member</UpdateDetail><QuitScene>0</QuitScene>"
            f"<LastMemVer>v1</LastMemVer><CurMemVer>v2</CurMemVer>{body}",
            "change_external_chat",
        )
    )

    assert isinstance(got, events.GroupChanged)
    assert (got.change, got.chat_id, got.detail) == ("update", "wr1", "del_member")
    assert (got.join_scene, got.quit_scene, got.members) == (None, 0, members)
    assert (got.last_version, got.version) == ("v1", "v2")


def test_the_oldest_group_event_is_an_update_of_something() -> None:
    got = parse(event("<ChatId>wr1</ChatId>", "change_external_chat"))

    assert isinstance(got, events.GroupChanged)
    assert (got.change, got.detail) == ("update", "")


@pytest.mark.parametrize(
    ("family", "inner", "kind", "shown"),
    [
        (
            "change_external_tag",
            "<ChangeType>delete</ChangeType><Id>et1</Id><TagType>tag_group</TagType>",
            events.TagChanged,
            {"change": "delete", "object_id": "et1", "tag_type": "tag_group"},
        ),
        (
            "change_contact",
            "<ChangeType>update_user</ChangeType><UserID>a</UserID><NewUserID>b</NewUserID>",
            events.StaffChanged,
            {"change": "update", "user_id": "a", "new_user_id": "b"},
        ),
        (
            "change_contact",
            "<ChangeType>create_party</ChangeType><Id>7</Id>",
            events.DepartmentChanged,
            {"change": "create", "department_id": "7"},
        ),
        (
            "customer_acquisition",
            "<ChangeType>friend_request</ChangeType><LinkId>cl</LinkId><State>s</State>",
            events.AcquisitionChanged,
            {"change": "friend_request", "link_id": "cl", "state": "s"},
        ),
        (
            "kf_msg_or_event",
            "<Token>t</Token><OpenKfId>wk</OpenKfId>",
            events.ServiceMessage,
            {"token": "t", "account": "wk"},
        ),
        (
            "batch_job_result",
            "<BatchJob><JobId>j</JobId><JobType>sync_user</JobType><ErrCode>0</ErrCode></BatchJob>",
            events.JobDone,
            {"job_id": "j", "job_type": "sync_user", "errcode": 0},
        ),
        (
            "click",
            "<AgentID>7</AgentID><EventKey>k</EventKey>",
            events.AppUsed,
            {"name": "click", "user_id": "sys", "key": "k"},
        ),
        ("CLICK", "<EventKey>k</EventKey>", events.MenuClicked, {"openid": "sys", "key": "k"}),
        ("unsubscribe", "<EventKey></EventKey>", events.FanLeft, {"openid": "sys"}),
        (
            "TEMPLATESENDJOBFINISH",
            "<MsgID>200</MsgID><Status>failed:user block</Status>",
            events.TemplateFinished,
            {"openid": "sys", "message_id": "200", "status": "failed:user block"},
        ),
        (
            "subscribe_msg_popup_event",
            "<SubscribeMsgPopupEvent>"
            "<List><TemplateId>a</TemplateId><SubscribeStatusString>accept</SubscribeStatusString>"
            "</List><List><TemplateId>b</TemplateId>"
            "<SubscribeStatusString>reject</SubscribeStatusString></List></SubscribeMsgPopupEvent>",
            events.SubscribeMessageChanged,
            {"change": "popup", "entries": (("a", "accept", ""), ("b", "reject", ""))},
        ),
        (
            "subscribe_msg_sent_event",
            "<SubscribeMsgSentEvent><List><TemplateId>a</TemplateId><MsgID>1</MsgID>"
            "<ErrorStatus>success</ErrorStatus></List></SubscribeMsgSentEvent>",
            events.SubscribeMessageChanged,
            {"change": "sent", "entries": (("a", "success", "1"),)},
        ),
    ],
)
def test_the_other_families(
    family: str, inner: str, kind: type[events.Event], shown: dict[str, object]
) -> None:
    got = parse(event(inner, family))

    assert type(got) is kind
    assert {name: getattr(got, name) for name in shown} == shown


def test_a_suite_command_names_its_suite() -> None:
    got = parse(
        b"<xml><SuiteId>ww4</SuiteId><InfoType>suite_ticket</InfoType>"
        b"<TimeStamp>1403610513</TimeStamp><SuiteTicket>asdf</SuiteTicket></xml>"
    )

    assert isinstance(got, events.SuiteChanged)
    assert (got.change, got.suite_id, got.ticket) == ("suite_ticket", "ww4", "asdf")


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
