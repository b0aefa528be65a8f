"""Who is calling the API: an API key, or a signed-in member in a browser.

The middleware has found the tenant and opened its scope before any view; these classes only tell
DRF what it found.
"""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from tenants.models import ApiKey, User


class ByApiKey(BaseAuthentication):
    """`Authorization: Bearer <key>`. The key's tenant is the scope's."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        if "Authorization" not in request.headers:
            return None
        key = getattr(request._request, "api_key", None)  # noqa: SLF001 - DRF's name for Django's request
        if not isinstance(key, ApiKey):
            raise AuthenticationFailed(_("This API key is not valid."))
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class BySession(SessionAuthentication):
    """A member signed in to a tenant; writes need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        user = getattr(request._request, "user", None)  # noqa: SLF001 - DRF's name for Django's request
        if getattr(request, "tenant", None) is None or not isinstance(user, User):
            return None
        self.enforce_csrf(request)
        return user, None
