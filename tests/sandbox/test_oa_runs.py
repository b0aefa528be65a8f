"""Is one seed one run, and do accounts come back in the next?"""

from pathlib import Path
from typing import Any

from scrm.sandbox import Sandbox

from .actors import Steering
from .oa_actors import SWIFT, OaCaller, oa_scene

VARYING = {"at", "latency_ms"}


def _story() -> tuple[list[Any], list[Any]]:
    with oa_scene(seed=5, listening=True) as s:
        s.sim.post("faults", kind="duplicate", probability=0.5)
        s.sim.post("faults", kind="errcode", path="user/get", probability=0.5)
        template = s.template()
        for _ in range(5):
            openid = s.fan()
            s.act("text", customer=openid, text="在吗")
            s.caller.get("user/get")
            s.caller.say(openid)
            s.caller.post("message/template/send", touser=openid, template_id=template, data={})
            s.sim.flush()
        s.caller.code("展会")
        entries = s.sim.journal()
        sent = s.sim.get("callbacks")["callbacks"]
    calls = [{name: entry[name] for name in entry.keys() - VARYING} for entry in entries]
    for call in calls:
        # The ports differ, and with them the address in the code; expires_in is a time.
        for name in ("url", "expires_in"):
            call.get("answer", {}).pop(name, None)
    kinds = [(each["event"], [a["kind"] for a in each["attempts"]]) for each in sent]
    return calls, kinds


def test_same_seed_and_script_give_the_same_journal() -> None:
    assert _story() == _story()


def test_state_comes_back_in_the_next_run(tmp_path: Path) -> None:
    kept = tmp_path / "sandbox.json"
    with Sandbox(state_file=kept) as sandbox:
        sim = Steering(sandbox.url)
        sim.post("settings", SWIFT)
        account = sim.post("oa/accounts", name="示例公众号", mode="compatible")
        caller, where = OaCaller(sandbox.url, account), {"appid": account["appid"]}
        openid = sim.post("act/oa_follow", **where)["openid"]
        sim.post("act/oa_text", **where, customer=openid, text="在吗")
        code = caller.code("展会")
        number = caller.post("tags/create", tag={"name": "会员"})["tag"]["id"]
        caller.post("tags/members/batchtagging", tagid=number, openid_list=[openid])
        caller.post("menu/create", button=[{"type": "click", "name": "签到", "key": "in"}])
        media = caller.upload()["media_id"]
        template = sim.post("oa/templates", **where)["template_id"]
        sent = caller.post(
            "message/template/send", touser=openid, template_id=template, client_msg_id="a"
        )
    with Sandbox(state_file=kept) as sandbox:
        sim, caller = Steering(sandbox.url), OaCaller(sandbox.url, account)
        sim.post("settings", SWIFT)
        again = caller.post(
            "message/template/send", touser=openid, template_id=template, client_msg_id="a"
        )
        info = caller.get("user/info", openid=openid)
        fresh = caller.post("tags/create", tag={"name": "新"})["tag"]["id"]
        image = {"touser": openid, "msgtype": "image", "image": {"media_id": media}}

        assert info["tagid_list"] == [number]
        assert fresh == number + 1
        assert again["msgid"] == sent["msgid"]
        assert caller.post("message/custom/send", **image)["errcode"] == 0
        assert caller.image(code["ticket"]).status == 200
        assert sim.post("act/oa_click", **where, customer=openid, key="in")["openid"] == openid
        assert sim.post("act/oa_scan", ticket=code["ticket"], customer=openid)["already"]
        assert sim.get(f"oa/accounts/{account['appid']}")["mode"] == "compatible"


def test_account_can_be_founded_again_with_its_own_ids() -> None:
    given = {"appid": "wx1", "original_id": "gh_1", "secret": "s" * 32, "token": "t"}
    with oa_scene() as s:
        founded = s.sim.post("oa/accounts", given)
        shown = {name: founded[name] for name in given}
        twice = s.sim.post("oa/accounts", appid="wx1")
        wrong = s.sim.post("oa/accounts", aes_key="short")
        missing = s.sim.post("act/oa_follow", appid="wxother")

    assert shown == given
    assert "exists" in twice["error"]
    assert "43 characters" in wrong["error"]
    assert "no official account" in missing["error"]
