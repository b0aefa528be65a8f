"""The audit log: one call, one line, in the same transaction as the act."""

from __future__ import annotations

from django.db import models
from django.http import HttpRequest

from tenants.ids import encode
from tenants.models import ApiKey, AuditEntry, User

# Tables whose rows are called as a person is: the log outlives whoever asks to be forgotten.
_nameless: set[type[models.Model]] = set()


def call_by_number(*tables: type[models.Model]) -> None:
    """Register, in apps.py: entries about these rows name them by their opaque id."""
    _nameless.update(tables)


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
        summary=_called(target, summary)[:300],
        detail=detail or {},
        user=user if isinstance(user, User) else None,
        api_key=api_key if isinstance(api_key, ApiKey) else None,
        ip=request.META.get("REMOTE_ADDR") if request is not None else None,
    )


def _called(target: models.Model | None, summary: str) -> str:
    if target is None:
        return summary
    name = str(target)
    if type(target) in _nameless and summary in ("", name, getattr(target, "external_id", None)):
        return encode(target.pk)
    return summary or name
