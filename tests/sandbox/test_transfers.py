"""Does a customer change hands only after a day, or as the customer decides?"""

import time
from pathlib import Path
from typing import Any

import pytest

from scrm.sandbox import Sandbox

from .actors import QUICK, Caller, Scene, Steering, scene
from .grounds import advance

ADD = "externalcontact/transfer_customer"
RESULT = "externalcontact/transfer_result"
DAY = 86_400


def _transfer(s: Scene, *external: str, frm: str = "li", to: str = "zhang", **more: str) -> Any:
    body = {"handover_userid": frm, "takeover_userid": to, "external_userid": list(external)}
    return s.caller.post(ADD, **body, **more)


def _codes(answer: Any) -> list[int]:
    return [row["errcode"] for row in answer["customer"]]


def _results(s: Scene, frm: str = "li", to: str = "zhang", path: str = RESULT) -> list[Any]:
    answer = s.caller.post(path, handover_userid=frm, takeover_userid=to)
    assert answer["next_cursor"] == ""
    return list(answer["customer"])


def _followers(s: Scene, external: str) -> list[str]:
    got = s.caller.get("externalcontact/get", external_userid=external)
    return [follow["userid"] for follow in got["follow_user"]]


def _hand_over(s: Scene, external: str, frm: str, to: str) -> None:
    assert _codes(_transfer(s, external, frm=frm, to=to)) == [0]
    s.sim.post("act/accept_transfer", corpid=s.corpid, customer=external)


def _changes(s: Scene) -> set[tuple[str, str]]:
    """What was heard after the customer was added; callbacks have no order."""
    s.sim.flush()
    heard = [(event["ChangeType"], event["UserID"]) for event in s.app.events]
    return set(heard[1:])


def test_silence_for_a_day_is_consent() -> None:
    with scene(listening=True) as s:
        scanned = s.customer()
        external = scanned["external_userid"]
        answer = _transfer(s, external, transfer_success_msg="由小张继续为您服务")
        now = s.sim.get("clock")["now"]
        waiting = _results(s)
        advance(s, DAY - 60)
        early = (_results(s)[0]["status"], _followers(s, external))
        advance(s, 61)
        done = _results(s)
        s.sim.flush()
        gone, come = sorted(s.app.events[1:], key=lambda event: event["UserID"])
        follow = s.caller.get("externalcontact/get", external_userid=external)["follow_user"][0]
        told = s.sim.get(f"customers/{scanned['customer']}")["messages"][-1]

    assert answer["customer"] == [{"external_userid": external, "errcode": 0}]
    assert waiting[0].keys() == {"external_userid", "status", "takeover_time"}
    assert waiting[0]["status"] == 2
    assert waiting[0]["takeover_time"] == pytest.approx(now + DAY, abs=5)
    assert early == (2, ["li"])
    assert done[0]["status"] == 1
    assert done[0]["takeover_time"] == pytest.approx(now + DAY, abs=5)
    assert (gone["ChangeType"], gone["UserID"]) == ("del_external_contact", "li")
    assert gone["Source"] == "DELETE_BY_TRANSFER"
    assert (come["ChangeType"], come["UserID"]) == ("add_external_contact", "zhang")
    assert come["ExternalUserID"] == external
    assert "WelcomeCode" not in come
    assert (follow["userid"], follow["add_way"]) == ("zhang", 202)
    assert (told["kind"], told["userid"], told["text"]) == (
        "transfer",
        "zhang",
        "由小张继续为您服务",
    )


def test_day_passes_by_itself_on_a_fast_clock() -> None:
    with scene() as s:
        external = s.customer()["external_userid"]
        _transfer(s, external)
        s.sim.post("clock", scale=100_000)
        deadline = time.monotonic() + 10
        while s.sim.get(f"staff/{s.corpid}/li")["customers"] and time.monotonic() < deadline:
            time.sleep(0.05)
        took_over = s.sim.get(f"staff/{s.corpid}/zhang")["customers"]

    assert [follow["external_userid"] for follow in took_over] == [external]


