"""What the three support commands print of recorded callbacks and answers."""

import io
import json
import os
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command

from tests.tenants.wechat.envelopes import AES_KEY, TOKEN, Post, seal

CORP = "ww1234567890abcdef"
ADDED = (
    "<xml><ToUserName>ww1</ToUserName><FromUserName>sys</FromUserName>"
    "<CreateTime>1700000000</CreateTime><MsgType>event</MsgType>"
    "<Event>change_external_contact</Event><ChangeType>add_external_contact</ChangeType>"
    "<UserID>mei</UserID><ExternalUserID>wmA</ExternalUserID><State>lc1</State></xml>"
)
TEXT = (
    "<xml><ToUserName>gh</ToUserName><FromUserName>fan</FromUserName>"
    "<CreateTime>1700000000</CreateTime><MsgType>text</MsgType><Content>您好</Content>"
    "<MsgId>CAIQg/PK==</MsgId></xml>"
)


def run(command: str, *arguments: str) -> list[dict[str, object]]:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def written(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_callbacks_are_read_one_a_line(tmp_path: Path) -> None:
    added, text = run(
        "wechat_read", written(tmp_path, "1.xml", ADDED), written(tmp_path, "2.xml", TEXT)
    )

    assert added["route"] == "change_external_contact/add_external_contact"
    assert added["scene"] is None
    assert added["fields"]["CreateTime"] == 1700000000  # type: ignore[index]
    assert added["dedupe"]["by"] == "all fields"  # type: ignore[index]
    assert text["fields"]["Content"] == "您好"  # type: ignore[index]
    assert text["dedupe"] == {"by": "MsgId", "value": "CAIQg/PK=="}


def test_events_of_one_second_are_told_apart_and_repeats_are_not(tmp_path: Path) -> None:
    other = ADDED.replace("wmA", "wmB")
    names = [written(tmp_path, f"{n}.xml", xml) for n, xml in enumerate((ADDED, other, ADDED))]

    first, second, again = (words["dedupe"] for words in run("wechat_read", *names))

    assert first != second
    assert first == again


def test_an_unreadable_callback_is_named_and_the_others_still_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = io.StringIO()
    bad = written(tmp_path, "bad.xml", "<!DOCTYPE x><xml/>")
    good = written(tmp_path, "good.xml", TEXT)

    with pytest.raises(CommandError, match="1 of 2"):
        call_command("wechat_read", bad, good, stdout=out)

    assert json.loads(out.getvalue())["route"] == "text"
    assert "bad.xml: dtd" in capsys.readouterr().err


def opened(body: Path, query: dict[str, str], **changed: str | float) -> str:
    out = io.StringIO()
    given: dict[str, str | float] = {
        "token": TOKEN,
        "aes_key": AES_KEY,
        "receive_id": CORP,
        **changed,
    }
    call_command("wechat_open", str(body), query=urlencode(query), stdout=out, **given)
    return out.getvalue()


def test_a_recorded_delivery_opens_whatever_its_age(tmp_path: Path) -> None:
    post = Post(seal(ADDED.encode(), CORP), stamp="1500000000")
    body = tmp_path / "body"
    body.write_bytes(post.body)

    assert opened(body, post.query).strip() == ADDED


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"token": "other"}, "bad_signature"),
        ({"receive_id": "wwother"}, "undecryptable"),
        ({"aes_key": "A" * 43}, "undecryptable"),
        ({"aes_key": "short"}, "misconfigured"),
        ({"max_age": 600.0}, "stale"),
    ],
)
def test_what_must_be_refused_says_why(
    tmp_path: Path, changed: dict[str, str | float], reason: str
) -> None:
    post = Post(seal(ADDED.encode(), CORP), stamp="1500000000")
    body = tmp_path / "body"
    body.write_bytes(post.body)

    with pytest.raises(CommandError, match=f"^{reason}: "):
        opened(body, post.query, **changed)


