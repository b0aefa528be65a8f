"""Each verb sends what the platform expects and reads every shape it answers in."""

import pytest

from tenants.wechat.app_messages import send_app_message
from tenants.wechat.client import WeComClient
from tenants.wechat.contact_ways import (
    add_contact_way,
    del_contact_way,
    get_contact_way,
    update_contact_way,
)
from tenants.wechat.customers import (
    Staff,
    Welcome,
    get_customer,
    list_customers,
    list_follow_users,
    list_staff,
    mark_tag,
    send_welcome,
)
from tenants.wechat.errors import NotACustomer, Retryable, Unknown
from tenants.wechat.mass_sends import (
    MassStatus,
    create_mass_task,
    find_mass_task,
    mass_task_result,
)

from .conftest import Answer, Provider

LINK = {"msgtype": "link", "link": {"title": "t", "url": "https://example.com/a"}}


def test_a_contact_way_is_made_once(client: WeComClient, provider: Provider) -> None:
    path = "externalcontact/add_contact_way"
    provider.says(path, {"errcode": 0, "config_id": "c1", "qr_code": "https://x/q"})

    made = add_contact_way(client, users=["mei"], state="lc_1", remark="门店" * 20)

    body = provider.calls(path)[0].json
    assert (made.config_id, made.qr_code) == ("c1", "https://x/q")
    assert (body["type"], body["scene"], body["state"]) == (1, 2, "lc_1")
    assert body["remark"] == "门店" * 15
    add_contact_way(client, users=["mei", "bo"], state="lc_1")
    assert provider.calls(path)[1].json["type"] == 2
    with pytest.raises(ValueError, match="state"):
        add_contact_way(client, users=["mei"], state="x" * 31)


@pytest.mark.parametrize("answer", [Answer({"errcode": 0}), Answer(pause_s=1.5), Answer(drop=True)])
def test_a_contact_way_without_an_answer_is_unknown(
    client: WeComClient, provider: Provider, answer: Answer
) -> None:
    provider.says("externalcontact/add_contact_way", answer)

    with pytest.raises(Unknown):
        add_contact_way(client, users=["mei"], state="s")


@pytest.mark.parametrize("as_list", [False, True])
def test_a_contact_way_is_read_from_an_object_or_a_list(
    client: WeComClient, provider: Provider, *, as_list: bool
) -> None:
    way = {"config_id": "c1", "state": "s", "user": ["mei"], "party": [2], "skip_verify": False}
    provider.says(
        "externalcontact/get_contact_way", {"errcode": 0, "contact_way": [way] if as_list else way}
    )

    got = get_contact_way(client, "c1")

    assert got is not None
    assert (got.config_id, got.users, got.parties, got.skip_verify) == (
        "c1",
        ("mei",),
        ("2",),
        False,
    )


def test_changing_a_contact_way_may_be_repeated(client: WeComClient, provider: Provider) -> None:
    provider.says("externalcontact/update_contact_way", Answer(status=502, raw=b""))
    provider.says("externalcontact/del_contact_way", Answer(status=502, raw=b""))

    with pytest.raises(Retryable):
        update_contact_way(client, "c1", users=["mei"], state="s")
    with pytest.raises(Retryable):
        del_contact_way(client, "c1")


def test_a_customer_is_read_over_all_pages(client: WeComClient, provider: Provider) -> None:
    person = {"external_userid": "wmA", "name": "王😀", "type": 1, "gender": 2, "unionid": "u"}
    first = {
        "userid": "mei",
        "createtime": 1700000000,
        "state": "lc_1",
        "add_way": 1,
        "remark_mobiles": [13800000001],
        "tags": [
            {"tag_id": "et1", "tag_name": "VIP", "group_name": "g", "type": 1},
            {"tag_name": "own", "type": 2},
        ],
    }
    provider.says(
        "externalcontact/get",
        {"errcode": 0, "external_contact": person, "follow_user": [first], "next_cursor": "p2"},
        {
            "errcode": 0,
            "external_contact": person,
            "follow_user": [{"userid": "bo", "createtime": "odd"}],
            "next_cursor": "",
        },
    )

    got = get_customer(client, "wmA")

    assert (got.external_userid, got.name, got.type, got.unionid) == ("wmA", "王😀", 1, "u")
    assert [one.userid for one in got.follows] == ["mei", "bo"]
    assert [one.created for one in got.follows] == [1700000000, None]
    assert got.follows[0].remark_mobiles == ("13800000001",)
    assert [tag.tag_id for tag in got.follows[0].tags] == ["et1", ""]
    assert [one.query.get("cursor") for one in provider.calls("externalcontact/get")] == [
        None,
        "p2",
    ]


def test_a_cursor_that_stands_still_ends(client: WeComClient, provider: Provider) -> None:
    provider.says("externalcontact/get", {"errcode": 0, "next_cursor": "same"})

    with pytest.raises(Retryable):
        get_customer(client, "wmA")

    assert len(provider.calls("externalcontact/get")) == 2


def test_no_customer(client: WeComClient, provider: Provider) -> None:
    refusal = {"errcode": 84061, "errmsg": "not external contact", "external_userid": []}
    provider.says("externalcontact/get", refusal)
    provider.says("externalcontact/list", refusal)

    with pytest.raises(NotACustomer):
        get_customer(client, "wmA")
    assert list_customers(client, "mei") == ()


