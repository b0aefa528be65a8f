"""Was this POST made before? `Idempotency-Key`: one effect, and the same answer for 72 hours.

The effect and the kept answer are written in one transaction: either both are there or neither.
Refused requests keep nothing, for they had no effect. Keys belong to their caller.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import connection
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import auth
from tenants.models import StoredAnswer
from tenants.rest.errors import Conflict, Stored, Unprocessable, invalid
from tenants.scope import current_tenant_id

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=72)
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True)
class Claim:
    """A key that this request holds until its transaction ends."""

    caller: str
    key: str
    fingerprint: bytes


def begin(request: Request) -> Claim | None:
    """Take the request's key. Raises Stored when it has an answer, 409 while it runs elsewhere."""
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST":
        return None
    if not _KEY.fullmatch(key):
        raise invalid(**{HEADER: _("Write 1 to 200 visible ASCII characters.")})
    claim = Claim(auth.caller(request), key, _fingerprint(request))
    if not _alone(claim):
        raise Conflict(_("A request with this key is being carried out."), "in_progress")
    before = StoredAnswer.objects.filter(caller=claim.caller, key=key).first()
    if before is None:
        return claim
    if before.created_at < timezone.now() - KEPT:
        before.delete()
        return claim
    if bytes(before.fingerprint) != claim.fingerprint:
        raise Unprocessable(_("This key was used for another request."), "key_reused")
    raise Stored(_again(before))


def keep(claim: Claim, response: HttpResponseBase) -> None:
    """Store the answer beside its effect. It must be rendered, and no stream."""
    if response.status_code >= 400 or response.streaming:
        return
    if isinstance(response, Response):
        response.render()
    if not isinstance(response, HttpResponse):
        return
    StoredAnswer.objects.create(
        caller=claim.caller,
        key=claim.key,
        fingerprint=claim.fingerprint,
        status=response.status_code,
        body=response.content,
        content_type=response.headers.get("Content-Type", "application/json"),
    )


def _again(answer: StoredAnswer) -> HttpResponse:
    return HttpResponse(
        bytes(answer.body),
        status=answer.status,
        content_type=answer.content_type,
        headers={"Idempotent-Replayed": "true"},
    )


def _alone(claim: Claim) -> bool:
    """A lock in the database that ends with the transaction, however the process ends."""
    text = f"{current_tenant_id()}|{claim.caller}|{claim.key}"
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        return bool(cursor.fetchone()[0])


def _fingerprint(request: Request) -> bytes:
    found = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if (request.content_type or "").startswith("multipart/"):
        fields: Any = request.data
        for name, value in sorted(fields.items()):
            found.update(f"{name}\0".encode())
            if isinstance(value, UploadedFile):
                for chunk in value.chunks():
                    found.update(chunk)
                value.seek(0)
            else:
                found.update(str(value).encode())
    else:
        found.update(request._request.body)  # noqa: SLF001 - the bytes as they came
    return found.digest()
