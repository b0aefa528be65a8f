"""Do moments wait for the platform and for people, and who sees them in the end?"""

import time
from typing import Any

import pytest

from .actors import Scene, scene
from .grounds import advance
from .uploads import MP4, attach, upload

PATH = "externalcontact/"
DAY = 86_400


def _add(s: Scene, **body: Any) -> Any:
    return s.caller.post(PATH + "add_moment_task", **{"text": {"content": "新品到店"}, **body})


def _result(s: Scene, jobid: str) -> Any:
    return s.caller.get(PATH + "get_moment_task_result", jobid=jobid)


def _ready(s: Scene, **body: Any) -> str:
    """The id of a moment that the platform has prepared."""
    jobid = _add(s, **body)["jobid"]
    advance(s, 4)
    return str(_result(s, jobid)["result"]["moment_id"])


def _confirm(s: Scene, moment_id: str, **more: str) -> Any:
    return s.sim.post("act/confirm_moment", {"corpid": s.corpid, "moment_id": moment_id, **more})


def _tasks(s: Scene, moment_id: str) -> dict[str, int]:
    rows = s.caller.post(PATH + "get_moment_task", moment_id=moment_id)["task_list"]
    return {row["userid"]: row["publish_status"] for row in rows}


def _seen_by(s: Scene, moment_id: str, userid: str = "li") -> list[str]:
    body = {"moment_id": moment_id, "userid": userid}
    rows = s.caller.post(PATH + "get_moment_send_result", **body)["customer_list"]
    return [row["external_userid"] for row in rows]


def _listed(s: Scene, **more: Any) -> list[Any]:
    now = int(s.sim.get("clock")["now"])
    body = {"start_time": now - 20 * DAY, "end_time": now + 60, **more}
    return list(s.caller.post(PATH + "get_moment_list", **body)["moment_list"])


def test_job_runs_through_three_states() -> None:
    with scene() as s:
        s.sim.post("settings", moment_job_s=[60, 120])
        jobid = _add(s)["jobid"]
        states = [_result(s, jobid)]
        for seconds in (61, 60):
            advance(s, seconds)
            states.append(_result(s, jobid))
        advance(s, DAY)
        late = _result(s, jobid)

    assert [state["status"] for state in states] == [1, 2, 3]
    assert states[2] == {
        "errcode": 0,
        "errmsg": "ok",
        "status": 3,
        "type": "add_moment_task",
        "result": {
            "errcode": 0,
            "errmsg": "ok",
            "moment_id": states[2]["result"]["moment_id"],
            "invalid_sender_list": {"user_list": [], "department_list": []},
            "invalid_external_contact_list": {"tag_list": []},
        },
    }
    assert states[2]["result"]["moment_id"].startswith("mom")
    assert [state["result"]["moment_id"] for state in states[:2]] == ["", ""]
    assert late["errcode"] == 40058


def test_invalid_parts_of_the_range_are_named() -> None:
    with scene(visible=["li"]) as s:
        wanted = {
            "sender_list": {"user_list": ["li", "zhang", "nobody"], "department_list": [9]},
            "external_contact_list": {"tag_list": ["et_unknown"]},
        }
        some = _add(s, visible_range=wanted)["jobid"]
        none = _add(s, visible_range={"sender_list": {"user_list": ["nobody"]}})["jobid"]
        advance(s, 4)
        results = [_result(s, jobid)["result"] for jobid in (some, none)]

    assert results[0]["invalid_sender_list"] == {
        "user_list": ["zhang", "nobody"],
        "department_list": [9],
    }
    assert results[0]["invalid_external_contact_list"] == {"tag_list": ["et_unknown"]}
    assert (results[1]["errcode"], results[1]["moment_id"]) == (60111, "")


def test_nobody_sees_a_moment_before_its_member_publishes_it() -> None:
    with scene() as s:
        scanned = s.customer()
        moment_id = _ready(s)
        waiting = s.sim.get(f"staff/{s.corpid}/li")["moments"]
        early = s.caller.post(PATH + "get_moment_send_result", moment_id=moment_id, userid="li")
        chosen = s.caller.post(PATH + "get_moment_customer_list", moment_id=moment_id, userid="li")
        before = _tasks(s, moment_id)
        published = _confirm(s, moment_id, userid="li")
        after = _tasks(s, moment_id)
        seen = _seen_by(s, moment_id)
        message = s.sim.get(f"customers/{scanned['customer']}")["messages"][-1]
        twice = _confirm(s, moment_id, userid="li")

    external = scanned["external_userid"]
    assert (waiting[0]["moment_id"], waiting[0]["published"]) == (moment_id, 0)
    assert (early["errcode"], early["customer_list"]) == (41062, [])
    assert chosen["customer_list"] == [{"userid": "li", "external_userid": external}]
    assert before == {"li": 0, "zhang": 0}
    assert published == {"published": {"li": 1}}
    assert after == {"li": 1, "zhang": 0}
    assert seen == [external]
    assert (message["kind"], message["text"]) == ("moment", "新品到店")
    assert "already" in twice["error"]


