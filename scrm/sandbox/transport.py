"""How does the sandbox reach a callback URL without ever leaving this machine?"""

import ipaddress
import socket
import struct
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from scrm.sandbox.errors import RefusedError

LONGEST_ANSWER = 65_536


@dataclass(frozen=True)
class Answer:
    """`status` 0 means that none came; `error` then says why."""

    status: int
    body: bytes
    seconds: float
    error: str = ""


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_local_page(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and is_loopback(parts.hostname or "")


def with_query(url: str, more: list[tuple[str, str]]) -> str:
    """The address with these pairs behind the ones it has."""
    parts = urlsplit(url)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *more])
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, parts.fragment))


def check_url(url: str) -> None:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise RefusedError(f"{url!r} has no valid port") from error
    if parts.scheme != "http" or not parts.hostname or port == 0 or parts.username:
        raise RefusedError(f"{url!r} is not a plain http:// address")
    if not is_loopback(parts.hostname):
        raise RefusedError(
            f"{parts.hostname!r} is not this machine: only 127.0.0.1, ::1, localhost"
        )


def call(
    method: str, url: str, query: dict[str, str], body: bytes | None, timeout: float
) -> Answer:
    """One request, no redirect followed. The name localhost is not looked up."""
    check_url(url)
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname == "localhost" else str(parts.hostname)
    joined = "&".join(part for part in (parts.query, urlencode(query)) if part)
    headers = {"Host": parts.netloc, "Connection": "close"}
    if body is not None:
        headers["Content-Type"] = "text/xml"
    began = time.monotonic()
    connection = HTTPConnection(host, parts.port or 80, timeout=timeout)
    try:
        connection.request(method, f"{parts.path or '/'}?{joined}", body, headers)
        response = connection.getresponse()
        content = response.read(LONGEST_ANSWER)
        return Answer(response.status, content, time.monotonic() - began)
    except (OSError, HTTPException) as error:
        return Answer(0, b"", time.monotonic() - began, type(error).__name__)
    finally:
        connection.close()


def reset(connection: socket.socket) -> None:
    """Drops a connection so that the other side sees a reset, not an orderly end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
