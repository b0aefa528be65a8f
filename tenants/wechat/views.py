"""Where do WeChat's callbacks come in? Verified and stored here; read elsewhere."""

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from tenants import doorbell
from tenants.ids import tenant_of_code
from tenants.models import Callback, WeChatAccount
from tenants.scope import scope
from tenants.wechat.accounts import callback_keys_of
from tenants.wechat.callback import (
    MAX_BODY,
    WINDOW_S,
    CallbackKeys,
    CallbackRefused,
    answer_echo,
    open_envelope,
)

logger = logging.getLogger(__name__)

_SEEN_STEP = timedelta(minutes=1)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def callback(request: HttpRequest, code: str) -> HttpResponse:
    """The door of one account. 200 is answered only after the callback is stored."""
    tenant_id = tenant_of_code(code)
    if tenant_id is None:
        return _text("", 404)
    body = request.read(MAX_BODY + 1) if request.method == "POST" else b""
    try:
        with scope(tenant_id):
            account = _account(code)
            if account is None:
                return _text("", 404)
            if request.method == "GET":
                echo = _echo(callback_keys_of(account), request)
                WeChatAccount.objects.filter(pk=account.pk).update(echoed_at=timezone.now())
                return _text(echo, 200)
            _store(account, request, body)
    except CallbackRefused as refusal:
        # No part of the request goes into the log: any of it may be secret or forged.
        logger.warning(
            "callback refused: %s, account %s, %d bytes", refusal.reason, code, len(body)
        )
        return _text("", refusal.status)
    return _text("success", 200)


def _account(code: str) -> WeChatAccount | None:
    open_doors = WeChatAccount.objects.filter(active=True, tenant__active=True)
    account: WeChatAccount | None = open_doors.filter(code=code).first()
    return account


def _echo(keys: CallbackKeys, request: HttpRequest) -> bytes:
    return answer_echo(keys, request.GET.dict(), now=time.time(), window=_window())


def _store(account: WeChatAccount, request: HttpRequest, body: bytes) -> None:
    keys = callback_keys_of(account)
    opened = open_envelope(keys, request.GET.dict(), body, now=time.time(), window=_window())
    row = Callback(account=account, digest=opened.digest, body=opened.body)
    Callback.objects.bulk_create([row], ignore_conflicts=True)
    _note_sign_of_life(account)
    doorbell.ring("callbacks")


def _note_sign_of_life(account: WeChatAccount) -> None:
    # Once a minute: a burst must not queue up behind one row.
    now = timezone.now()
    if account.last_callback_at is None or now - account.last_callback_at > _SEEN_STEP:
        WeChatAccount.objects.filter(pk=account.pk).update(last_callback_at=now)


def _window() -> float:
    return float(getattr(settings, "WECHAT_CALLBACK_WINDOW_S", WINDOW_S))


def _text(content: bytes | str, status: int) -> HttpResponse:
    """Plain text, and never sniffed into anything else: the echo repeats what was sent."""
    return HttpResponse(
        content,
        status=status,
        content_type="text/plain; charset=utf-8",
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
    )
