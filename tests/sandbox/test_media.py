"""Do uploads keep the platform's limits, and may only known and fresh files be sent?"""

from pathlib import Path
from typing import Any

import pytest

from scrm.sandbox import Sandbox

from .actors import Caller, Scene, Steering, fetch, scene
from .uploads import (
    AMR,
    JPEG,
    MP4,
    PNG,
    attach,
    errcode,
    form,
    load,
    send,
    upload,
)

MB = 1024 * 1024
THREE_DAYS = 3 * 86_400


def test_upload_is_given_back_byte_for_byte_under_its_name() -> None:
    with scene() as s:
        content = PNG + bytes(range(256)) + b"\r\n--" + b"\r\n\r\n"
        made = upload(s.caller, content=content)
        got = load(s.caller, made["media_id"])

    assert made.keys() == {"errcode", "errmsg", "type", "media_id", "created_at"}
    assert (made["type"], made["created_at"].isdigit()) == ("image", True)
    assert got.body == content
    assert (got.status, got.content_type) == (200, "image/png")
    assert "attachment; filename=" in got.disposition
    assert got.disposition.endswith("filename*=UTF-8''%E6%B5%B7%E6%8A%A5.png")


@pytest.mark.parametrize(
    ("kind", "content", "code"),
    [
        ("image", PNG, 0),
        ("image", JPEG, 0),
        ("voice", AMR, 0),
        ("video", MP4, 0),
        ("file", b"123456", 0),
        ("image", PNG + b"0" * (10 * MB - len(PNG)), 0),
        ("image", PNG + b"0" * (10 * MB - len(PNG) + 1), 45001),
        ("voice", AMR + b"0" * (2 * MB), 45001),
        ("video", MP4 + b"0" * (10 * MB), 45001),
        ("file", b"0" * (20 * MB), 0),
        ("file", b"0" * (20 * MB + 1), 45001),
        ("file", b"12345", 40006),
        ("file", b"", 44001),
        ("image", b"GIF89a and more", 40004),
        ("voice", b"RIFF and more", 40004),
        ("video", PNG, 40004),
        ("poem", PNG, 40005),
        ("", PNG, 40005),
    ],
)
def test_kinds_and_sizes(kind: str, content: bytes, code: int) -> None:
    with scene() as s:
        assert upload(s.caller, kind, content)["errcode"] == code


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (form(PNG, name="file"), 41005),
        (form(PNG, filename=""), 41005),
        (b"", 41005),
        (b"not multipart at all", 40058),
        (form(PNG).removesuffix(b"--\r\n"), 40058),
        (form(PNG).replace(b"\r\n\r\n", b"\r\n"), 40058),
    ],
)
def test_bodies_without_a_file(raw: bytes, code: int) -> None:
    with scene() as s:
        assert send(s.caller, "media/upload", raw, type="image")["errcode"] == code


def test_body_that_is_no_form_is_refused() -> None:
    with scene() as s:
        answer = fetch("POST", s.caller.target("media/upload", {"type": "image"}), b"{}")

        assert errcode(answer) == 40058


def test_file_is_gone_after_three_days() -> None:
    with scene() as s:
        media_id = upload(s.caller)["media_id"]
        codes = []
        for seconds in (THREE_DAYS - 60, 61):
            s.sim.post("clock", advance_s=seconds)
            s.caller.token = ""
            codes.append(load(s.caller, media_id).content_type)
        late = load(s.caller, media_id)

    assert codes == ["image/png", "application/json; charset=utf-8"]
    assert errcode(late) == 40007


def test_unknown_missing_and_foreign_files() -> None:
    with scene() as s:
        media_id = upload(s.caller)["media_id"]
        other = Caller(s.sim.url, s.sim.post("corps", name="另一家"))
        second_app = Caller(
            s.sim.url, {**s.caller.corp, **s.sim.post("apps", corpid=s.corpid, agentid=7)}
        )

        assert errcode(load(s.caller, "unknown")) == 40007
        assert errcode(load(s.caller, "")) == 41006
        assert errcode(load(other, media_id)) == 40007
        assert load(second_app, media_id).body == PNG


