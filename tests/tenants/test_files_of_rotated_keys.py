"""Stored files when the tenant's key gets a new version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from tenants import key_rotation, resealing, storage, vault
from tests.conftest import Business

HEADER = 256


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def test_only_their_headers_are_sealed_again(business: Business, other_business: Business) -> None:
    with business.scope():
        name = default_storage.save(f"tenants/{business.pk}/a.csv", ContentFile(b"13812345678"))
        path = Path(default_storage.path(name))
        default_storage.save(f"tenants/{business.pk}/b.csv", ContentFile(b""))
        (path.parent / "plain.csv").write_bytes(b"from before")
        (path.parent / "broken.csv").write_bytes(path.read_bytes()[:40])
        assert storage.versions() == {1: 2}
    before = path.read_bytes()
    key_rotation.begin(business.pk)

    with business.scope():
        assert default_storage.open(name).read() == b"13812345678"
        assert storage.versions() == {1: 2}
        (holder,) = (each for each in resealing.holders() if each.name == "files")
        assert holder.reseal is not None
        assert holder.reseal(0) is None
        assert holder.versions() == {2: 2}
        assert default_storage.open(name).read() == b"13812345678"
        assert vault.keys().version == 2
    assert path.read_bytes()[HEADER:] == before[HEADER:]
    with other_business.scope():
        assert storage.versions() == {}
