"""What holds whatever happens: walks, welcome codes, sums, quotas and the ends of tokens."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .actors import Caller, Scene, scene
from .grounds import CHAT, group

EXT = "externalcontact/"
SEEDS = (1, 2, 3)
ROUNDS = 40


# Walks -----------------------------------------------------------------------------------------


def _new_group(s: Scene) -> str:
    return group(s)


def _new_link(s: Scene) -> str:
    body = {"link_name": "官网", "range": {"user_list": ["li"]}}
    made = s.caller.post(EXT + "customer_acquisition/create_link", **body)
    return str(made["link"]["link_id"])


def _new_send(s: Scene) -> str:
    body = {"sender": "li", "text": {"content": "新品"}}
    return str(s.caller.post(EXT + "add_msg_template", **body)["msgid"])


def _new_customer(s: Scene) -> str:
    return str(s.customer()["external_userid"])


Walk = tuple[Callable[[Scene], str], str, dict[str, object], Callable[[Any], list[str]]]
WALKS: list[Walk] = [
    (
        lambda s: s.caller.way(),
        EXT + "list_contact_way",
        {},
        lambda page: [row["config_id"] for row in page["contact_way"]],
    ),
    (
        _new_group,
        CHAT + "list",
        {"owner_filter": {"userid_list": ["li"]}},
        lambda page: [row["chat_id"] for row in page["group_chat_list"]],
    ),
    (
        _new_link,
        EXT + "customer_acquisition/list_link",
        {},
        lambda page: list(page["link_id_list"]),
    ),
    (
        _new_send,
        EXT + "get_groupmsg_list_v2",
        {"chat_type": "single", "start_time": 1, "end_time": 2**31},
        lambda page: [row["msgid"] for row in page["group_msg_list"]],
    ),
    (
        _new_customer,
        EXT + "batch/get_by_user",
        {"userid_list": ["li"]},
        lambda page: [
            row["external_contact"]["external_userid"] for row in page["external_contact_list"]
        ],
    ),
]


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("walk", WALKS, ids=[path for _, path, _, _ in WALKS])
def test_walk_gives_each_row_once_while_others_come_at_the_same_time(
    walk: Walk, *, short: bool
) -> None:
    new, path, body, rows = walk
    with scene() as s:
        s.sim.post("settings", short_pages=short)
        _new_customer(s)
        body = _recent(s, body)
        before = [new(s) for _ in range(7)]
        with ThreadPoolExecutor(1) as others:
            coming = others.submit(lambda: [new(s) for _ in range(12)])
            seen: list[str] = []
            cursor, pages = "", 0
            while cursor or not pages:
                answer = s.caller.post(path, **body, limit=2, cursor=cursor)
                seen += rows(answer)
                cursor, pages = answer["next_cursor"], pages + 1
            later = coming.result()

    assert len(seen) == len(set(seen))
    assert set(before) <= set(seen)
    assert [row for row in seen if row in before] == before
    assert [row for row in seen if row in later] == later[: sum(row in later for row in seen)]


def _recent(s: Scene, body: dict[str, object]) -> dict[str, object]:
    """A span of time around now where the walk needs one."""
    now = int(s.sim.get("clock")["now"])
    span = {"start_time": now - 60, "end_time": now + 600}
    return {name: span.get(name, value) for name, value in body.items()}


# Welcome codes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_welcome_code_brings_exactly_one_message_however_often_it_is_tried(seed: int) -> None:
    with scene(listening=True, seed=seed) as s:
        s.sim.post("settings", welcome_in_flight_s=[0, 0.03], welcome_fail_share=0.5)
        for _ in range(4):
            customer = s.customer()["customer"]
            code = s.app.events[-1]["WelcomeCode"]
            body = {"welcome_code": code, "text": {"content": "您好"}}
            codes: Counter[int] = Counter()
            while 0 not in codes:
                with ThreadPoolExecutor(6) as pool:
                    answers = pool.map(
                        lambda _, body=body: s.caller.post(EXT + "send_welcome_msg", **body),
                        range(6),
                    )
                    codes.update(answer["errcode"] for answer in answers)
            phone = s.sim.get(f"customers/{customer}")["messages"]

            assert codes[0] == 1
            assert codes.keys() <= {0, -1, 41051, 41096}
            assert [message["kind"] for message in phone] == ["welcome"]


# Sums and quotas -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_statuses_add_up_to_those_addressed_and_no_customer_gets_more_than_the_quota(
    seed: int,
) -> None:
    chance = random.Random(seed)
    with scene(seed=seed) as s:
        s.sim.post("settings", mass_quota="week7")
        people = {each["external_userid"]: each["customer"] for each in _two_members_people(s)}
        for _ in range(14):
            chosen = chance.sample(sorted(people), chance.randint(1, len(people)))
            body = {"external_userid": chosen, "text": {"content": "新品"}}
            made = s.caller.post(EXT + "add_msg_template", **body)
            if made["errcode"]:
                assert (made["errcode"], sorted(made["fail_list"])) == (40096, sorted(chosen))
                continue
            _lose_somebody(s, chance, people)
            s.sim.post("act/confirm_task", corpid=s.corpid, msgid=made["msgid"])
            statuses = _statuses(s, made["msgid"])

            assert len(statuses) + len(made["fail_list"]) == len(chosen)
            assert set(statuses) <= {1, 2, 3}
        got = [_mass_messages(s, customer) for customer in people.values()]

    assert max(got) == 7


def _two_members_people(s: Scene) -> list[Any]:
    ways = [s.caller.way(user=[userid]) for userid in ("li", "zhang")]
    return [s.scan(ways[number % 2]) for number in range(8)]


def _lose_somebody(s: Scene, chance: random.Random, people: dict[str, str]) -> None:
    """Now and then, after the send was made and before it is confirmed."""
    follows = [
        follow
        for customer in people.values()
        for follow in s.sim.get(f"customers/{customer}")["follows"]
    ]
    if len(follows) > 5 and chance.random() < 0.3:
        lost = chance.choice(follows)
        pair = {name: lost[name] for name in ("corpid", "userid", "customer")}
        s.sim.post("act/customer_deletes", pair)


def _statuses(s: Scene, msgid: str) -> list[int]:
    tasks = s.caller.post(EXT + "get_groupmsg_task", msgid=msgid)["task_list"]
    return [
        row["status"]
        for task in tasks
        for row in s.caller.post(
            EXT + "get_groupmsg_send_result", msgid=msgid, userid=task["userid"]
        )["send_list"]
    ]


def _mass_messages(s: Scene, customer: str) -> int:
    messages = s.sim.get(f"customers/{customer}")["messages"]
    return sum(1 for message in messages if message["kind"] == "mass")


@pytest.mark.parametrize("most", [1, 3])
def test_moments_beyond_the_months_quota_are_not_shown(most: int) -> None:
    with scene() as s:
        s.sim.post("settings", moment_quota=most, moment_job_s=[0, 0])
        people = [each["customer"] for each in _two_members_people(s)]
        for _ in range(most + 3):
            jobid = s.caller.post(EXT + "add_moment_task", text={"content": "新品"})["jobid"]
            job = s.caller.get(EXT + "get_moment_task_result", jobid=jobid)["result"]
            s.sim.post("act/confirm_moment", corpid=s.corpid, moment_id=job["moment_id"])
        seen = [s.sim.get(f"customers/{customer}")["messages"] for customer in people]

    assert {len(messages) for messages in seen} == {most}


# Tokens ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_token_is_good_until_its_end_and_never_after(seed: int) -> None:
    """Margin of a second: the clock goes on between the call and our look at it."""
    chance = random.Random(seed)
    with scene(seed=seed) as s:
        ends: dict[str, float] = {}
        for _ in range(ROUNDS):
            now = s.sim.post("clock", advance_s=chance.choice((1, 60, 1800, 7199, 7201)))["now"]
            issued = s.caller.gettoken()
            ends.setdefault(issued["access_token"], now + issued["expires_in"])
            for token, end in ends.items():
                code = Caller(s.sim.url, s.caller.corp, token).get("user/get", userid="li")
                if now < end - 1:
                    assert code["errcode"] == 0
                elif now > end + 1:
                    assert code["errcode"] == 42001

    assert len(ends) > 5