def test_customer_who_accepts_changes_hands_at_once() -> None:
    with scene(listening=True) as s:
        external = s.customer()["external_userid"]
        _transfer(s, external)
        accepted = s.sim.post("act/accept_transfer", corpid=s.corpid, customer=external)
        advance(s, DAY + 1)
        changes = _changes(s)
        shown = s.sim.get(f"customers/{external}")["transfers"]

    assert accepted["status"] == 1
    assert changes == {("del_external_contact", "li"), ("add_external_contact", "zhang")}
    assert shown == []


def test_customer_who_refuses_stays() -> None:
    with scene(listening=True) as s:
        external = s.customer()["external_userid"]
        _transfer(s, external)
        offered = s.sim.get(f"customers/{external}")["transfers"]
        s.sim.post("act/refuse_transfer", corpid=s.corpid, customer=external)
        advance(s, DAY + 1)
        results, followers = _results(s), _followers(s, external)
        s.sim.flush()
        told = s.app.events[-1]
        again = s.sim.post("act/refuse_transfer", corpid=s.corpid, customer=external)

    assert (offered[0]["handover"], offered[0]["takeover"]) == ("li", "zhang")
    assert (results[0]["status"], results[0]["takeover_time"]) == (3, 0)
    assert followers == ["li"]
    assert (told["ChangeType"], told["FailReason"]) == ("transfer_fail", "customer_refused")
    assert (told["UserID"], told["ExternalUserID"]) == ("zhang", external)
    assert again == {"error": "no transfer of this customer is waiting"}


def test_codes_tell_each_customer_apart() -> None:
    with scene() as s:
        mine = s.customer()["external_userid"]
        others = s.scan(s.caller.way(user=["zhang"]))["external_userid"]
        answer = _transfer(s, "wm_nobody", others, mine, mine)
        codes = _codes(answer)
        s.sim.post("staff", corpid=s.corpid, userid="wang", verified=False)
        unverified = _codes(_transfer(s, s.customer()["external_userid"], to="wang"))
        still_here = s.caller.post(
            "externalcontact/resigned/transfer_customer",
            handover_userid="li",
            takeover_userid="zhang",
            external_userid=[mine],
        )

    assert (answer["errcode"], codes) == (0, [40096, 40096, 0, 40100])
    assert unverified == [40098]
    assert still_here["customer"] == [{"external_userid": mine, "errcode": 40097}]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"handover_userid": "nobody"}, 60111),
        ({"takeover_userid": "nobody"}, 60111),
        ({"takeover_userid": "li"}, 40058),
        ({"takeover_userid": "asleep"}, 84083),
        ({"takeover_userid": "inside"}, 84074),
        ({"external_userid": []}, 40063),
        ({"external_userid": ["x"] * 101}, 40058),
        ({"transfer_success_msg": "x" * 201}, 40058),
    ],
)
def test_wrong_transfers(change: dict[str, Any], code: int) -> None:
    with scene() as s:
        s.sim.post("staff", corpid=s.corpid, userid="asleep", active=False)
        s.sim.post("staff", corpid=s.corpid, userid="inside", customer_contact=False)
        body = {"handover_userid": "li", "takeover_userid": "zhang", "external_userid": ["x"]}
        answer = s.caller.post(ADD, **{**body, **change})

    assert (answer["errcode"], answer["customer"]) == (code, [])


def test_third_transfer_within_ninety_days_is_too_often() -> None:
    with scene() as s:
        external = s.customer()["external_userid"]
        _hand_over(s, external, "li", "zhang")
        _hand_over(s, external, "zhang", "li")
        third = _codes(_transfer(s, external))
        advance(s, 89 * DAY)
        on_the_last_day = _codes(_transfer(s, external))
        advance(s, DAY)
        later = _codes(_transfer(s, external))

    assert (third, on_the_last_day, later) == ([40128], [40128], [0])


