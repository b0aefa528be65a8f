"""The database of each worker: a copy of one that is migrated once in a run, by who comes first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connections

TEMPLATE = "test_scrm_template"
_LOCK = 20_711_018  # any number: of this server's locks, ours


def provide(name: str, *, keep: bool) -> None:
    """The owner's connection is to `name` from now on: fresh and migrated.

    With `keep` it is the database of the run before, with what is new migrated.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", "")
    if keep or not run:
        _migrate(name, keep=keep)
        return
    with _alone() as cursor:
        if _made_in(cursor) != run:
            _migrate(TEMPLATE, keep=False)
            connections["owner"].close()  # what somebody is connected to cannot be copied
            cursor.execute(f"COMMENT ON DATABASE {TEMPLATE} IS %s", [run])
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    settings.DATABASES["owner"]["NAME"] = connections["owner"].settings_dict["NAME"] = name


@contextmanager
def _alone() -> Iterator[Any]:
    """Other workers wait meanwhile."""
    # Of Django's own tests; the stubs do not know it.
    with connections["owner"].creation._nodb_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        yield cursor  # closing the connection lets go


def _made_in(cursor: Any) -> str | None:
    """The run that made the template; it is never used by another, so it cannot be outdated."""
    cursor.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
        [TEMPLATE],
    )
    found = cursor.fetchone()
    return found[0] if found else None


def _migrate(name: str, *, keep: bool) -> None:
    owner = connections["owner"]
    owner.settings_dict["TEST"]["NAME"] = name
    owner.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False, keepdb=keep)
