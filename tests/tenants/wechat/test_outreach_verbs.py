"""Mass sends and moments: what is sent, and every shape that is read."""

import pytest

from tenants.wechat import mass_sends, moments
from tenants.wechat.client import WeComClient
from tenants.wechat.errors import Retryable, Unknown

from .conftest import Answer, Provider

LIST = "externalcontact/get_groupmsg_list_v2"
TASKS = "externalcontact/get_groupmsg_task"


def test_a_group_task_names_sender_and_groups(client: WeComClient, provider: Provider) -> None:
    path = "externalcontact/add_msg_template"
    provider.says(path, {"errcode": 0, "msgid": "m1", "fail_list": ["wrB"]})

    made = mass_sends.create_group_task(client, chat_ids=["wrA", "wrB"], sender="mei", text="hi")

    assert (made.msgid, made.failed) == ("m1", ("wrB",))
    body = provider.calls(path)[0].json
    assert (body["chat_type"], body["chat_id_list"], body["sender"]) == (
        "group",
        ["wrA", "wrB"],
        "mei",
    )
    with pytest.raises(ValueError, match="groups"):
        mass_sends.create_group_task(client, chat_ids=[], sender="mei", text="hi")


def test_a_lost_group_task_is_found_by_its_sender(client: WeComClient, provider: Provider) -> None:
    rows = [{"msgid": f"m{n}", "text": {"content": "hi"}} for n in (1, 2)]
    provider.says(LIST, {"errcode": 0, "group_msg_list": rows})
    provider.says(
        TASKS,
        {"errcode": 0, "task_list": [{"userid": "bo", "status": 0}]},
        {"errcode": 0, "task_list": [{"userid": "mei", "status": 2, "send_time": 1700000000}]},
    )

    found = mass_sends.find_mass_task(
        client, since=1, until=2, text="hi", sender="mei", chat_type="group"
    )

    assert [one.msgid for one in found] == ["m2"]
    assert provider.calls(LIST)[0].json["chat_type"] == "group"


def test_shares_are_confirmed_by_either_number(client: WeComClient, provider: Provider) -> None:
    rows = [
        {"userid": "a", "status": 0},
        {"userid": "b", "status": 1},
        {"userid": "c", "status": 2},
    ]
    provider.says(TASKS, {"errcode": 0, "task_list": rows})

    assert [one.confirmed for one in mass_sends.mass_shares(client, "m1")] == [False, True, True]


def test_results_come_page_by_page(client: WeComClient, provider: Provider) -> None:
    path = "externalcontact/get_groupmsg_send_result"
    row = {"chat_id": "wrA", "userid": "mei", "status": 1, "send_time": 1700000000}
    provider.says(
        path,
        {"errcode": 0, "send_list": [row], "next_cursor": "p2"},
        {"errcode": 0, "send_list": [], "next_cursor": "p2"},
    )

    first = mass_sends.mass_result_page(client, "m1", "mei")

    assert (first.cursor, first.results[0].chat_id) == ("p2", "wrA")
    with pytest.raises(Retryable, match="cursor"):
        mass_sends.mass_result_page(client, "m1", "mei", "p2")


def test_a_moment_is_made_for_members_and_tags(client: WeComClient, provider: Provider) -> None:
    path = "externalcontact/add_moment_task"
    provider.says(path, {"errcode": 0, "jobid": "j1"}, Answer(drop=True))

    job = moments.add_moment_task(client, senders=["mei"], tag_ids=["et1"], text="hi")

    assert job == "j1"
    assert provider.calls(path)[0].json["visible_range"] == {
        "sender_list": {"user_list": ["mei"]},
        "external_contact_list": {"tag_list": ["et1"]},
    }
    with pytest.raises(Unknown):
        moments.add_moment_task(client, senders=["mei"], text="hi")


def test_a_job_tells_the_moment_when_it_is_done(client: WeComClient, provider: Provider) -> None:
    path = "externalcontact/get_moment_task_result"
    result = {
        "errcode": 0,
        "moment_id": "mom1",
        "invalid_sender_list": {"user_list": ["bo"], "department_list": [2]},
        "invalid_external_contact_list": {"tag_list": ["et9"]},
    }
    provider.says(path, {"errcode": 0, "status": 2}, {"errcode": 0, "status": 3, "result": result})

    assert not moments.get_moment_task_result(client, "j1").done
    done = moments.get_moment_task_result(client, "j1")

    assert (done.done, done.moment_id) == (True, "mom1")
    assert (done.invalid_senders, done.invalid_tags) == (("bo",), ("et9",))


def test_a_lost_moment_is_found_by_what_it_shows(client: WeComClient, provider: Provider) -> None:
    def row(moment_id: str, **more: object) -> dict[str, object]:
        return {"moment_id": moment_id, "create_time": 1, "text": {"content": "hi"}, **more}

    provider.says(
        "externalcontact/get_moment_list",
        {
            "errcode": 0,
            "moment_list": [
                row("m1"),
                row("m2", image=[{"media_id": "x"}], creator="mei"),
                row("m3", image=[{"media_id": "x"}]),
                row("m4", image=[{"media_id": "x"}]),
            ],
        },
    )
    picture = {"msgtype": "image", "image": {"media_id": "ours"}}

    found = moments.find_moments(
        client, since=1, until=2, text="hi", attachments=[picture], known={"m3"}
    )

    assert [one.moment_id for one in found] == ["m4"]
