"""Did the request reach WeChat, and what JSON did it answer?"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    SSLError,
)

from tenants.wechat.errors import (
    RateLimited,
    Retryable,
    Terminal,
    Unknown,
    WeChatError,
)

Json = dict[str, object]
Timeout = tuple[float, float]  # seconds to connect, seconds to read

DEFAULT_TIMEOUT: Final[Timeout] = (3.0, 8.0)
ANSWER_LIMIT: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One request with a frozen body, so that a repeat sends the same bytes."""

    method: str
    url: str
    api: str
    repeatable: bool
    timeout: Timeout
    params: Mapping[str, object] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Mapping[str, object] | None = field(default=None, repr=False)
    files: object = field(default=None, repr=False)


def prepare(session: requests.Session, *, trust_env: bool) -> None:
    """A pool of our own and no silent repeats: urllib3 must not resend what may have arrived."""
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=16, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.trust_env = trust_env


def exchange(session: requests.Session, request: Request) -> Json:
    """Send once. Every failure is one of ours, and no text or cause of it holds the address."""
    outcome = _exchange(session, request)
    if isinstance(outcome, WeChatError):
        # Raised here, outside any `except`: the original error carries the URL with its secrets.
        raise outcome
    return outcome


def _exchange(session: requests.Session, request: Request) -> Json | WeChatError:
    try:
        with session.request(
            request.method,
            request.url,
            params={name: str(value) for name, value in request.params.items()},
            data=request.body,
            files=request.files,  # type: ignore[arg-type] # requests checks the many forms itself
            headers=dict(request.headers),
            timeout=request.timeout,
            allow_redirects=False,
            stream=True,
        ) as response:
            refused = _http_failure(response, request)
            return refused or _decode(_read(response, request.timeout[1]), request)
    except (requests.RequestException, HTTPError, OSError) as error:
        return _connection_failure(error, request)


def _http_failure(response: requests.Response, request: Request) -> WeChatError | None:
    status = response.status_code
    if status == 200:
        return None
    text = f"HTTP {status}"
    if status == 429:
        return RateLimited(text, api=request.api)
    if status >= 500:
        return lost(text, request)
    return Terminal(text, api=request.api)


def _read(response: requests.Response, seconds: float) -> bytes:
    """The body under one deadline: the read timeout alone restarts with every byte."""
    deadline = time.monotonic() + seconds
    chunks: list[bytes] = []
    size = 0
    while chunk := response.raw.read1(65536, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > ANSWER_LIMIT or time.monotonic() > deadline:
            raise TimeoutError
    return b"".join(chunks)


def _decode(body: bytes, request: Request) -> Json | WeChatError:
    try:
        answer = json.loads(body.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        return lost("the answer is not a JSON object", request)
    return answer


def lost(text: str, request: Request) -> WeChatError:
    """The request may have been carried out, or not."""
    kind = Retryable if request.repeatable else Unknown
    return kind(text, api=request.api)


def _connection_failure(error: Exception, request: Request) -> WeChatError:
    if _never_left(error):
        return Retryable("no connection", api=request.api)
    timed_out = isinstance(error, requests.Timeout | TimeoutError)
    return lost("no answer in time" if timed_out else "connection lost", request)


def _never_left(error: Exception) -> bool:
    """True only when no byte of the request was sent: refused, unknown host, no handshake."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError):
        return True
    cause = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    return isinstance(cause, NewConnectionError | ConnectTimeoutError | SSLError)
