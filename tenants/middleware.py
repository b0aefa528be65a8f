"""The HTTP door: gives a request its id, its tenant, and one transaction around everything."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from urllib.parse import quote

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from rest_framework.request import Request

from tenants import auth
from tenants.models import Tenant, User
from tenants.scope import scope
from tenants.wechat.views import callback

_log = logging.getLogger("scrm.access")
GetResponse = Callable[[HttpRequest], HttpResponse]
# Doors where who is signed in does not matter: links and callbacks open their own tenant's scope.
PUBLIC = ("/static/", "/l/", "/q/", "/wechat/", "/WW_verify_", "/MP_verify_")
_CALLBACK = re.compile(r"/wechat/(?P<code>[^/]+)")  # as in scrm/urls.py
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


def request_id(get_response: GetResponse) -> GetResponse:
    """Every answer carries X-Request-ID: the caller's, when it is harmless, or a new one."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request.id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        response = get_response(request)
        response["X-Request-ID"] = request.id  # type: ignore[attr-defined]
        return response

    return middleware


def access_log(get_response: GetResponse) -> GetResponse:
    """One line for each request. Never its query: codes of sign-ins may stand there."""

    def middleware(request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = get_response(request)
        took = (time.perf_counter() - began) * 1000
        path = quote(request.path)  # a line break in it must not begin a line of the log
        id = request.id  # type: ignore[attr-defined] # set by request_id
        _log.info("%s %s %d %.0f ms %s", request.method, path, response.status_code, took, id)
        return response

    return middleware


def callbacks_first(get_response: GetResponse) -> GetResponse:
    """Callbacks go to their view at once: a machine has no session, language, user or messages, and
    a burst would pay for them thousands of times."""

    def middleware(request: HttpRequest) -> HttpResponse:
        asked = _CALLBACK.fullmatch(request.path_info)
        return callback(request, asked["code"]) if asked else get_response(request)

    return middleware


def tenant_of(request: HttpRequest | Request) -> Tenant:
    """The tenant whose scope is open; whoever is let in has one."""
    tenant: Tenant = getattr(request, "tenant")  # noqa: B009 - set below
    return tenant


class TenantScope:
    """Opens the scope of the signed-in user's tenant or of the API key, around view and rendering.

    The tenant comes from the session (checked against the membership) or from the key, never
    from a header or a body.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.tenant = None  # type: ignore[attr-defined]
        request.api_key = None  # type: ignore[attr-defined]
        if request.path.startswith(PUBLIC):
            return self.get_response(request)
        # A key opens the API and nothing else: pages are for people.
        bearer = _bearer(request) if request.path.startswith("/api/") else None
        if bearer is not None:
            return self._as_key(request, bearer)
        return self._as_user(request)

    def _as_key(self, request: HttpRequest, text: str) -> HttpResponse:
        tenant_id = auth.tenant_of_key(text)
        if tenant_id is not None:
            with scope(tenant_id):
                key = auth.find_key(text)
                if key is not None:
                    request.api_key = key  # type: ignore[attr-defined]
                    request.tenant = key.tenant  # type: ignore[attr-defined]
                    return self._private(request, key.tenant)
        return self.get_response(request)

    def _as_user(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        tenant_id = request.session.get("tenant") if user.is_authenticated else None
        tenant = Tenant.objects.filter(pk=tenant_id, active=True).first() if tenant_id else None
        if tenant is None or not isinstance(user, User):
            return self.get_response(request)
        with scope(tenant):
            if user.membership is None:
                request.session.pop("tenant", None)
                return self.get_response(request)
            request.tenant = tenant  # type: ignore[attr-defined]
            if user.language and not request.COOKIES.get("scrm_language"):
                translation.activate(user.language)
                request.LANGUAGE_CODE = user.language
            return self._private(request, tenant)

    def _private(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        with timezone.override(tenant.tz):
            response = self.get_response(request)
        response.setdefault("Cache-Control", "private, no-store")
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """An error undoes all that the request wrote."""
        if transaction.get_connection().in_atomic_block:
            transaction.set_rollback(True)


def _bearer(request: HttpRequest) -> str | None:
    kind, _sep, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if kind.lower() == "bearer" else None
