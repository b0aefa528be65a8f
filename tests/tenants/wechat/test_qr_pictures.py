"""Pictures of QR codes are read once, and only the platform's."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import segno
from PIL import Image

from scrm.sandbox.server import Sandbox
from tenants.wechat import qr_pictures
from tenants.wechat.errors import Retryable


def say(address: str, **body: object) -> Any:
    return requests.post(address, json=body, timeout=10).json()


@pytest.fixture
def sandbox(settings: Any) -> Iterator[Sandbox]:
    with Sandbox(seed=1) as running:
        settings.WECHAT_BASE_URL = running.url
        say(f"{running.url}/_sim/settings", qr_pictures=True)
        yield running


def way(sandbox: Sandbox) -> str:
    """The address that the platform answers for a new contact way."""
    corp = say(f"{sandbox.url}/_sim/corps", name="测试企业")
    say(f"{sandbox.url}/_sim/staff", corpid=corp["corpid"], userid="amy")
    query = {"corpid": corp["corpid"], "corpsecret": corp["secret"]}
    token = requests.get(f"{sandbox.url}/cgi-bin/gettoken", params=query, timeout=10).json()
    api = f"{sandbox.url}/cgi-bin/externalcontact/add_contact_way"
    made = say(f"{api}?access_token={token['access_token']}", type=2, scene=2, user=["amy"])
    return str(made["qr_code"])


def test_what_is_in_the_picture_is_what_a_phone_would_open(sandbox: Sandbox) -> None:
    picture = way(sandbox)

    assert picture.startswith(f"{sandbox.url}/wwpic/qr/")
    assert qr_pictures.text_of(picture) == picture.replace("/wwpic/", "/")


@pytest.mark.parametrize("path", ["/wwpic/qr/none", "/", "/_sim/clock"])
def test_what_is_no_picture_stays_as_it_is(sandbox: Sandbox, path: str) -> None:
    assert qr_pictures.text_of(f"{sandbox.url}{path}") == f"{sandbox.url}{path}"


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/wwpic/qr/x",
        "https://work.weixin.qq.com/ca/cawcde123",
        "http://qpic.cn.example.com/x",
        "http://p.qpic.cn:8080/x",
        "file:///etc/passwd",
        "",
    ],
)
def test_nothing_is_fetched_from_others(address: str, settings: Any, monkeypatch: Any) -> None:
    settings.WECHAT_BASE_URL = ""
    monkeypatch.setattr(requests, "get", lambda *_, **__: pytest.fail("it was fetched"))
    assert qr_pictures.text_of(address) == address


def test_a_platform_that_does_not_answer_is_asked_again_some_times(
    sandbox: Sandbox, settings: Any
) -> None:
    gone = "http://127.0.0.1:9"
    settings.WECHAT_BASE_URL = gone
    with pytest.raises(Retryable, match="no connection"):
        qr_pictures.text_of(f"{gone}/wwpic/qr/x", attempt=1)
    assert qr_pictures.text_of(f"{gone}/wwpic/qr/x") == f"{gone}/wwpic/qr/x"


def _png(picture: Image.Image) -> bytes:
    stored = io.BytesIO()
    picture.save(stored, "PNG")
    return stored.getvalue()


def _code(text: str) -> Image.Image:
    drawn = io.BytesIO()
    segno.make_qr(text).save(drawn, kind="png", scale=6)
    return Image.open(drawn).convert("RGB")


def test_pictures_without_one_readable_code_say_nothing() -> None:
    two = Image.new("RGB", (900, 400), "white")
    two.paste(_code("https://a.example"), (10, 10))
    two.paste(_code("https://b.example"), (500, 10))
    read = qr_pictures._read

    assert read(_png(_code("https://a.example"))) == "https://a.example"
    assert read(_png(two)) == ""
    assert read(_png(Image.new("RGB", (200, 200), "white"))) == ""
    assert read(_png(Image.new("1", (5000, 20)))) == ""
    assert read(_png(_code("https://a.example"))[:200]) == ""
    assert read(b"<html>") == ""