def test_answers_are_laid_out_by_path(tmp_path: Path) -> None:
    answer = {
        "errcode": 0,
        "errmsg": "ok",
        "external_contact": {"name": "李四"},
        "follow_user": [{"userid": "a", "tags": [{"tag_id": "et1"}, {"type": 2}]}, {"userid": "b"}],
        "fail_list": ["wm1"],
        "next_cursor": "",
    }

    (words,) = run("wechat_answer", written(tmp_path, "a.json", json.dumps(answer)))

    assert words == {
        "extract": {
            "external_contact.name": "李四",
            "follow_user[].userid": ["a", "b"],
            "follow_user[].tags[].tag_id": ["et1"],
            "follow_user[].tags[].type": [2],
            "fail_list": ["wm1"],
            "next_cursor": "",
        },
        "has_more": False,
    }


@pytest.mark.parametrize(
    ("code", "message", "kind", "words"),
    [
        (40001, "invalid credential", "Unauthorised", "renewed once"),
        (40014, "invalid access_token", "Unauthorised", "renewed once"),
        (40013, "invalid appid", "Unauthorised", "check its id"),
        (60020, "not allow, from ip: 192.0.2.10", "Unauthorised", "trusted IP list"),
        (48002, "api forbidden", "Forbidden", "lacks this permission"),
        (40096, "invalid external userid", "Terminal", "would be refused again"),
        (41050, "invalid welcome code", "Terminal", "dropped"),
        (41051, "chatting", "Terminal", "Taken as done"),
        (41096, "being distributed", "Retryable", "20 seconds"),
        (45009, "api freq out of limit", "RateLimited", "60 seconds"),
        (45009, "reach max api daily quota limit rid: 1", "RateLimited", "midnight"),
        (45033, "api concurrent out of limit", "RateLimited", "Fewer calls"),
        (45015, "response out of time limit", "Terminal", "lately enough"),
        (-1, "system busy", "Retryable", "5 seconds"),
        (84061, "not external contact", "NotACustomer", "once more later"),
    ],
)
def test_a_refusal_names_its_class_and_the_reaction(
    tmp_path: Path, code: int, message: str, kind: str, words: str
) -> None:
    answer = json.dumps({"errcode": code, "errmsg": message})

    (got,) = run("wechat_answer", written(tmp_path, "e.json", answer))

    assert (got["error"], got["errcode"]) == (kind, code)
    assert words in str(got["reaction"])
    assert "192.0.2.10" not in json.dumps(got)


def test_the_same_code_may_mean_something_else_elsewhere(tmp_path: Path) -> None:
    none = written(tmp_path, "n.json", '{"errcode": 84061, "external_userid": []}')
    secret = written(tmp_path, "s.json", '{"errcode": 40001}')

    (of_list,) = run("wechat_answer", none, "--api", "externalcontact/list")
    (of_token,) = run("wechat_answer", secret, "--api", "gettoken")

    assert "empty list" in str(of_list["reaction"])
    assert "check its id" in str(of_token["reaction"])


def test_what_is_no_answer_is_said_to_be_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match="1 of 1"):
        run("wechat_answer", written(tmp_path, "p.html", "<html>502</html>"))

    assert "not JSON" in capsys.readouterr().err


def samples() -> list[Path]:
    folder = os.environ.get("WECHAT_SAMPLES", "")
    return sorted(Path(folder, "api").rglob("*.expected.json")) if folder else []


@pytest.mark.skipif(not samples(), reason="WECHAT_SAMPLES names no folder of samples")
@pytest.mark.parametrize("expected", samples(), ids=lambda path: path.name[:-14])
def test_a_recorded_answer_reads_as_expected(expected: Path) -> None:
    wanted = json.loads(expected.read_text("utf-8"))
    raw = expected.with_name(expected.name.replace(".expected", ""))

    (got,) = run("wechat_answer", str(raw))

    if not wanted["ok"]:
        assert got["errcode"] == wanted["errcode"]
        return
    for path, value in wanted["extract"].items():
        assert got["extract"].get(path, [] if value == [] else None) == value  # type: ignore[attr-defined]
    assert got.get("has_more") == wanted.get("has_more")
