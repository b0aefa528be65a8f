"""Who is who: sign-in by e-mail, the tenants of a user, and API keys."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db import connection
from django.utils import timezone

from tenants import rows
from tenants.ids import encode, new_code, tenant_of_code
from tenants.models import ApiKey, Membership, SignInSettings, Tenant, User, WeChatAccount
from tenants.roles import Role
from tenants.scope import current_tenant_id, scope, tenant_id_or_none

_PREFIX = "scrm_"
VOUCHED = "vouched_by"  # in a session: the tenant whose corporation said who this is
_NOTED_EVERY = timedelta(minutes=1)  # the last use of a key


class EmailBackend(ModelBackend):
    """E-mail and password. What a user may do is the role's affair, not Django's tables'."""

    def has_perm(self, user_obj: object, perm: str, obj: object = None) -> bool:
        return isinstance(user_obj, User) and user_obj.has_perm(perm, obj)


@dataclass(frozen=True)
class Place:
    """A tenant that a user may enter, as what."""

    tenant: Tenant
    role: str

    @property
    def key(self) -> str:
        return encode(self.tenant.pk)

    @property
    def role_name(self) -> str:
        return str(Role(self.role).label)


def places_of(user: User) -> list[Place]:
    """The tenants of a user. Asked before any scope is open, so through the platform role."""
    places = Membership.all_tenants.using("platform").filter(user_id=user.pk, active=True)
    roles = dict(places.values_list("tenant_id", "role"))
    tenants = Tenant.objects.filter(id__in=roles, active=True).order_by("name")
    return [Place(tenant, roles[tenant.pk]) for tenant in tenants]


def places_of_session(user: User, session: Mapping[str, Any]) -> list[Place]:
    """Who was vouched for by a corporation is let into its business only: its administrators decide
    who stands behind a userid there, and must not come into other businesses of that person.
    """
    vouched = session.get(VOUCHED)
    return [place for place in places_of(user) if vouched in (None, place.tenant.pk)]


def wecom_doors(slug: str) -> list[WeChatAccount]:
    """The accounts through which members of this business sign in with WeCom; none when there is
    no such business. Asked by nobody in particular: in no scope but one of that business."""
    tenant = Tenant.objects.filter(slug=slug, active=True).first()
    if tenant is None or tenant_id_or_none() not in (None, tenant.pk):
        return []
    with scope(tenant):
        if not SignInSettings.of_tenant().wecom:
            return []
        accounts = WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True)
        return list(accounts.exclude(agent_id="").order_by("id"))


def tenants_with(domain_file: str) -> list[int]:
    """Whose accounts have a domain file of this name. Asked before any scope is open."""
    rows = WeChatAccount.all_tenants.using("platform").filter(domain_file=domain_file, active=True)
    return sorted(set(rows.values_list("tenant_id", flat=True)))


def digest(key: str) -> bytes:
    """Keys have 160 random bits: a plain hash cannot be guessed back."""
    return hashlib.sha256(key.encode()).digest()


def make_key(name: str, scopes: Iterable[str], days: int | None = None) -> tuple[ApiKey, str]:
    """A new key of the scope's tenant, and its text: shown once, never stored."""
    text = f"{_PREFIX}{new_code(current_tenant_id(), bits=40)}_{secrets.token_urlsafe(20)}"
    expires = timezone.now() + timedelta(days=days) if days else None
    key = ApiKey.objects.create(
        name=name, prefix=text[:16], digest=digest(text), scopes=sorted(scopes), expires_at=expires
    )
    return key, text


def tenant_of_key(text: str) -> int | None:
    """The tenant that a key claims; whether the key is real is asked inside its scope."""
    if not text.startswith(_PREFIX):
        return None
    return _tenant_of_code(text.removeprefix(_PREFIX).partition("_")[0])


# Of the part of a key that is no secret: its rest is not kept in memory.
_tenant_of_code = lru_cache(maxsize=1024)(tenant_of_code)


# Every request with a key asks this: key and tenant at once.
_LIVE_KEY = f"""
SELECT {rows.columns(ApiKey, "k")}, {rows.columns(Tenant, "t")}
FROM tenants_apikey k JOIN tenants_tenant t ON t.id = k.tenant_id
WHERE k.tenant_id = %s AND k.digest = %s AND k.revoked_at IS NULL
  AND (k.expires_at IS NULL OR k.expires_at > now()) AND t.active
"""  # noqa: S608 - names of columns


def find_key(text: str) -> ApiKey | None:
    """The live key of the scope's tenant with this text, and in its `tenant` the tenant; None, too,
    when that is closed. Notes the use of the key at most once a minute.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LIVE_KEY, [current_tenant_id(), digest(text)])
        row = cursor.fetchone()
    if row is None:
        return None
    key = rows.made(ApiKey, row)
    key.tenant = rows.made(Tenant, row[len(rows.names(ApiKey)) :])
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - _NOTED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def caller(request: object) -> str:
    """A stable name of who asks: for limits and stored answers."""
    key = getattr(request, "api_key", None)
    if key is not None:
        return f"key:{encode(key.pk)}"
    user = getattr(request, "user", None)
    return f"user:{user.pk}" if user is not None and user.pk else "nobody"
