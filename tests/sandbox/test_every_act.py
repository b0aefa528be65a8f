"""Every act that a person can do, in one script: is it the same in two runs of one seed?"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from scrm.sandbox.control import ACTS
from scrm.sandbox.group_acts import ACTS as GROUP_ACTS
from scrm.sandbox.oa.acts import ACTS as OA_ACTS

from .actors import Scene, scene
from .oa_actors import SWIFT, OaCaller

EXT = "externalcontact/"
VARYING = {"at", "latency_ms", "seconds", "created"}
# Ports differ from run to run, and moments in Unix seconds.
PORT = re.compile(r"127\.0\.0\.1:\d+")
MOMENT = re.compile(r"\b1[789]\d{8}(\.\d+)?\b")
LEFT_S = re.compile(r'"expires_in": \d+')


@dataclass
class Play:
    """Does one act after the other, each to its end, and keeps what was answered."""

    s: Scene
    oa: OaCaller
    done: set[str] = field(default_factory=set)
    answers: list[Any] = field(default_factory=list)

    def act(self, name: str, /, **body: object) -> Any:
        answer = self.s.sim.post(f"act/{name}", body)
        assert "error" not in answer, (name, answer)
        self.s.sim.flush()
        self.done.add(name)
        self.answers.append([name, answer])
        return answer

    def of_corp(self, name: str, /, **body: object) -> Any:
        return self.act(name, corpid=self.s.corpid, **body)

    def of_account(self, name: str, /, **body: object) -> Any:
        return self.act(f"oa_{name}", appid=self.oa.account["appid"], **body)

    def call(self, path: str, /, **body: object) -> Any:
        answer = self.s.caller.post(EXT + path, **body)
        assert answer["errcode"] == 0, (path, answer)
        return answer


@contextmanager
def staged() -> Iterator[Play]:
    with scene(seed=7, listening=True) as s:
        s.sim.post("settings", {**SWIFT, "accept_after_s": -1, "archive": True})
        s.sim.post("faults", kind="duplicate", probability=0.5)
        s.sim.post("staff", corpid=s.corpid, userid="wang")
        account = s.sim.post("oa/accounts", name="示例公众号", mode="compatible")
        yield Play(s, OaCaller(s.sim.url, account))


def _meet(play: Play) -> tuple[str, str]:
    """Two customers of li; the first knows zhang, too."""
    way = play.s.caller.way(state="abc")
    both = []
    for _ in range(2):
        customer = play.act("scan", config_id=way)["customer"]
        play.of_corp("accept", userid="li", customer=customer)
        both.append(customer)
    play.of_corp("apply", userid="zhang", customer=both[0])
    play.of_corp("speak", **{"from": both[0], "to": "li", "text": "在吗"})
    play.of_corp("speak", **{"from": "li", "to": both[0], "text": "在的"})
    play.of_corp("edit_remark", userid="li", customer=both[0], remark="老客户")
    play.of_corp("agree_archive", userid="li", customer=both[0])
    return both[0], both[1]


def _tag(play: Play) -> None:
    made = play.of_corp("create_tags", group_name="意向", tags=["高", "中"])["tags"]
    play.of_corp("edit_tag", id=made["高"], name="很高")
    play.of_corp("shuffle_tags")
    play.of_corp("delete_tags", tag_id=[made["中"]])


def _reach_out(play: Play, customer: str) -> None:
    made = play.call("add_msg_template", sender="li", text={"content": "新品"})
    play.of_corp("confirm_task", msgid=made["msgid"])
    play.of_corp("own_mass_send", userid="li", text="上新", customers=[customer])
    play.of_corp("console_mass_send", userid="li", text="放假")
    play.of_corp("console_moment", text="开业", staff=["li"])
    own = play.of_corp("post_moment", userid="li", text="上新")["moment_id"]
    for remark in ("comment_moment", "like_moment"):
        play.of_corp(remark, moment_id=own, userid="li", customer=customer)
    jobid = play.call("add_moment_task", text={"content": "新品"})["jobid"]
    play.s.sim.post("clock", advance_s=5)
    job = play.s.caller.get(EXT + "get_moment_task_result", jobid=jobid)
    play.of_corp("confirm_moment", moment_id=job["result"]["moment_id"])
    range_ = {"user_list": ["li"]}
    path = "customer_acquisition/create_link"
    link = play.call(path, link_name="官网", range=range_)["link"]["link_id"]
    opened = play.act("open_link", link_id=link, state="abc")
    play.of_corp("accept", userid="li", customer=opened["customer"])
    play.of_corp("buy_quota", count=10)
    play.act("delete_link", link_id=link)


def _gather(play: Play, customer: str, other: str) -> None:
    def of_group(name: str, /, **body: object) -> Any:
        return play.of_corp(f"group_{name}", chat_id=chat_id, **body)

    created = play.of_corp("group_create", owner="li", name="群", members=[customer, "zhang"])
    chat_id = created["chat_id"]
    of_group("invite", by="li", who=[other, "wang"])
    way = play.call("groupchat/add_join_way", scene=2, chat_id_list=[chat_id], state="g")
    template = play.call("group_welcome_template/add", text={"content": "欢迎"})["template_id"]
    of_group("template", template_id=template)
    joined = play.act("group_join", config_id=way["config_id"])
    of_group("speak", **{"from": joined["customer"], "text": "大家好"})
    of_group("nickname", who=other, nickname="小王")
    of_group("leave", who=joined["customer"])
    of_group("remove", who=[other])
    of_group("rename", name="新群")
    of_group("notice", notice="周五见")
    of_group("admins", admins=["wang"])
    of_group("owner", owner="zhang")
    of_group("dismiss")


def _organise(play: Play) -> None:
    play.of_corp("create_party", id=2, name="门店")
    play.of_corp("update_party", id=2, name="门店二")
    play.of_corp("delete_party", id=2)
    play.of_corp("create_user", userid="chen", name="陈")
    play.of_corp("update_user", userid="chen", name="陈陈", new_userid="chenchen")


def _part(play: Play, customer: str, other: str) -> None:
    pair = {"handover_userid": "li", "takeover_userid": "wang"}
    externals = [
        play.s.sim.get(f"customers/{who}")["externals"][play.s.corpid] for who in (customer, other)
    ]
    play.call("transfer_customer", **pair, external_userid=externals)
    play.of_corp("accept_transfer", customer=customer)
    play.of_corp("refuse_transfer", customer=other)
    play.of_corp("staff_deletes", userid="wang", customer=customer)
    play.of_corp("customer_deletes", userid="zhang", customer=customer)
    play.of_corp("resign", userid="li")


def _follow(play: Play) -> None:
    sim, appid = play.s.sim, play.oa.account["appid"]
    notice = sim.post("oa/templates", appid=appid, kind="subscribe")["template_id"]
    buttons = [
        {"type": "click", "name": "签到", "key": "in"},
        {"type": "view", "name": "商城", "url": "http://127.0.0.1:9/shop"},
    ]
    play.oa.post("menu/create", button=buttons)
    ticket = play.oa.code("展会")["ticket"]
    fan = {"customer": play.of_account("follow")["openid"]}
    play.act("oa_scan", ticket=ticket, **fan)
    play.act("oa_scan", ticket=ticket)
    play.of_account("text", **fan, text="在吗")
    play.of_account("click", **fan, key="in")
    play.of_account("view", **fan, url="http://127.0.0.1:9/shop")
    play.of_account("location", **fan)
    play.of_account("popup", **fan, answers={notice: "accept"})
    play.of_account("cancel_subscription", **fan, template_id=notice)
    play.of_account("refuse_templates", **fan)
    play.of_account("authorize", **fan, redirect_uri="http://127.0.0.1:9/back")
    play.of_account("unfollow", **fan)


def _same(value: Any) -> str:
    """As text, without what differs between two runs of one script."""
    if isinstance(value, dict):
        value = {name: each for name, each in value.items() if name not in VARYING}
    text = PORT.sub("HOST", json.dumps(value, ensure_ascii=False, sort_keys=True))
    return LEFT_S.sub('"expires_in": 0', MOMENT.sub("MOMENT", text))


def _played() -> tuple[set[str], dict[str, list[str]]]:
    with staged() as play:
        customer, other = _meet(play)
        _tag(play)
        _reach_out(play, customer)
        _gather(play, customer, other)
        _organise(play)
        _part(play, customer, other)
        _follow(play)
        play.s.sim.post("clock", advance_s=86_400)
        play.s.sim.flush()
        told = play.s.sim.get("callbacks")["callbacks"]
        for callback in told:
            callback["attempts"] = [
                [attempt["kind"], attempt["nonce"], attempt["status"]]
                for attempt in callback["attempts"]
            ]
        kept = {
            "journal": [_same(entry) for entry in play.s.sim.journal()],
            "answers": [_same(answer) for answer in play.answers],
            "callbacks": [_same(callback) for callback in told],
        }
    return play.done, kept


def test_every_act_is_the_same_in_two_runs_of_one_seed() -> None:
    done, first = _played()
    _, second = _played()

    assert done == {*ACTS, *GROUP_ACTS, *OA_ACTS}
    assert first["answers"] == second["answers"]
    assert first["callbacks"] == second["callbacks"]
    assert first["journal"] == second["journal"]
    assert len(first["callbacks"]) > 30