def test_upload_attachment() -> None:
    with scene() as s:
        made = attach(s.caller)

        assert made.keys() == {"errcode", "errmsg", "type", "media_id", "created_at"}
        assert type(made["created_at"]) is int
        assert load(s.caller, made["media_id"]).body == PNG
        assert attach(s.caller, "video", MP4, use=2)["errcode"] == 0
        assert attach(s.caller, "voice", AMR)["errcode"] == 40005
        assert attach(s.caller, use=3)["errcode"] == 40005
        assert attach(s.caller, "file", b"0" * (10 * MB + 1))["errcode"] == 45001


def test_picture_has_an_address_and_a_quota() -> None:
    with scene() as s:
        made = send(s.caller, "media/uploadimg", form(JPEG, name="anything"))
        shown = fetch("GET", made["url"])
        too_large = send(s.caller, "media/uploadimg", form(JPEG + b"0" * (2 * MB)))
        s.sim.post("settings", rate_factor=0.002)
        codes = [send(s.caller, "media/uploadimg", form(PNG))["errcode"] for _ in range(2)]
        gone = fetch("GET", f"{s.sim.url}/wwpic/unknown")

    assert made.keys() == {"errcode", "errmsg", "url"}
    assert (shown.content_type, shown.body) == ("image/jpeg", JPEG)
    assert too_large["errcode"] == 45001
    assert codes == [0, 45009]
    assert gone.status == 404


def _image(media_id: str) -> list[dict[str, Any]]:
    return [{"msgtype": "image", "image": {"media_id": media_id}}]


def _mini(media_id: str) -> list[dict[str, Any]]:
    program = {"title": "小店", "pic_media_id": media_id, "appid": "wx1", "page": "/"}
    return [{"msgtype": "miniprogram", "miniprogram": program}]


def _mass(s: Scene, external: str, attachments: list[dict[str, Any]]) -> int:
    path = "externalcontact/add_msg_template"
    answer = s.caller.post(path, external_userid=[external], attachments=attachments)
    return int(answer["errcode"])


def test_messages_take_only_known_and_fresh_files() -> None:
    with scene(listening=True) as s:
        scanned = s.customer()
        external = scanned["external_userid"]
        code = next(e["WelcomeCode"] for e in s.app.events if "WelcomeCode" in e)
        image, video = upload(s.caller)["media_id"], upload(s.caller, "video", MP4)["media_id"]
        moment = attach(s.caller)["media_id"]
        welcome = {"welcome_code": code, "attachments": _image("unknown")}
        refused = s.caller.post("externalcontact/send_welcome_msg", **welcome)["errcode"]
        welcome["attachments"] = _image(image) + _mini(image)
        sent = s.caller.post("externalcontact/send_welcome_msg", **welcome)["errcode"]
        message = s.sim.get(f"customers/{scanned['customer']}")["messages"][0]

        assert (refused, sent) == (40007, 0)
        assert message["attachments"] == welcome["attachments"]
        assert _mass(s, external, _image(image)) == 0
        assert _mass(s, external, _image(video)) == 40007
        assert _mass(s, external, _mini(video)) == 40007
        assert _mass(s, external, _image(moment)) == 40007
        s.sim.post("clock", advance_s=THREE_DAYS)
        s.caller.token = ""
        assert _mass(s, external, _image(image)) == 40007


def test_journal_holds_no_file() -> None:
    with scene() as s:
        media_id = upload(s.caller)["media_id"]
        load(s.caller, media_id)
        sent, got = s.sim.journal("media/")

    assert sent["body"] == f"{len(form(PNG))} bytes, not JSON"
    assert got["answer"] == {"file": "海报.png", "bytes": len(PNG)}


def test_files_come_back_in_the_next_run(tmp_path: Path) -> None:
    kept = tmp_path / "sandbox.json"
    with Sandbox(state_file=kept) as sandbox:
        corp = Steering(sandbox.url).post("corps", name="示例企业")
        caller = Caller(sandbox.url, corp)
        media_id = upload(caller)["media_id"]
        address = send(caller, "media/uploadimg", form(JPEG))["url"]
    with Sandbox(state_file=kept, port=int(address.split(":")[2].split("/")[0])) as sandbox:
        assert load(Caller(sandbox.url, corp), media_id).body == PNG
        assert fetch("GET", address).body == JPEG