def test_tags_choose_customers_and_their_members() -> None:
    with scene() as s:
        tagged, other = (s.customer()["external_userid"] for _ in range(2))
        group = {"group_name": "意向", "tag": [{"name": "高"}]}
        made = s.caller.post(PATH + "add_corp_tag", **group)["tag_group"]
        tag = made["tag"][0]["id"]
        pair = {"userid": "li", "external_userid": tagged}
        s.caller.post(PATH + "mark_tag", **pair, add_tag=[tag])
        wanted = {"external_contact_list": {"tag_list": [tag]}}
        by_tag = _ready(s, visible_range=wanted)
        both = _ready(s, visible_range={**wanted, "sender_list": {"user_list": ["li", "zhang"]}})
        for moment_id in (by_tag, both):
            _confirm(s, moment_id)
        listed = _listed(s)

        assert (_tasks(s, by_tag), _tasks(s, both)) == ({"li": 1}, {"li": 1, "zhang": 1})
        assert _seen_by(s, by_tag) == _seen_by(s, both) == [tagged]
        assert other not in _seen_by(s, both, "zhang")
    assert [moment["visible_type"] for moment in listed] == [0, 0]


def test_customer_sees_four_of_a_corp_in_a_month() -> None:
    with scene() as s:
        external = s.customer()["external_userid"]
        counts = []
        for _ in range(6):
            moment_id = _ready(s)
            _confirm(s, moment_id, userid="li")
            counts.append(_seen_by(s, moment_id))
        advance(s, 31 * DAY)
        moment_id = _ready(s)
        _confirm(s, moment_id, userid="li")
        next_month = _seen_by(s, moment_id)

    assert counts == [[external]] * 4 + [[], []]
    assert next_month == [external]


def test_whoever_left_does_not_see_it() -> None:
    with scene() as s:
        first, second = s.customer(), s.customer()
        moment_id = _ready(s)
        pair = {"corpid": s.corpid, "userid": "li", "customer": first["customer"]}
        s.sim.post("act/customer_deletes", pair)
        _confirm(s, moment_id)

        assert _seen_by(s, moment_id) == [second["external_userid"]]
        assert _seen_by(s, moment_id, "zhang") == []


def test_cancelled_moment_stops_those_who_have_not_published() -> None:
    with scene() as s:
        moment_id = _ready(s)
        _confirm(s, moment_id, userid="li")
        cancelled = s.caller.post(PATH + "cancel_moment_task", moment_id=moment_id)
        refused = _confirm(s, moment_id, userid="zhang")

        assert cancelled["errcode"] == 0
        assert refused == {"error": "this moment was cancelled"}
        assert _tasks(s, moment_id) == {"li": 1, "zhang": 0}


def test_comments_and_likes_name_one_side() -> None:
    with scene() as s:
        scanned = s.customer()
        moment_id = _ready(s)
        where = {"corpid": s.corpid, "moment_id": moment_id, "userid": "li"}
        early = s.sim.post("act/like_moment", {**where, "customer": scanned["customer"]})
        _confirm(s, moment_id)
        s.sim.post("act/comment_moment", {**where, "customer": scanned["customer"]})
        s.sim.post("act/comment_moment", where)
        s.sim.post("act/like_moment", {**where, "customer": scanned["customer"]})
        twice = s.sim.post("act/like_moment", {**where, "customer": scanned["customer"]})
        stranger = s.sim.post("customers", name="路人")["customer"]
        blind = s.sim.post("act/like_moment", {**where, "customer": stranger})
        answer = s.caller.post(PATH + "get_moment_comments", moment_id=moment_id, userid="li")

    now = answer["comment_list"][0]["create_time"]
    external = scanned["external_userid"]
    assert [row.get("external_userid") for row in answer["comment_list"]] == [external, None]
    assert [row.get("userid") for row in answer["comment_list"]] == [None, "li"]
    assert answer["like_list"] == [{"external_userid": external, "create_time": now}]
    assert "not published" in early["error"]
    assert "already" in twice["error"]
    assert "does not see" in blind["error"]


def test_attachments_come_back_in_the_list() -> None:
    with scene() as s:
        image, cover = (attach(s.caller)["media_id"] for _ in range(2))
        film = attach(s.caller, "video", MP4)["media_id"]
        link = {"title": "官网", "url": "https://example.com/", "media_id": cover}
        _ready(s, attachments=[{"msgtype": "image", "image": {"media_id": image}}])
        _ready(s, attachments=[{"msgtype": "video", "video": {"media_id": film}}])
        _ready(s, attachments=[{"msgtype": "link", "link": link}])
        listed = _listed(s, filter_type=0)
        none = _listed(s, filter_type=1)

    assert listed[0].keys() == {
        "moment_id",
        "create_time",
        "create_type",
        "visible_type",
        "text",
        "image",
    }
    assert listed[0]["image"] == [{"media_id": image}]
    assert listed[1]["video"]["media_id"] == film
    assert listed[2]["link"] == {"title": "官网", "url": "https://example.com/"}
    assert [moment["create_type"] for moment in listed] == [0, 0, 0]
    assert none == []


