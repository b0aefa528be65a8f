"""The CDNOW purchase history goes in whole: what the product says equals a sum over the file.

A tiny file of the same form always; the real one when the package `lifetimes` is installed or
CDNOW_FILE names it.
"""

from __future__ import annotations

import importlib.util
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from tenants import setup
from tenants.scope import scope
from tests import cdnow
from tests.conftest import Business

TINY = """\
 00001 19970101 1   11.77
 00002 19970112 1   12.00
 00002 19970112 5   77.00
 00003 19970102 2   20.76
 00003 19970330 2   20.76
 00003 19980528 1    0.00
"""


def real_file() -> Path | None:
    if "CDNOW_FILE" in os.environ:
        return Path(os.environ["CDNOW_FILE"])
    package = importlib.util.find_spec("lifetimes")
    folder = next(iter(package.submodule_search_locations or []), "") if package else ""
    return Path(folder) / "datasets" / "CDNOW_master.txt" if folder else None


def load(file: Path, folder: Path) -> Business:
    """A tenant that brought the file."""
    made = setup.create("CDNOW", "cdnow@example.com", zone=cdnow.ZONE, currency=cdnow.CURRENCY)
    paths = [str(path) for path in cdnow.write(file, folder).values()]
    call_command("load", *paths, tenant=made.tenant.slug)
    return Business(made.tenant, key=made.api_key)


def stored(business: Business) -> tuple[int, int, Decimal]:
    with business.scope(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT contact_id), count(*), sum(amount_fen - refund_fen) / 100.0 "
            "FROM contacts_order WHERE paid"
        )
        return tuple(cursor.fetchone())


def months(business: Business) -> dict[str, int]:
    rows: list[dict[str, Any]] = (
        business.api()
        .get("/api/v1/reports/value?group=month&from=1997-01-01&to=1998-08-01")
        .json()["rows"]
    )
    return {str(row["group"]): int(row["new_customers"]) for row in rows if row["new_customers"]}


def agrees(file: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    business, told = load(file, folder), cdnow.totals(file)

    assert stored(business) == (told.customers, told.orders, told.dollars)
    assert months(business) == told.newcomers
    funnel = business.api().get("/api/v1/reports/funnel?mode=cohort&from=1997-01-01&to=1998-08-01")
    reached = {stage["key"]: stage["reached"] for stage in funnel.json()["stages"]}
    assert reached["won"] == told.customers

    capsys.readouterr()
    call_command("load", *map(str, folder.glob("*.csv")), tenant=business.tenant.slug)
    again = capsys.readouterr().out
    assert f"created 0, updated 0, unchanged {told.orders}, rejected 0" in again
    assert f"created 0, updated 0, unchanged {told.customers}, rejected 0" in again
    with scope(business.tenant):
        assert stored(business) == (told.customers, told.orders, told.dollars)


def test_a_tiny_history_agrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tiny.txt"
    file.write_text(TINY)
    agrees(file, tmp_path / "csv", capsys)


@pytest.mark.skipif(real_file() is None, reason="the package lifetimes is not installed")
def test_the_real_history_agrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = real_file()
    assert file is not None
    agrees(file, tmp_path / "csv", capsys)
