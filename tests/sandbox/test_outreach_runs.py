"""Is one seed one run for transfers, moments and links too, and does their state come back?"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scrm.sandbox import Sandbox

from .actors import QUICK, Caller, Scene, Steering, scene
from .grounds import advance

PATH = "externalcontact/"
DAY = 86_400
VARYING = {"at", "latency_ms"}


def _play(s: Scene) -> None:
    link_path = PATH + "customer_acquisition"
    external = [s.customer()["external_userid"] for _ in range(4)]
    pair = {"handover_userid": "li", "takeover_userid": "zhang"}
    s.caller.post(PATH + "transfer_customer", **pair, external_userid=external[:3])
    s.sim.post("act/refuse_transfer", corpid=s.corpid, customer=external[0])
    link = s.caller.post(f"{link_path}/create_link", link_name="官网", range={"user_list": ["li"]})[
        "link"
    ]
    s.sim.post("act/open_link", link_id=link["link_id"], state="abc")
    s.sim.flush()
    jobid = s.caller.post(PATH + "add_moment_task", text={"content": "新品"})["jobid"]
    advance(s, DAY - 10)
    job = s.caller.get(PATH + "get_moment_task_result", jobid=jobid)
    advance(s, 11)
    s.sim.post("act/confirm_moment", corpid=s.corpid, moment_id=job["result"]["moment_id"])
    s.caller.post(PATH + "transfer_result", **pair)
    s.sim.post("act/resign", corpid=s.corpid, userid="zhang")
    s.sim.flush()


def _story() -> tuple[list[Any], list[str]]:
    with scene(seed=5, listening=True) as s:
        _play(s)
        entries = s.sim.journal()
        sent = s.sim.get("callbacks")["callbacks"]
    calls = [{name: entry[name] for name in entry.keys() - VARYING} for entry in entries]
    for call in calls:
        answer = call.get("answer", {})
        # Times, and the address with its port.
        for name in ("expires_in", "qr_code"):
            answer.pop(name, None)
        for row in answer.get("customer", []):
            row.pop("takeover_time", None)
        for name in ("url", "create_time"):
            answer.get("link", {}).pop(name, None)
    return calls, [each["event"] for each in sent]


def test_same_seed_and_script_give_the_same_journal() -> None:
    first, second = _story(), _story()

    assert first == second
    assert first[1].count("change_external_contact/del_external_contact") == 2


@dataclass
class Run:
    """One run of a sandbox that keeps its state."""

    sim: Steering
    corp: dict[str, Any]
    caller: Caller

    def act(self, what: str, **body: object) -> Any:
        return self.sim.post(f"act/{what}", {"corpid": self.corp["corpid"], **body})


@contextmanager
def _run(kept: Path, corp: dict[str, Any] | None = None) -> Iterator[Run]:
    with Sandbox(state_file=kept) as sandbox:
        sim = Steering(sandbox.url)
        sim.post("settings", {**QUICK, "unassigned_delay_s": 0, "acquisition_quota": 30})
        founded = corp or sim.post("corps", name="示例企业")
        for userid in () if corp else ("li", "zhang", "wang"):
            sim.post("staff", corpid=founded["corpid"], userid=userid)
        yield Run(sim, founded, Caller(sandbox.url, founded))


def test_links_and_their_quota_come_back(tmp_path: Path) -> None:
    path = PATH + "customer_acquisition"
    with _run(tmp_path / "kept") as first:
        body = {"link_name": "官网", "range": {"user_list": ["zhang"]}}
        link = first.caller.post(f"{path}/create_link", **body)["link"]
        first.act("open_link", url=link["url"])
    with _run(tmp_path / "kept", first.corp) as second:
        quota = second.caller.get(f"{path}_quota")
        customers = second.caller.post(f"{path}/customer", link_id=link["link_id"])
        second.sim.post("clock", advance_s=365 * DAY)
        second.caller.token = ""
        expired = second.caller.get(f"{path}_quota")

    assert (quota["total"], quota["balance"]) == (30, 29)
    assert len(customers["customer_list"]) == 1
    assert (expired["total"], expired["balance"], expired["quota_list"]) == (30, 0, [])


def test_moments_resignations_and_tags_come_back(tmp_path: Path) -> None:
    with _run(tmp_path / "kept") as first:
        scanned = first.act("scan", config_id=first.caller.way())
        other = first.act("scan", config_id=first.caller.way(user=["zhang"]))
        jobid = first.caller.post(PATH + "add_moment_task", text={"content": "新品"})["jobid"]
        first.act("resign", userid="li")
        made = first.act("create_tags", group_name="门店", tags=["上海"])
    with _run(tmp_path / "kept", first.corp) as second:
        second.sim.post("clock", advance_s=5)
        job = second.caller.get(PATH + "get_moment_task_result", jobid=jobid)
        moment_id = job["result"]["moment_id"]
        published = second.act("confirm_moment", moment_id=moment_id)
        body = {"moment_id": moment_id, "userid": "zhang"}
        seen = second.caller.post(PATH + "get_moment_send_result", **body)["customer_list"]
        rows = second.caller.post(PATH + "get_unassigned_list")["info"]
        tag = {"id": made["tags"]["上海"], "name": "x"}
        foreign = second.caller.post(PATH + "edit_corp_tag", **tag)["errcode"]

    assert published == {"published": {"zhang": 1, "wang": 0}}
    assert seen == [{"external_userid": other["external_userid"]}]
    assert [row["external_userid"] for row in rows] == [scanned["external_userid"]]
    assert foreign == 301002