def test_members_post_moments_of_their_own() -> None:
    with scene() as s:
        external = s.customer()["external_userid"]
        body = {"corpid": s.corpid, "userid": "li", "text": "今天天气好"}
        posted = [s.sim.post("act/post_moment", body) for _ in range(4)]
        listed = _listed(s, filter_type=1, creator="li")
        seen = _seen_by(s, posted[0]["moment_id"])
        wrong = s.caller.post(PATH + "get_moment_task", moment_id=posted[0]["moment_id"])

    assert [each["seen_by"] for each in posted] == [1, 1, 1, 0]
    assert len(listed) == 4
    assert (listed[0]["creator"], listed[0]["create_type"]) == ("li", 1)
    assert seen == [external]
    assert (wrong["errcode"], wrong["task_list"]) == (41060, [])


def test_members_can_publish_by_themselves() -> None:
    with scene() as s:
        s.sim.post("settings", confirm_after_s=30)
        external = s.customer()["external_userid"]
        moment_id = _ready(s)
        s.sim.post("clock", advance_s=31)
        deadline = time.monotonic() + 5
        while _tasks(s, moment_id)["li"] == 0 and time.monotonic() < deadline:
            time.sleep(0.01)

        assert _seen_by(s, moment_id) == [external]


def test_eleventh_moment_of_a_minute_is_too_much() -> None:
    with scene() as s:
        codes = [_add(s)["errcode"] for _ in range(11)]
        advance(s, 30)
        blocked = _add(s)["errcode"]
        advance(s, 31)
        later = _add(s)["errcode"]

    assert codes == [0] * 10 + [45009]
    assert (blocked, later) == (45009, 0)


def test_monthly_quota_of_the_corp() -> None:
    with scene() as s:
        s.sim.post("settings", moment_tasks_a_month=2)

        assert [_add(s)["errcode"] for _ in range(3)] == [0, 0, 41078]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"text": {}}, 41089),
        ({"text": {"content": "字" * 1334}}, 45002),
        ({"text": {"content": "x" * 2001}}, 45002),
        ({"attachments": [{"msgtype": "file"}]}, 41065),
        ({"attachments": [{"msgtype": "image"}, {"msgtype": "link"}]}, 41065),
        ({"attachments": [{"msgtype": "image"}] * 10}, 41064),
        ({"attachments": [{"msgtype": "video"}] * 2}, 41064),
        ({"attachments": [{"msgtype": "image", "image": {"media_id": "none"}}]}, 40007),
    ],
)
def test_wrong_moments(body: dict[str, Any], code: int) -> None:
    with scene() as s:
        assert _add(s, **body)["errcode"] == code


def test_only_attachments_uploaded_for_moments_fit() -> None:
    with scene() as s:
        for media_id in (upload(s.caller)["media_id"], attach(s.caller, use=2)["media_id"]):
            image = {"msgtype": "image", "image": {"media_id": media_id}}
            assert _add(s, attachments=[image])["errcode"] == 40007
        fresh = attach(s.caller)["media_id"]
        advance(s, 3 * DAY + 1)
        image = {"msgtype": "image", "image": {"media_id": fresh}}
        assert _add(s, attachments=[image])["errcode"] == 40007


@pytest.mark.parametrize(
    ("path", "empty"),
    [
        ("get_moment_task", "task_list"),
        ("get_moment_customer_list", "customer_list"),
        ("get_moment_send_result", "customer_list"),
        ("get_moment_comments", "comment_list"),
    ],
)
def test_missing_and_unknown_moments(path: str, empty: str) -> None:
    with scene() as s:
        missing = s.caller.post(PATH + path)
        unknown = s.caller.post(PATH + path, moment_id="mom_unknown", userid="li")
        strange = s.caller.post(PATH + path, moment_id=_ready(s), userid="nobody")

    assert (missing["errcode"], missing[empty]) == (41059, [])
    assert unknown["errcode"] == 41060
    assert strange["errcode"] == (0 if path == "get_moment_task" else 41061)


def test_walk_over_moments_gives_each_once_while_others_come() -> None:
    with scene() as s:
        made = [_ready(s) for _ in range(5)]
        advance(s, 60)
        now = int(s.sim.get("clock")["now"])
        body = {"start_time": now - 3600, "end_time": now + 3600, "limit": 2}
        seen: list[str] = []
        cursor, pages = "", 0
        while cursor or not pages:
            answer = s.caller.post(PATH + "get_moment_list", **body, cursor=cursor)
            seen += [moment["moment_id"] for moment in answer["moment_list"]]
            cursor, pages = answer["next_cursor"], pages + 1
            if pages == 1:
                made.append(_ready(s))

    assert seen == made


def test_app_sees_the_tasks_of_its_members_only() -> None:
    with scene() as s:
        moment_id = _ready(s)
        s.caller.corp = s.sim.post("apps", corpid=s.corpid, app_name="部分", visible=["li"])
        s.caller.token = ""
        body = {"moment_id": moment_id, "userid": "zhang"}
        outside = s.caller.post(PATH + "get_moment_send_result", **body)

        assert _tasks(s, moment_id) == {"li": 0}
        assert outside["errcode"] == 50002
