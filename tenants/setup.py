"""How a tenant comes into being: its owner, its key, and what each app starts it with."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.text import slugify

from tenants import audit, auth, vault
from tenants.models import Membership, Staff, Tenant, User
from tenants.roles import Can, Role
from tenants.scope import scope

_starters: list[Callable[[], object]] = []


def at_start(starter: Callable[[], object]) -> None:
    """Register, in apps.py, what a new tenant begins with. Runs inside its scope."""
    _starters.append(starter)


@dataclass(frozen=True)
class Created:
    tenant: Tenant
    owner: User
    api_key: str
    password: str | None  # of a user made here; None when the person existed


def create(
    name: str,
    owner_email: str,
    *,
    zone: str = "Asia/Shanghai",
    currency: str = "CNY",
    slug: str = "",
    owner_name: str = "",
    language: str = settings.LANGUAGE_CODE,
) -> Created:
    """Make a tenant, its owner (found by e-mail, or made with a random password), an API key.

    What the tenant starts with is named in `language`: names are its data from then on.
    """
    name = unicodedata.normalize("NFC", name.strip())
    with transaction.atomic():
        tenant = Tenant(name=name, slug=slug or _free_slug(name), zone=zone, currency=currency)
        tenant.full_clean()
        tenant.save()
        owner, password = person(owner_email, owner_name)
        with scope(tenant):
            staff = Staff.objects.create(
                userid="owner", name=owner.name or owner_email.partition("@")[0]
            )
            Membership.objects.create(user=owner, role=Role.OWNER, staff=staff)
            _key, text = auth.make_key("first key", list(Can))
            start(language)
            audit.record("tenant.created", tenant)
    return Created(tenant, owner, text, password)


def start(language: str = settings.LANGUAGE_CODE) -> None:
    """Inside a scope: give the tenant its key, and what each app starts it with."""
    vault.keys()
    with translation.override(language):
        for starter in _starters:
            starter()


def person(email: str, name: str = "") -> tuple[User, str | None]:
    """The user with this e-mail; when there is none, a new one and their random password."""
    found = User.objects.filter(email=email.strip().lower()).first()
    if found is not None:
        return found, None
    password = secrets.token_urlsafe(12)
    return User.objects.create_user(email.strip(), password, name=name), password


def _free_slug(name: str) -> str:
    base = slugify(name)[:40] or "tenant"
    taken = set(Tenant.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    number = 1
    slug = base
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    return slug
