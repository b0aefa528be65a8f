"""What exactly goes over the wire for a call that wechatpy or one of our verbs asks for?"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final, Protocol, runtime_checkable
from urllib.parse import urlsplit

from tenants.wechat.credentials import BaseUrls
from tenants.wechat.transport import Json, Request, Timeout

_OPTIONS: Final = frozenset(
    {
        *("params", "data", "json", "files", "headers", "timeout"),
        *("api_base_url", "result_processor", "repeatable"),
    }
)


@runtime_checkable
class _Seekable(Protocol):
    def tell(self) -> int: ...
    def seek(self, offset: int, /) -> object: ...


def build(
    bases: BaseUrls, default_base: str, limits: Timeout, call: tuple[str, str, dict[str, object]]
) -> Request:
    """`call` is method, address or path, and the keyword options that wechatpy's APIs pass."""
    method, target, options = call
    unknown = options.keys() - _OPTIONS
    if unknown:
        raise TypeError(f"unknown request options: {sorted(unknown)}")
    base = str(options.get("api_base_url") or default_base)
    url = target if target.startswith(("http://", "https://")) else base + target
    repeatable = options.get("repeatable")
    headers = _mapping(options.get("headers"))
    if options.get("json") is not None:
        headers.setdefault("Content-Type", "application/json; charset=utf-8")
    return Request(
        method=method.upper(),
        url=bases.locate(url),
        api=urlsplit(url).path.removeprefix("/cgi-bin/").strip("/"),
        # Reading is harmless; whether a write may be repeated is for the verb to say.
        repeatable=method.lower() == "get" if repeatable is None else bool(repeatable),
        timeout=_timeout(options.get("timeout"), limits),
        params=_mapping(options.get("params")),
        headers={name: str(value) for name, value in headers.items()},
        body=_body(options),
        files=options.get("files"),
    )


def signed(request: Request, token: str) -> Request:
    return replace(request, params={**request.params, "access_token": token})


def errcode(answer: Json) -> int | None:
    """0 when the call went well (absent counts as 0), None when it cannot be read."""
    # Device APIs wrap it; some answers carry it as text.
    inner = answer.get("base_resp")
    code = (inner if isinstance(inner, dict) else answer).get("errcode", 0)
    try:
        return int(str(code))
    except ValueError:
        return None


def rewinder(files: object) -> Callable[[], None]:
    """Puts every file back to where it stood: a retry would otherwise upload nothing."""
    places = [(one, one.tell()) for one in _open_files(files)]

    def rewind() -> None:
        for one, place in places:
            one.seek(place)

    return rewind


def _open_files(files: object) -> Iterable[_Seekable]:
    if isinstance(files, Mapping):
        files = list(files.values())
    if isinstance(files, list | tuple):
        for part in files:
            yield from _open_files(part)
    elif isinstance(files, _Seekable):
        yield files


def _body(options: dict[str, object]) -> bytes | Mapping[str, object] | None:
    content = options.get("json") if options.get("data") is None else options["data"]
    if isinstance(content, Mapping) and options.get("files") is not None:
        return content  # form fields beside the files
    if isinstance(content, Mapping | list):
        return json.dumps(content, ensure_ascii=False).encode("utf-8")
    if isinstance(content, str):
        return content.encode("utf-8")
    if content is None or isinstance(content, bytes):
        return content
    raise TypeError("a body is a mapping, a list, text or bytes")


def _mapping(value: object) -> dict[str, object]:
    return {str(name): one for name, one in value.items()} if isinstance(value, Mapping) else {}


def _timeout(asked: object, limits: Timeout) -> Timeout:
    if isinstance(asked, int | float):
        return (min(limits[0], asked), float(asked))
    if isinstance(asked, tuple) and len(asked) == 2:
        return (float(asked[0]), float(asked[1]))
    return limits
