"""How are keys replaced while people work? The master key wraps anew. A data key gets a new version
that seals everything again, in batches; old versions go when nothing needs them.

Where a rotation stands is in the database: more than one version of a key means that it is under
way, so whoever runs it again goes on. Keys of blind indexes stay as they are: see docs/keys.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

from tenants import resealing, vault
from tenants.models import Tenant, TenantKey
from tenants.resealing import Holder
from tenants.scope import scope

# What was sealed with an old version may be written a little later: rows that an import made ready,
# a file that is long in the writing.
KEPT: Final = timedelta(hours=1)
PATIENCE_S: Final = 30.0  # with transactions that are open when a version is to be removed


# --- the master key ---


@dataclass
class Wrapped:
    """Of all tenants: keys by what wraps them."""

    by_new: int = 0
    by_old: int = 0
    unreadable: list[str] = field(default_factory=list)  # short names of tenants


def wrap_anew(*, dry_run: bool) -> Wrapped:
    """Wrap every data key with the master key of the settings. What is counted stood before."""
    found = Wrapped()
    for tenant in Tenant.objects.order_by("id"):
        with scope(tenant):
            for key in TenantKey.objects.select_for_update().order_by("version"):
                try:
                    opened, master = vault.unwrap(tenant.pk, bytes(key.wrapped))
                except vault.Unreadable:
                    found.unreadable.append(tenant.slug)
                    continue
                found.by_new += master == 0
                found.by_old += master != 0
                if master and not dry_run:
                    key.wrapped = vault.wrap(tenant.pk, opened)
                    key.save(update_fields=["wrapped"])
    return found


# --- a tenant's data key ---


@dataclass(frozen=True)
class Standing:
    """What still needs an old version, by the place where it lies."""

    version: int  # seals
    old: list[int]
    since: datetime  # the newest version is from then
    behind: dict[str, int]

    @property
    def needed_by(self) -> str:
        return ", ".join(f"{number} in {name}" for name, number in self.behind.items())

    @property
    def removable_at(self) -> datetime:
        return self.since + KEPT


def begin(tenant_id: int) -> int:
    """The version that is to seal everything: a new one, unless a rotation is under way."""
    with scope(tenant_id):
        vault.keys()
    with scope(tenant_id):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('keys'), %s::int)", [tenant_id])
        stored = list(TenantKey.objects.order_by("version"))
        if len(stored) == 1:
            opened, _master = vault.unwrap(tenant_id, bytes(stored[0].wrapped))
            fresh = vault.wrap(tenant_id, vault.new_keys(vault.index_of(opened)))
            stored.append(TenantKey.objects.create(version=stored[0].version + 1, wrapped=fresh))
    with scope(tenant_id):
        vault.forget()
    return stored[-1].version


def standing(tenant_id: int) -> Standing:
    with scope(tenant_id):
        vault.keys()
        versions = TenantKey.objects.order_by("version").values_list("version", "created_at")
        *old, (version, since) = versions
        behind: dict[str, int] = {}
        for holder in resealing.holders():
            counted = holder.versions()
            number = counted.total() - counted[version]
            if number:
                behind[holder.name] = number
    return Standing(version, [each for each, _at in old], since, behind)


def reseal(tenant_id: int, *, told: Callable[[str], object] = lambda _line: None) -> Standing:
    """Outside scopes: seal everything with the newest version, while others read and write.

    Ends when nothing is left, or when a whole round that every process knew of changed nothing.
    """
    known_at = standing(tenant_id).since + timedelta(seconds=vault.LEARNS_WITHIN_S)
    left: dict[str, int] | None = None
    while True:
        began = timezone.now()
        for holder in resealing.holders():
            _walk(tenant_id, holder, told)
        now = standing(tenant_id)
        if began >= known_at and (not now.behind or now.behind == left):
            return now
        left = now.behind if began >= known_at else None
        time.sleep(max(0.05, min(2.0, (known_at - timezone.now()).total_seconds())))


def _walk(tenant_id: int, holder: Holder, told: Callable[[str], object]) -> None:
    place: int | None = 0
    while place is not None:
        with scope(tenant_id):
            place = holder.reseal(place)
        if place:
            told(f"{holder.name}: up to {place}")


class NotYet(Exception):  # noqa: N818 - reads as what happened
    """An old version may still be needed. `str()` says by what, or until when."""


def remove_old(tenant_id: int) -> list[int]:
    """Forget the versions that nothing needs any more; answers which. Raises NotYet."""
    now = standing(tenant_id)
    if not now.old:
        return []
    if timezone.now() < now.removable_at:
        raise NotYet(f"it may be in use until {now.removable_at:%Y-%m-%d %H:%M} UTC")
    _still_needed(now)
    # Whoever is at work may have read an old value, and write it back.
    if not _all_have_ended():
        raise NotYet("a transaction that began before is still open")
    _still_needed(standing(tenant_id))
    with scope(tenant_id):
        TenantKey.objects.filter(version__in=now.old).delete()
        vault.forget()
    return now.old


def _still_needed(now: Standing) -> None:
    if now.behind:
        raise NotYet(f"it is needed by {now.needed_by}")


def _all_have_ended() -> bool:
    """Wait for the transactions of the application's role that are open now."""
    deadline = time.monotonic() + PATIENCE_S
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
        while True:
            cursor.execute(
                "SELECT EXISTS (SELECT 1 FROM pg_stat_activity"
                " WHERE datname = current_database() AND xact_start < %s)",
                [moment],
            )
            (some,) = cursor.fetchone()
            if not some or time.monotonic() > deadline:
                return not some
            time.sleep(0.05)
