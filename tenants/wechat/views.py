"""Where do WeChat's callbacks come in? Verified and stored here; read elsewhere."""

import logging
import time
from contextlib import suppress

from django.conf import settings
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from tenants.wechat import inbox
from tenants.wechat.callback import (
    MAX_BODY,
    WINDOW_S,
    CallbackRefused,
    answer_echo,
    open_envelope,
)
from tenants.wechat.inbox import Door

logger = logging.getLogger(__name__)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def callback(request: HttpRequest, code: str) -> HttpResponse:
    """The door of one account. 200 is answered only after the callback is stored."""
    body = request.read(MAX_BODY + 1) if request.method == "POST" else b""
    try:
        answer = _echo(request, code) if request.method == "GET" else _taken(request, code, body)
    except CallbackRefused as refusal:
        # No part of the request goes into the log: any of it may be secret or forged.
        logger.warning(
            "callback refused: %s, account %s, %d bytes", refusal.reason, code, len(body)
        )
        return _text(b"", refusal.status)
    return _text(b"", 404) if answer is None else _text(answer, 200)


def _echo(request: HttpRequest, code: str) -> bytes | None:
    """None: there is no such door."""
    door = inbox.read(code)
    if door is None:
        return None
    echo = answer_echo(door.keys, request.GET.dict(), now=time.time(), window=_window())
    inbox.note_echo(door)
    return echo


def _taken(request: HttpRequest, code: str, body: bytes) -> bytes | None:
    """None: there is no such door."""
    door = inbox.remembered(code)
    if door is not None:
        # What does not fit any more may fit the account as it is now.
        with suppress(CallbackRefused, IntegrityError):
            return _stored(door, request, body)
    door = inbox.read(code)
    return None if door is None else _stored(door, request, body)


def _stored(door: Door, request: HttpRequest, body: bytes) -> bytes:
    query = request.GET.dict()
    opened = open_envelope(door.keys, query, body, now=time.time(), window=_window())
    inbox.store(door, opened)
    return b"success"


def _window() -> float:
    return float(getattr(settings, "WECHAT_CALLBACK_WINDOW_S", WINDOW_S))


def _text(content: bytes, status: int) -> HttpResponse:
    """Plain text, and never sniffed into anything else: the echo repeats what was sent."""
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Content-Length": str(len(content)),
    }
    return HttpResponse(
        content, status=status, content_type="text/plain; charset=utf-8", headers=headers
    )
