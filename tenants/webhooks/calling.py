"""One call of an endpoint: did it take the message? Needs no database, and never raises.

The name is resolved once and the connection goes to that very address, if it is a public one; the
certificate is still that of the name. No proxy, no cookies, no redirects; the answer's body is not
read. However slowly the other side speaks, after DEADLINE_S the connection is cut.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Timer
from typing import Any, Final

import requests
from django.core.exceptions import ValidationError
from requests_hardened.ip_filter import InvalidIPAddress
from requests_hardened.ip_filter_adapter import IPFilterAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from tenants.models import WebhookDelivery
from tenants.webhooks import addresses

CONNECT_S: Final = 3.0
DEADLINE_S: Final = 10.0
Problem = WebhookDelivery.Problem

# The library says of each refusal which host it was: we say it on the page of the delivery.
logging.getLogger("requests_hardened").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`problem` is empty when the endpoint took the message."""

    problem: str
    status: int | None = None
    ms: int = 0
    retry_after: float | None = None  # seconds, where the answer asks for it


class _Watch:
    """Cuts the connections of one call when its time is over, also in the middle of a handshake."""

    def __init__(self, seconds: float) -> None:
        self._ends: list[socket.socket] = []
        self._timer = Timer(seconds, self._cut)
        self._timer.daemon = True
        self.is_over = False

    def __enter__(self) -> _Watch:
        self._timer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()
        self._timer.join()
        for end in self._ends:
            end.close()

    def over(self, sock: socket.socket) -> socket.socket:
        """A second handle: the first is taken over by TLS."""
        self._ends.append(socket.socket(fileno=os.dup(sock.fileno())))
        return sock

    def _cut(self) -> None:
        self.is_over = True
        for end in self._ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it was closed already


_watch: ContextVar[_Watch] = ContextVar("watch")


class _Plain(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _watch.get().over(super()._new_conn())


class _Secure(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _watch.get().over(super()._new_conn())


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class _Adapter(IPFilterAdapter):
    """Connects to the address that was looked at: the library's filter, and then ours."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
        found = super().build_connection_pool_key_attributes(*args, **kwargs)
        address = str(found[0]["host"]).strip("[]")
        if not addresses.is_public(address):
            raise InvalidIPAddress(address)
        return found


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # a proxy would resolve the name again
    loopback = addresses.is_public("127.0.0.1")
    for scheme in ("http", "https"):
        secure = scheme == "https"
        session.mount(f"{scheme}://", _Adapter(is_https_proto=secure, allow_loopback=loopback))
    return session


def post(url: str, body: str, headers: Mapping[str, str]) -> Outcome:
    """Send the body once."""
    begun = time.perf_counter()
    with _Watch(DEADLINE_S) as watch:
        token = _watch.set(watch)
        try:
            outcome = _exchange(url, body, headers)
        finally:
            _watch.reset(token)
    if watch.is_over and outcome.status is None:
        outcome = Outcome(Problem.TIMEOUT)
    ms = round((time.perf_counter() - begun) * 1000)
    return Outcome(outcome.problem, outcome.status, ms, outcome.retry_after)


def _exchange(url: str, body: str, headers: Mapping[str, str]) -> Outcome:
    try:
        addresses.check(url)
        with (
            _session() as session,
            session.post(
                url,
                data=body.encode(),
                headers={
                    **headers,
                    "Content-Type": "application/json",
                    "User-Agent": "SCRM-Webhooks/1",
                    "Accept-Encoding": "identity",
                },
                timeout=(CONNECT_S, DEADLINE_S),
                allow_redirects=False,
                stream=True,
            ) as answer,
        ):
            return _judged(answer)
    except ValidationError:
        return Outcome(Problem.FORBIDDEN)
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        return Outcome(_problem(error))


def _judged(answer: requests.Response) -> Outcome:
    status = answer.status_code
    if 200 <= status < 300:
        return Outcome("", status)
    if status == 410:
        return Outcome(Problem.GONE, status)
    if 300 <= status < 400:
        return Outcome(Problem.REDIRECT, status)
    wait = answer.headers.get("Retry-After", "")
    asked = float(wait) if wait.isascii() and wait.isdigit() and len(wait) < 9 else None
    return Outcome(Problem.STATUS, status, retry_after=asked)


def _problem(error: Exception) -> str:
    if isinstance(error, InvalidIPAddress):
        return Problem.FORBIDDEN
    if isinstance(error, requests.exceptions.SSLError):
        return Problem.TLS
    if isinstance(error, requests.Timeout | TimeoutError):
        return Problem.TIMEOUT
    if isinstance(error.__cause__, socket.gaierror) or isinstance(error, UnicodeError):
        return Problem.NAME
    return Problem.CONNECTION
