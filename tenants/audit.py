"""The audit log: one call, one line, in the same transaction as the act."""

from __future__ import annotations

from django.db import models
from django.http import HttpRequest

from tenants.ids import encode
from tenants.models import ApiKey, AuditEntry, User


def record(
    action: str,
    target: models.Model | None = None,
    *,
    request: HttpRequest | None = None,
    summary: str = "",
    detail: dict[str, object] | None = None,
) -> None:
    """Write who did `action` (`noun.past_verb`). `detail` holds names of fields, never secrets."""
    user = getattr(request, "user", None)
    api_key = getattr(request, "api_key", None)
    AuditEntry.objects.create(
        action=action,
        target=f"{target._meta.label_lower}:{encode(target.pk)}" if target is not None else "",
        summary=summary[:300] or (str(target)[:300] if target is not None else ""),
        detail=detail or {},
        user=user if isinstance(user, User) else None,
        api_key=api_key if isinstance(api_key, ApiKey) else None,
        ip=request.META.get("REMOTE_ADDR") if request is not None else None,
    )
