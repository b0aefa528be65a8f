"""The audit log: one call, one line, in the same transaction as the act.

A line stays for ever, also when somebody asks to be forgotten. So it names nobody: rows are
references, given a name when the line is read; words that people type lie beside it (AuditNote).
"""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce
from operator import or_

from django.db import models
from django.db.models import Q
from django.http import HttpRequest

from tenants.ids import encode
from tenants.models import ApiKey, AuditEntry, AuditNote, User

# Tables whose rows the business names itself, and may delete: their lines keep the name.
_named: set[type[models.Model]] = set()


def call_by_name(*tables: type[models.Model]) -> None:
    """Register, in apps.py: tables of things, never of people or of what people did."""
    _named.update(tables)


def reference(target: models.Model) -> str:
    """A row as lines point to it, also in their `detail`: table and opaque id."""
    return reference_to(type(target), target.pk)


def reference_to(table: type[models.Model], pk: int) -> str:
    return f"{table._meta.label_lower}:{encode(pk)}"


def record(
    action: str,
    target: models.Model | None = None,
    *,
    request: HttpRequest | None = None,
    reason: str = "",
    detail: dict[str, object] | None = None,
) -> None:
    """Write who did `action` (`noun.past_verb`), and the reason that they typed.

    `detail` holds names of fields, numbers, codes and references; never secrets, never words about
    people.
    """
    user = getattr(request, "user", None)
    api_key = getattr(request, "api_key", None)
    entry = AuditEntry.objects.create(
        action=action,
        target=reference(target) if target is not None else "",
        summary=str(target)[:300] if type(target) in _named else "",
        detail=detail or {},
        user=user if isinstance(user, User) else None,
        api_key=api_key if isinstance(api_key, ApiKey) else None,
        ip=request.META.get("REMOTE_ADDR") if request is not None else None,
    )
    if reason:
        AuditNote.objects.create(entry=entry, words=reason[:300])


def forget_words(about: Collection[str], words: Collection[str]) -> int:
    """Delete what was typed for lines about these references, or holds one of these words."""
    holding = (Q(words__icontains=word) for word in words)
    return AuditNote.objects.filter(reduce(or_, holding, Q(entry__target__in=about))).delete()[0]
