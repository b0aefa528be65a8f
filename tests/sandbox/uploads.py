"""Files as a client sends them, and the calls that take them."""

import json
from typing import Any

from .actors import Answer, Caller, fetch

PNG = b"\x89PNG\r\n\x1a\n" + b"a picture" * 4
JPEG = b"\xff\xd8\xff\xe0" + b"another picture"
AMR = b"#!AMR\n" + b"a voice"
MP4 = b"\x00\x00\x00\x18ftypmp42" + b"a film"
BOUNDARY = "----------------------------c0ffee"


def form(content: bytes, filename: str = "海报.png", name: str = "media") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"'
    if filename:
        head += f'; filename="{filename}"'
    begin = f"--{BOUNDARY}\r\n{head}\r\nContent-Type: image/png\r\n\r\n"
    return begin.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def send(caller: Caller, path: str, raw: bytes, /, **query: object) -> Any:
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return fetch("POST", caller.target(path, dict(query)), raw, **kind).json()


def upload(caller: Caller, kind: str = "image", content: bytes = PNG, **more: str) -> Any:
    return send(caller, "media/upload", form(content, **more), type=kind)


def attach(caller: Caller, kind: str = "image", content: bytes = PNG, use: int = 1) -> Any:
    raw = form(content)
    return send(caller, "media/upload_attachment", raw, media_type=kind, attachment_type=use)


def load(caller: Caller, media_id: str) -> Answer:
    return fetch("GET", caller.target("media/get", {"media_id": media_id}))


def errcode(answer: Answer) -> int:
    return int(json.loads(answer.body)["errcode"])