def test_staff_are_listed(client: WeComClient, provider: Provider) -> None:
    provider.says("externalcontact/get_follow_user_list", {"errcode": 0, "follow_user": ["mei"]})
    provider.says("user/simplelist", {"errcode": 0, "userlist": [{"userid": "mei", "name": "梅"}]})

    assert list_follow_users(client) == ("mei",)
    assert list_staff(client) == (Staff("mei", "梅"),)


@pytest.mark.parametrize(
    ("errcode", "outcome"), [(0, Welcome.SENT), (41051, Welcome.ALREADY), (41050, Welcome.EXPIRED)]
)
def test_a_welcome_ends_in_one_of_three_ways(
    client: WeComClient, provider: Provider, errcode: int, outcome: Welcome
) -> None:
    provider.says("externalcontact/send_welcome_msg", {"errcode": errcode, "errmsg": "x"})

    assert send_welcome(client, "code", "你好", [LINK]) is outcome
    assert provider.calls("externalcontact/send_welcome_msg")[0].json == {
        "welcome_code": "code",
        "text": {"content": "你好"},
        "attachments": [LINK],
    }


@pytest.mark.parametrize("answer", [Answer({"errcode": 41096}), Answer(drop=True)])
def test_a_welcome_may_be_tried_again(
    client: WeComClient, provider: Provider, answer: Answer
) -> None:
    provider.says("externalcontact/send_welcome_msg", answer)

    with pytest.raises(Retryable) as caught:
        send_welcome(client, "code", "hi")
    assert caught.value.retry_after <= 5


def test_tags_are_marked_and_nothing_is_no_call(client: WeComClient, provider: Provider) -> None:
    mark_tag(client, userid="mei", external_userid="wmA")
    mark_tag(client, userid="mei", external_userid="wmA", add=["et1"])

    (call,) = provider.calls("externalcontact/mark_tag")
    assert call.json == {"userid": "mei", "external_userid": "wmA", "add_tag": ["et1"]}


def test_a_mass_task_names_those_it_cannot_reach(client: WeComClient, provider: Provider) -> None:
    path = "externalcontact/add_msg_template"
    provider.says(path, {"errcode": 0, "msgid": "m1", "fail_list": ["wmB"]}, Answer(drop=True))

    made = create_mass_task(client, external_userids=["wmA", "wmB"], sender="mei", text="hi")

    assert (made.msgid, made.failed) == ("m1", ("wmB",))
    assert provider.calls(path)[0].json == {
        "chat_type": "single",
        "external_userid": ["wmA", "wmB"],
        "sender": "mei",
        "text": {"content": "hi"},
    }
    with pytest.raises(Unknown):
        create_mass_task(client, external_userids=["wmA"], sender="mei", text="hi")
    with pytest.raises(ValueError, match="customers"):
        create_mass_task(client, external_userids=[], sender="mei", text="hi")


def test_an_unknown_mass_task_is_found_by_content_and_customer(
    client: WeComClient, provider: Provider
) -> None:
    def task(msgid: str, text: str, *attachments: object) -> dict[str, object]:
        return {
            "msgid": msgid,
            "create_time": "xxxx",
            "text": {"content": text},
            "attachments": list(attachments),
        }

    provider.says(
        "externalcontact/get_groupmsg_list_v2",
        {"errcode": 0, "group_msg_list": [task("m1", "hi", LINK)], "next_cursor": "2"},
        {
            "errcode": 0,
            "group_msg_list": [
                task("m2", "hi"),
                task("m3", "ho"),
                task("m4", "hi"),
                task("m5", "hi"),
            ],
        },
    )
    provider.says(
        "externalcontact/get_groupmsg_send_result",
        {"errcode": 60111, "errmsg": "userid not found"},
        {"errcode": 0, "send_list": [{"external_userid": "wmB", "userid": "mei", "status": 0}]},
        {"errcode": 0, "send_list": [{"external_userid": "wmA", "userid": "mei", "status": 9}]},
    )

    found = find_mass_task(
        client, since=1, until=2, text="hi", sender="mei", external_userids=["wmA"]
    )

    assert [one.msgid for one in found] == ["m5"]


def test_mass_results_tolerate_new_states(client: WeComClient, provider: Provider) -> None:
    provider.says(
        "externalcontact/get_groupmsg_send_result",
        {
            "errcode": 0,
            "send_list": [
                {"external_userid": "wmA", "userid": "mei", "status": 1, "send_time": 1700000000},
                {"external_userid": "wmB", "userid": "mei", "status": 7},
            ],
        },
    )

    sent, odd = mass_task_result(client, "m1", "mei")

    assert (sent.status, sent.sent) == (MassStatus.SENT, 1700000000)
    assert odd.status is MassStatus.UNSEEN


def test_an_app_message_asks_the_platform_to_drop_repeats(
    client: WeComClient, provider: Provider
) -> None:
    provider.says("message/send", {"errcode": 0, "msgid": "a", "invaliduser": "bo|li"})
    text = {"msgtype": "text", "text": {"content": "hi"}}

    sent = send_app_message(client, users=["mei", "bo"], message=text)
    send_app_message(client, users=["mei", "bo"], message=text)

    first, second = provider.calls("message/send")
    assert (sent.msgid, sent.invalid_users) == ("a", ("bo", "li"))
    assert first.body == second.body
    assert first.json["enable_duplicate_check"] == 1
    assert first.json["agentid"] == 1000002
    assert first.json["touser"] == "mei|bo"
