"""Do apps' messages of every kind reach members, departments, and not too often?"""

from typing import Any

import pytest

from .actors import Scene, scene
from .grounds import advance
from .uploads import AMR, upload

BUTTONS = {
    "card_type": "button_interaction",
    "main_title": {"title": "新线索", "desc": "请跟进"},
    "task_id": "lead-1",
    "button_list": [{"text": "领取", "key": "take"}],
}
NOTICE = {
    "card_type": "text_notice",
    "main_title": {"title": "日报"},
    "card_action": {"type": 1, "url": "https://example.com/"},
}


def _send(s: Scene, kind: str, content: Any, **more: Any) -> Any:
    agentid = s.caller.corp["agentid"]
    body = {"touser": "li", "msgtype": kind, "agentid": agentid, kind: content}
    return s.caller.post("message/send", **{**body, **more})


def _texts(s: Scene, userid: str = "li") -> list[str]:
    return [each["text"] for each in s.sim.get(f"staff/{s.corpid}/{userid}")["messages"]]


def test_cards_arrive_and_buttons_bring_a_code() -> None:
    with scene() as s:
        notice = _send(s, "template_card", NOTICE)
        buttons = _send(s, "template_card", BUTTONS)
        texts = _texts(s)

    assert "response_code" not in notice
    assert len(buttons["response_code"]) > 30
    assert texts == ["日报", "新线索\n请跟进"]


def test_files_and_articles_arrive() -> None:
    with scene() as s:
        image = upload(s.caller)["media_id"]
        voice = upload(s.caller, "voice", AMR)["media_id"]
        codes = [
            _send(s, "image", {"media_id": image})["errcode"],
            _send(s, "voice", {"media_id": voice})["errcode"],
            _send(s, "voice", {"media_id": image})["errcode"],
            _send(s, "news", {"articles": [{"title": "一"}, {"title": "二"}]})["errcode"],
        ]
        texts = _texts(s)

    assert codes == [0, 0, 40007, 0]
    assert texts == ["[image]", "[voice]", "一\n二"]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("template_card", {**NOTICE, "card_type": "poem"}),
        ("template_card", {**NOTICE, "card_action": {}}),
        ("template_card", {**NOTICE, "main_title": {}}),
        ("template_card", {**BUTTONS, "task_id": ""}),
        ("template_card", {**BUTTONS, "button_list": []}),
        ("news", {"articles": []}),
        ("news", {"articles": [{"title": "x"}] * 9}),
        ("textcard", {"title": "x", "description": "y"}),
    ],
)
def test_wrong_contents(kind: str, content: dict[str, Any]) -> None:
    with scene() as s:
        assert _send(s, kind, content)["errcode"] == 40058


def test_departments_stand_for_their_members() -> None:
    with scene() as s:
        s.sim.post("departments", corpid=s.corpid, name="华东", id=5)
        s.sim.post("staff", corpid=s.corpid, userid="wang", departments=[5])
        answer = _send(s, "text", {"content": "早会"}, touser="li", toparty="5|9")

        assert (answer["invaliduser"], answer["invalidparty"]) == ("", "9")
        assert [_texts(s, userid) for userid in ("li", "zhang", "wang")] == [["早会"], [], ["早会"]]


def test_surplus_is_dropped_without_a_word() -> None:
    with scene() as s:
        codes = {_send(s, "text", {"content": str(n)})["errcode"] for n in range(31)}
        full = len(_texts(s))
        advance(s, 61)
        _send(s, "text", {"content": "再来"})

        assert codes == {0}
        assert full == 30
        assert _texts(s)[-1] == "再来"
