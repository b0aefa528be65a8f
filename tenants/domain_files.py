"""How does the platform see that our domain is an app's? By a file at the root of the site.

The platform's console gives the file to whoever sets a domain, asks for it once, and again when
the domain changes. Only files that an administrator put here are answered: whoever could have any
file served could claim the domain for another corporation.
"""

from __future__ import annotations

import re
from typing import Final

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from tenants import auth
from tenants.models import WeChatAccount
from tenants.scope import scope

MOST_BYTES: Final = 200
_NAME = re.compile(r"(WW|MP)_verify_[A-Za-z0-9_-]{4,60}\.txt")
_TEXT = re.compile(r"[A-Za-z0-9_.=-]{1,200}")


def checked(name: str, content: bytes) -> tuple[str, str]:
    """Name and text of a file as the platform's console gives it. Raises ValidationError."""
    if not _NAME.fullmatch(name):
        raise ValidationError(
            _("The file of the platform is called WW_verify_….txt or MP_verify_….txt.")
        )
    text = content[: MOST_BYTES + 1].decode("ascii", "replace").strip()
    if not _TEXT.fullmatch(text):
        raise ValidationError(
            _("There is something else in this file. Download it again and choose it unchanged.")
        )
    return name, text


@require_safe
def serve(request: HttpRequest, token: str, kind: str) -> HttpResponse:
    """Plain text. When several accounts have the file, the first one's."""
    name = f"{kind}_verify_{token}.txt"
    for tenant_id in auth.tenants_with(name) if _NAME.fullmatch(name) else ():
        with scope(tenant_id):
            rows = WeChatAccount.objects.filter(domain_file=name, active=True, tenant__active=True)
            account = rows.order_by("id").first()
        if account is not None:
            return HttpResponse(account.domain_text, content_type="text/plain; charset=utf-8")
    raise Http404
