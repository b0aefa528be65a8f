"""Do acquisition links lead to members, cost quota, and tell what customers do?"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .actors import Scene, fetch, scene
from .grounds import advance

PATH = "externalcontact/customer_acquisition"
DAY = 86_400


def _link(s: Scene, **more: Any) -> Any:
    body = {"link_name": "官网", "range": {"user_list": ["li"]}, "skip_verify": False, **more}
    return s.caller.post(f"{PATH}/create_link", **body)["link"]


def _open(s: Scene, link: Any, channel: str = "", **more: Any) -> Any:
    url = link["url"] + (f"?customer_channel={channel}" if channel else "")
    answer = s.sim.post("act/open_link", {"url": url, **more})
    s.sim.flush()
    return answer


def _heard(s: Scene) -> list[str]:
    s.sim.flush()
    return sorted(event["ChangeType"] for event in s.app.events)


def _quota(s: Scene) -> Any:
    return s.caller.get(f"{PATH}_quota")


def _customers(s: Scene, link: Any) -> list[Any]:
    answer = s.caller.post(f"{PATH}/customer", link_id=link["link_id"], limit=100)
    return list(answer["customer_list"])


def test_link_is_made_read_changed_and_deleted() -> None:
    with scene(listening=True) as s:
        link = _link(s)
        listed = s.caller.post(f"{PATH}/list_link", limit=100)
        read = s.caller.post(f"{PATH}/get", link_id=link["link_id"])
        change = {"link_name": "展会", "range": {"user_list": ["zhang"]}}
        s.caller.post(f"{PATH}/update_link", link_id=link["link_id"], **change)
        changed = s.caller.post(f"{PATH}/get", link_id=link["link_id"])
        s.caller.post(f"{PATH}/delete_link", link_id=link["link_id"])
        gone = s.caller.post(f"{PATH}/get", link_id=link["link_id"])
        s.sim.flush()

    assert link.keys() == {"link_id", "link_name", "url", "create_time"}
    assert link["url"].startswith(s.sim.url)
    assert (listed["link_id_list"], listed["next_cursor"]) == ([link["link_id"]], "")
    assert read["link"] == {
        "link_name": "官网",
        "url": link["url"],
        "create_time": link["create_time"],
        "skip_verify": False,
    }
    assert read["range"] == {"user_list": ["li"], "department_list": []}
    assert "priority_option" not in read
    assert changed["link"]["link_name"] == "展会"
    assert changed["range"]["user_list"] == ["zhang"]
    assert gone["errcode"] == 40058
    assert s.app.events == []


def test_link_leads_to_a_page() -> None:
    with scene() as s:
        page = fetch("GET", _link(s)["url"] + "?customer_channel=abc")

    assert (page.status, page.content_type.partition(";")[0]) == (200, "text/html")


def test_customer_with_a_channel_is_told_step_by_step() -> None:
    with scene(listening=True) as s:
        link = _link(s)
        opened = _open(s, link, "douyin-7")
        speech = {"corpid": s.corpid, "from": opened["customer"], "to": "li", "text": "在吗"}
        before = _customers(s, link)
        s.sim.post("act/speak", speech)
        heard = _heard(s)
        events = {event["ChangeType"]: event for event in s.app.events}
        after = _customers(s, link)
        got = s.caller.get("externalcontact/get", external_userid=opened["external_userid"])

    assert heard == [
        "add_external_contact",
        "customer_start_chat",
        "friend_request",
        "open_profile",
    ]
    assert events["open_profile"]["Event"] == "customer_acquisition"
    assert events["open_profile"]["LinkId"] == link["link_id"]
    assert events["friend_request"]["State"] == "douyin-7"
    assert events["add_external_contact"]["Event"] == "change_external_contact"
    assert events["add_external_contact"]["State"] == "douyin-7"
    assert events["customer_start_chat"]["UserID"] == "li"
    assert events["customer_start_chat"]["ExternalUserID"] == opened["external_userid"]
    row = {"external_userid": opened["external_userid"], "userid": "li", "state": "douyin-7"}
    assert before == [{**row, "chat_status": 0}]
    assert after == [{**row, "chat_status": 1}]
    follow = got["follow_user"][0]
    assert (follow["state"], follow["add_way"]) == ("douyin-7", 16)


def test_without_a_channel_only_the_new_customer_is_told() -> None:
    with scene(listening=True) as s:
        _open(s, _link(s))

        assert _heard(s) == ["add_external_contact"]
        assert "State" not in s.app.events[0]


def test_looking_costs_nothing_and_a_long_channel_is_cut() -> None:
    with scene(listening=True) as s:
        link = _link(s)
        opened = _open(s, link, "x" * 80, stop_at="profile")
        heard, quota, customers = _heard(s), _quota(s), _customers(s, link)

    assert heard == ["open_profile"]
    assert opened["state"] == "x" * 64
    assert quota["balance"] == 100
    assert customers == []


def test_quota_goes_down_by_one_and_warns_on_the_way() -> None:
    with scene(listening=True) as s:
        s.sim.post("settings", acquisition_quota=21)
        link, spare = _link(s), _link(s)
        balances = []
        for _ in range(21):
            _open(s, link)
            balances.append(_quota(s)["balance"])
        heard = [event for event in _heard(s) if event != "add_external_contact"]
        unavailable = {
            event["LinkId"] for event in s.app.events if event["ChangeType"] == "link_unavailable"
        }
        refused = _open(s, link)
        s.sim.post("act/buy_quota", corpid=s.corpid, count=2, days=30)
        again = _open(s, link)
        quota = _quota(s)
        late = _heard(s)

    assert balances == list(range(20, -1, -1))
    assert heard == ["balance_exhausted", "balance_low", "link_unavailable", "link_unavailable"]
    assert unavailable == {link["link_id"], spare["link_id"]}
    assert refused == {"error": "this link is unavailable"}
    assert again["userid"] == "li"
    assert (quota["total"], quota["balance"]) == (23, 1)
    assert [lot["balance"] for lot in quota["quota_list"]] == [0, 1]
    assert late.count("balance_increased") == 1
    assert late.count("balance_low") == 1


def test_quota_is_not_exceeded_by_many_at_once() -> None:
    with scene() as s:
        s.sim.post("settings", acquisition_quota=5)
        link = _link(s)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: _open(s, link), range(12)))

        assert sum(1 for answer in answers if "error" in answer) == 7
        assert len(_customers(s, link)) == 5
        assert _quota(s)["balance"] == 0


def test_quota_that_expires_is_announced_and_lost() -> None:
    with scene(listening=True) as s:
        s.sim.post("settings", acquisition_quota=0)
        s.sim.post("act/buy_quota", corpid=s.corpid, count=5, days=20)
        link = _link(s)
        expires = _quota(s)["quota_list"][0]["expire_date"]
        warned = []
        for _ in range(20):
            advance(s, DAY)
            warned.append(_heard(s).count("quota_expire_soon"))
        event = next(each for each in s.app.events if each["ChangeType"] == "quota_expire_soon")
        heard, quota = _heard(s), _quota(s)
        refused = _open(s, link)

    assert [day + 1 for day in range(1, 20) if warned[day] > warned[day - 1]] == [6, 13, 17, 18, 19]
    assert (event["ExpireTime"], event["ExpireQuotaNum"]) == (str(expires), "5")
    assert (quota["balance"], quota["quota_list"]) == (0, [])
    assert "balance_exhausted" in heard
    assert "link_unavailable" in heard
    assert "unavailable" in refused["error"]


def test_link_without_people_is_unavailable() -> None:
    with scene(listening=True) as s:
        link = _link(s)
        s.sim.post("act/resign", corpid=s.corpid, userid="li")
        heard = _heard(s)
        refused = _open(s, link)

    assert heard == ["delete_user", "link_unavailable"]
    assert "unavailable" in refused["error"]


def test_admin_who_deletes_a_link_is_told() -> None:
    with scene(listening=True) as s:
        link = _link(s)
        s.sim.post("act/delete_link", link_id=link["link_id"])
        s.sim.flush()
        event = s.app.events[0]

    assert (event["ChangeType"], event["LinkId"]) == ("delete_link", link["link_id"])


def test_statistic_counts_people_by_days() -> None:
    with scene() as s:
        link = _link(s)
        opened = _open(s, link)
        for _ in range(2):
            _open(s, link, customer=opened["customer"])
        _open(s, link, stop_at="profile")
        now = int(s.sim.get("clock")["now"])
        span = {"link_id": link["link_id"], "start_time": now, "end_time": now}
        today = s.caller.post(f"{PATH}/statistic", **span)
        before = {**span, "start_time": now - 2 * DAY, "end_time": now - DAY}
        earlier = s.caller.post(f"{PATH}/statistic", **before)
        wide = s.caller.post(f"{PATH}/statistic", **{**span, "start_time": now - 31 * DAY})
        old = {**span, "start_time": now - 190 * DAY, "end_time": now - 189 * DAY}
        too_old = s.caller.post(f"{PATH}/statistic", **old)

    assert (today["click_link_customer_cnt"], today["new_customer_cnt"]) == (2, 1)
    assert (earlier["click_link_customer_cnt"], earlier["new_customer_cnt"]) == (0, 0)
    assert (wide["errcode"], too_old["errcode"]) == (40058, 40058)


def test_third_message_brings_a_key_to_the_figures() -> None:
    with scene(listening=True) as s:
        link = _link(s)
        opened = _open(s, link, "abc")
        speech = {"corpid": s.corpid, "from": opened["customer"], "to": "li", "text": "在吗"}
        for _ in range(3):
            s.sim.post("act/speak", speech)
        s.sim.flush()
        event = next(each for each in s.app.events if each["ChangeType"] == "message_from_customer")
        body = {"chat_key": event["ChatKey"]}
        info = s.caller.post(f"{PATH}/get_chat_info", **body)
        advance(s, 1801)
        late = s.caller.post(f"{PATH}/get_chat_info", **body)

    assert (info["userid"], info["external_userid"]) == ("li", opened["external_userid"])
    assert info["chat_info"] == {"recv_msg_cnt": 3, "link_id": link["link_id"], "state": "abc"}
    assert late["errcode"] == 40058


def test_friends_go_first_where_the_link_says_so() -> None:
    with scene() as s:
        s.sim.post("staff", corpid=s.corpid, userid="wang")
        scanned = s.scan(s.caller.way(user=["wang"]))
        both = {"user_list": ["li", "zhang"]}
        anybody = _link(s, range=both, priority_option={"priority_type": 1})
        named = {"priority_type": 2, "priority_userid_list": ["wang"]}
        only = _link(s, range=both, priority_option=named)
        read = s.caller.post(f"{PATH}/get", link_id=only["link_id"])["priority_option"]
        met = [_open(s, link, customer=scanned["customer"]) for link in (anybody, only)]
        stranger = _open(s, anybody)

    assert read == named
    assert [(each["userid"], each["already"]) for each in met] == [("wang", True)] * 2
    assert stranger["userid"] == "li"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"link_name": ""}, 40058),
        ({"link_name": "x" * 31}, 40058),
        ({"range": {}}, 40063),
        ({"range": {"user_list": ["nobody"]}}, 60111),
        ({"range": {"user_list": ["asleep"]}}, 84083),
        ({"range": {"department_list": [9]}}, 60123),
        ({"priority_option": {"priority_type": 3}}, 40058),
        ({"priority_option": {"priority_type": 2}}, 40058),
    ],
)
def test_wrong_links(body: dict[str, Any], code: int) -> None:
    with scene() as s:
        s.sim.post("staff", corpid=s.corpid, userid="asleep", active=False)
        whole = {"link_name": "官网", "range": {"user_list": ["li"]}, **body}

        assert s.caller.post(f"{PATH}/create_link", **whole)["errcode"] == code


def test_app_knows_its_own_links_only() -> None:
    with scene() as s:
        link = _link(s)
        s.caller.corp = s.sim.post("apps", corpid=s.corpid, app_name="另一个")
        s.caller.token = ""

        assert s.caller.post(f"{PATH}/list_link")["link_id_list"] == []
        assert s.caller.post(f"{PATH}/get", link_id=link["link_id"])["errcode"] == 40058


def test_walks_give_each_row_once_while_others_come() -> None:
    with scene() as s:
        links = [_link(s)["link_id"] for _ in range(5)]
        last = {"link_id": links[0], "url": f"{s.sim.url}/ca/{links[0]}"}
        people = [_open(s, last)["external_userid"] for _ in range(5)]
        seen: dict[str, list[str]] = {"list_link": [], "customer": []}
        for path, rows in seen.items():
            cursor, pages = "", 0
            while cursor or not pages:
                body = {"link_id": links[0], "limit": 2, "cursor": cursor}
                answer = s.caller.post(f"{PATH}/{path}", **body)
                rows += answer.get("link_id_list", [])
                rows += [row["external_userid"] for row in answer.get("customer_list", [])]
                cursor, pages = answer["next_cursor"], pages + 1
                if pages == 1:
                    links.append(_link(s)["link_id"])
                    people.append(_open(s, last)["external_userid"])

    assert seen["list_link"] == links[: len(seen["list_link"])]
    assert len(seen["list_link"]) == 6
    assert seen["customer"] == people
    assert len(people) == 7