def test_full_member_takes_nobody_over() -> None:
    with scene(listening=True) as s:
        first, second = (s.customer()["external_userid"] for _ in range(2))
        _transfer(s, first)
        s.sim.post("settings", customer_limit=1)
        s.scan(s.caller.way(user=["zhang"]))
        refused = _codes(_transfer(s, second))
        advance(s, DAY + 1)
        results = _results(s)
        s.sim.flush()
        told = s.app.events[-1]

    assert refused == [40099]
    assert [(row["status"], row["takeover_time"]) for row in results] == [(4, 0)]
    assert (told["ChangeType"], told["FailReason"]) == ("transfer_fail", "customer_limit_exceed")


def test_friend_of_both_is_only_taken_away() -> None:
    with scene(listening=True) as s:
        scanned = s.customer()
        s.scan(s.caller.way(user=["zhang"]), customer=scanned["customer"])
        before = len(s.app.events)
        _hand_over(s, scanned["external_userid"], "li", "zhang")
        s.sim.flush()
        changes = [(event["ChangeType"], event["UserID"]) for event in s.app.events[before:]]
        followers = _followers(s, scanned["external_userid"])

    assert changes == [("del_external_contact", "li")]
    assert followers == ["zhang"]


def test_nothing_is_told_of_a_customer_who_comes_back() -> None:
    with scene(listening=True) as s:
        external = s.customer()["external_userid"]
        _hand_over(s, external, "li", "zhang")
        s.sim.flush()
        before = len(s.app.events)
        _hand_over(s, external, "zhang", "li")
        s.sim.flush()
        changes = [(event["ChangeType"], event["UserID"]) for event in s.app.events[before:]]
        followers = _followers(s, external)

    assert changes == [("del_external_contact", "zhang")]
    assert followers == ["li"]


def test_parted_pair_leaves_no_record() -> None:
    with scene() as s:
        scanned = s.customer()
        _transfer(s, scanned["external_userid"])
        pair = {"corpid": s.corpid, "userid": "li", "customer": scanned["customer"]}
        s.sim.post("act/customer_deletes", pair)
        advance(s, DAY + 1)

        assert [row["status"] for row in _results(s)] == [5]


def test_pages_of_results_give_each_customer_once_and_statuses_add_up() -> None:
    with scene() as s:
        s.sim.post("settings", short_pages=True)
        external = [s.customer()["external_userid"] for _ in range(30)]
        _transfer(s, *external)
        for each in external[:10]:
            s.sim.post("act/accept_transfer", corpid=s.corpid, customer=each)
        for each in external[10:15]:
            s.sim.post("act/refuse_transfer", corpid=s.corpid, customer=each)
        rows: list[Any] = []
        cursor, pages = "", 0
        while cursor or not pages:
            body = {"handover_userid": "li", "takeover_userid": "zhang", "cursor": cursor}
            answer = s.caller.post(RESULT, **body)
            rows += answer["customer"]
            cursor, pages = answer["next_cursor"], pages + 1
            # One who refused is asked again in the middle of the walk.
            if pages == 1:
                _transfer(s, external[12])

    assert [row["external_userid"] for row in rows] == external
    assert len([row for row in rows if row["status"] == 1]) == 10
    assert {row["status"] for row in rows} <= {1, 2, 3}


def test_waiting_transfer_outlives_a_restart(tmp_path: Path) -> None:
    kept = tmp_path / "sandbox.json"
    with Sandbox(state_file=kept) as sandbox:
        sim = Steering(sandbox.url)
        sim.post("settings", QUICK)
        corp = sim.post("corps", name="示例企业")
        for userid in ("li", "zhang"):
            sim.post("staff", corpid=corp["corpid"], userid=userid)
        caller = Caller(sandbox.url, corp)
        external = sim.post("act/scan", config_id=caller.way())["external_userid"]
        body = {"handover_userid": "li", "takeover_userid": "zhang"}
        caller.post(ADD, **body, external_userid=[external])
    with Sandbox(state_file=kept) as sandbox:
        sim, caller = Steering(sandbox.url), Caller(sandbox.url, corp)
        before = caller.post(RESULT, **body)["customer"]
        sim.post("clock", advance_s=DAY + 1)
        caller.token = ""
        after = caller.post(RESULT, **body)["customer"]

    assert [row["status"] for row in before] == [2]
    assert [row["status"] for row in after] == [1]
