"""The product will not start unsafe: wrong database role, debug, default keys."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from tenants import isolation


def start(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, **environment},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


PRODUCTION = {
    "SCRM_ENV": "production",
    "SECRET_KEY": "x" * 50,
    "SCRM_MASTER_KEY": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY=",
    "DATABASE_URL": "postgres://a:b@127.0.0.1:9/c",
    "DATABASE_OWNER_URL": "postgres://a:b@127.0.0.1:9/c",
    "DATABASE_PLATFORM_URL": "postgres://a:b@127.0.0.1:9/c",
    "REDIS_URL": "redis://127.0.0.1:9/0",
}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"SECRET_KEY": ""}, "Set SECRET_KEY"),
        (
            {"SCRM_MASTER_KEY": "bG9jYWwtb25seS1tYXN0ZXIta2V5LTAxMjM0NTY3ODk="},
            "Set SCRM_MASTER_KEY",
        ),
        ({"SCRM_MASTER_KEY": "c2hvcnQ="}, "SCRM_MASTER_KEY, and each of"),
        ({"SCRM_OTHER_MASTER_KEYS": "no base64"}, "SCRM_MASTER_KEY, and each of"),
        ({"DEBUG": "1"}, "DEBUG must be off"),
        ({"DATABASE_URL": ""}, "Set DATABASE_URL"),
        ({"SCRM_ENV": "staging"}, "SCRM_ENV is"),
    ],
)
def test_production_refuses_unsafe_settings(change: dict[str, str], sentence: str) -> None:
    result = start("-c", "import scrm.settings", **{**PRODUCTION, **change})
    assert result.returncode != 0
    assert sentence in result.stderr


def test_production_settings_load_when_all_is_set() -> None:
    assert start("-c", "import scrm.settings", **PRODUCTION).returncode == 0


def test_web_refuses_the_owners_role() -> None:
    server, _slash, _name = os.environ["DATABASE_OWNER_URL"].rpartition("/")
    here = connections["default"].settings_dict["NAME"]
    result = start("-c", "import scrm.wsgi", DATABASE_URL=f"{server}/{here}")
    assert result.returncode != 0
    assert "owns tenant tables" in result.stderr


def test_what_web_loads_at_its_start_is_collected_no_more() -> None:
    here = connections["default"].settings_dict["NAME"]
    server, _slash, _name = os.environ["DATABASE_URL"].rpartition("/")
    told = (
        "import gc, sys, scrm.wsgi; print('analytics.api.assets' in sys.modules,"
        " len(gc.get_objects()) < gc.get_freeze_count())"
    )
    result = start("-c", told, DATABASE_URL=f"{server}/{here}")
    assert result.stdout.split() == ["True", "True"], result.stderr


def test_the_role_check_names_each_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    isolation.refuse_unsafe_role()

    monkeypatch.setattr(isolation, "connections", {"default": connections["platform"]})
    with pytest.raises(ImproperlyConfigured, match="has BYPASSRLS"):
        isolation.refuse_unsafe_role()
    monkeypatch.setattr(isolation, "connections", {"default": connections["owner"]})
    with pytest.raises(ImproperlyConfigured, match="owns tenant tables"):
        isolation.refuse_unsafe_role()
