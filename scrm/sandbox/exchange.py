"""What comes in over HTTP, what goes back, and what will the journal say of it?"""

import json
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import quote

from scrm.sandbox.calls import File
from scrm.sandbox.errors import BadFieldError
from scrm.sandbox.fields import Json

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    path: str
    query: dict[str, str]
    raw: bytes
    content_type: str = ""


@dataclass
class Reply:
    """`reset` drops the connection in place of an answer; `slow_s` drips the body out. Each line of
    `cookie` is one."""

    body: bytes
    status: int = 200
    content_type: str = JSON_TYPE
    disposition: str = ""
    location: str = ""
    cookie: str = ""
    reset: bool = False
    slow_s: float = 0.0


@dataclass
class Story:
    """What the journal will say of a call."""

    corpid: str = ""
    agentid: int = 0
    errcode: int = 0
    errmsg: str = "ok"
    answer: Json = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    mark: str = ""


def file_reply(file: File) -> Reply:
    # A header is Latin-1: the name in UTF-8 goes beside it, percent-encoded.
    plain = file.name.encode("ascii", "replace").decode().replace('"', "'").replace("\\", "_")
    named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name, safe='')}"
    return Reply(file.content, content_type=file.content_type, disposition=named)


def json_body(request: Request) -> Json:
    """The object in the body; an empty body is an empty one."""
    body: object = {}
    if request.raw:
        try:
            body = json.loads(request.raw)
        except ValueError as error:
            raise BadFieldError("the body is not JSON", wrong_type=True) from error
    if not isinstance(body, dict):
        raise BadFieldError("the body is not an object", wrong_type=True)
    return cast(Json, body)
