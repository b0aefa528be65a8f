"""Fixtures: one real database a worker, real commits, tenants of one's own in every test.

Nothing is truncated and no test runs inside a transaction: each test makes its own tenants, and
isolation keeps them apart, as in production.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
import redis as redis_package
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.utils import translation
from rest_framework.test import APIClient

from tenants import auth, setup
from tenants.models import Membership, Staff, Tenant, User
from tenants.roles import Can, Role
from tenants.scope import scope
from tests import databases

pytest_plugins = ["tests.wechat_fixtures", "tests.official_fixtures"]

_number = itertools.count(1)
PASSWORD = "correct horse battery"
C = TypeVar("C", bound=Client)


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Ours below."""


@pytest.fixture(scope="session", autouse=True)
def database(django_db_blocker: Any, request: pytest.FixtureRequest) -> Iterator[None]:
    """A fresh database for this worker: migrated by the owner, used through the plain roles.

    With --reuse-db the one of the run before, with what is new migrated: quick for one test.
    """
    if not settings.SERVERS_KNOWN:
        pytest.exit("No database: run `make test`, or `python -m scrm.local exec -- pytest …`.", 2)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with django_db_blocker.unblock():
        name = f"test_scrm_{worker}"
        for alias in ("default", "platform"):
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = name
        # Tests sign in often; how slow a hash is, is Django's affair and not tested here.
        settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
        option = request.config.getvalue
        databases.provide(name, keep=option("reuse_db") and not option("create_db"))
        # Found one by one: else each test client lists all static files at its first request.
        settings.WHITENOISE_AUTOREFRESH = True
        settings.TOUCH_GATHER_S = 0  # what is due together is; that it waits has its own tests
        _own_redis_database(worker)
        yield
        for connection in connections.all():
            connection.close()


def _own_redis_database(worker: str) -> None:
    """Each worker has a Redis database of its own, empty at the start."""
    number = 1 + int(worker.removeprefix("gw")) % 15 if worker.startswith("gw") else 0
    base = (
        settings.REDIS_URL.rsplit("/", 1)[0]
        if settings.REDIS_URL.count("/") > 2
        else settings.REDIS_URL
    )
    settings.REDIS_URL = f"{base}/{number}"
    settings.CACHES["default"]["LOCATION"] = settings.REDIS_URL
    redis_package.Redis.from_url(settings.REDIS_URL).flushdb()
    cache.close()


@dataclass
class Business:
    """A tenant with a member of every role, and an API key with every scope."""

    tenant: Tenant
    users: dict[str, User] = field(default_factory=dict)
    staff: dict[str, Staff] = field(default_factory=dict)
    key: str = ""

    @property
    def pk(self) -> int:
        return self.tenant.pk

    def scope(self) -> Any:
        return scope(self.tenant)

    def move_to(self, zone: str) -> None:
        """Its days begin at this zone's midnights from now on."""
        self.tenant.zone = zone
        self.tenant.save(update_fields=["zone"])
        self.tenant.__dict__.pop("tz", None)  # cached

    def api(self, key: str | None = None) -> APIClient:
        """A client with the tenant's API key (or another one)."""
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {key or self.key}")
        return client

    def as_role(self, role: str) -> APIClient:
        """The member with this role, signed in, asking in JSON."""
        return self._signed_in(role, APIClient())

    def browser(self, role: str, language: str = "en") -> Client:
        """The member with this role, signed in, posting forms."""
        return self._signed_in(role, Client(headers={"Accept-Language": language}))

    def _signed_in(self, role: str, client: C) -> C:
        client.force_login(self.users[role])
        session = client.session
        session["tenant"] = self.tenant.pk
        session.save()
        return client


def make_business(name: str = "") -> Business:
    number = f"{os.getpid()}-{next(_number)}"
    tenant = Tenant.objects.create(name=name or f"Business {number}", slug=f"business-{number}")
    business = Business(tenant)
    with scope(tenant):
        for role in Role.values:
            user = User(email=f"{role}-{number}@example.com", name=role.title())
            user.set_password(PASSWORD)
            business.users[role] = user
            business.staff[role] = Staff(userid=f"{role}1", name=role.title())
        User.objects.bulk_create(business.users.values())
        Staff.objects.bulk_create(business.staff.values())
        Membership.objects.bulk_create(
            Membership(user=business.users[role], role=role, staff=business.staff[role])
            for role in Role.values
        )
        _key, business.key = auth.make_key("tests", list(Can))
        setup.start()
    return business


@pytest.fixture
def in_english() -> Iterator[None]:
    """What is said in these tests is compared word by word."""
    with translation.override("en"):
        yield


@pytest.fixture
def business() -> Business:
    return make_business()


@pytest.fixture
def other_business() -> Business:
    return make_business()


@pytest.fixture
def tenant(business: Business) -> Iterator[Tenant]:
    """A tenant whose scope is open during the test (one transaction, committed at its end)."""
    with scope(business.tenant):
        yield business.tenant
