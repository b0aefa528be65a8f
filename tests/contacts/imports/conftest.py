"""Bring a file in and see what became of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contacts import timeline
from contacts.imports import run
from contacts.models import Import
from tenants.scope import scope
from tests.conftest import Business

Load = Callable[..., Import]


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def load(business: Business) -> Load:
    """`load(kind, text or bytes, **options)` runs an import to its end."""

    def load(kind: str, content: str | bytes, name: str = "file.csv", **options: Any) -> Import:
        data = content.encode() if isinstance(content, str) else content
        with business.scope():
            job = run.bring(kind, io.BytesIO(data), name, **{"language": "en", **options})
            claimed = run.claim(job.pk)
        assert claimed is not None
        run.carry_out(business.tenant, claimed)
        with business.scope():
            job.refresh_from_db()
        return job

    return load


def counts(job: Import) -> tuple[int, int, int, int]:
    """created, updated, unchanged, rejected of an import that was done."""
    assert job.status == "done", (job.error_code, job.error_message)
    return job.created, job.updated, job.unchanged, job.rejected


def rejections(job: Import) -> list[dict[str, str]]:
    """The error file, row by row."""
    with scope(job.tenant_id), job.error_file.open("rb") as file:
        return list(csv.DictReader(io.StringIO(file.read().decode("utf-8-sig"))))


def reasons(job: Import) -> list[tuple[int, str, str]]:
    return [(int(row["line"]), row["column"], row["code"]) for row in rejections(job)]


def settle(business: Business) -> None:
    with business.scope():
        timeline.drain_all()
