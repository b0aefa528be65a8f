"""Where uploaded and made files lie: sealed, under MEDIA_ROOT; and uploads on their way there."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from io import SEEK_END
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.db.models.fields.files import FieldFile

from tenants import sealed_files, vault
from tenants.scope import current_tenant_id

log = logging.getLogger(__name__)


class _Stored(File):
    """Django's own would be opened again by its path."""

    def __init__(self, made: sealed_files.Source, name: str) -> None:
        self._made = made
        super().__init__(made(), name)

    def open(self, *_: Any, **__: Any) -> Self:
        if self.closed:
            self.file = self._made()
        self.seek(0)
        return self


class SealedStorage(FileSystemStorage):
    """Seals what is saved and opens what is read, with the key of the scope's tenant."""

    def _save(self, name: str, content: Any) -> str:
        # A name that nobody else has.
        taken: str = super()._save(name, ContentFile(b""))  # type: ignore[misc] # not in the stubs
        try:
            with sealed_files.create(Path(self.path(taken))) as file:
                for chunk in content.chunks():
                    file.write(chunk)
        except BaseException:
            self.delete(taken)
            raise
        return taken

    def _open(self, name: str, mode: str = "rb") -> File:
        if mode != "rb":
            raise ValueError("Stored files are only read; save another one instead.")
        return _Stored(source(self.path(name)), name)

    def size(self, name: str) -> int:
        with self.open(name) as file:
            file.seek(0, SEEK_END)
            return int(file.tell())


def source(file: FieldFile | str) -> sealed_files.Source:
    """Inside a scope: how to read a stored file (or path), then and later, outside scopes too.

    Raises FileNotFoundError, or vault.Unreadable for what is not this tenant's or was changed.
    """
    return sealed_files.source(Path(file if isinstance(file, str) else file.path))


# --- the versions of the tenant's key that files need (resealing.py) ---


def versions() -> Counter[int]:
    """Inside a scope: how many of its tenant's files need which."""
    found: Counter[int] = Counter()
    for path in _files():
        with suppress(
            FileNotFoundError, vault.Unreadable
        ):  # removed meanwhile; of no use to anybody
            version = sealed_files.version_of(path)
            found.update([version] if version else ())
    return found


def reseal(_after: int) -> None:
    """Inside a scope: all at once, as only headers change. What does not open stays as it is."""
    newest = vault.keys().version
    for path in _files():
        try:
            if sealed_files.version_of(path) != newest:
                sealed_files.reseal(path)
        except FileNotFoundError:
            continue
        except vault.Unreadable:
            log.warning("%s does not open", path)


def _files() -> Iterator[Path]:
    folder = Path(settings.MEDIA_ROOT) / "tenants" / str(current_tenant_id())
    return (path for path in folder.rglob("*") if path.is_file())


# --- uploads ---


class UploadHandler(FileUploadHandler):
    """Keeps an upload in a Scratch until the request is over: nothing of it lies open on a disk."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._scratch = sealed_files.Scratch()
        self._writer = self._scratch.writer()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._writer.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile:
        with self._scratch as scratch:
            self._writer.close()
            return UploadedFile(
                scratch.open(), self.file_name, self.content_type, file_size, self.charset,
                self.content_type_extra,
            )  # fmt: skip

    def upload_interrupted(self) -> None:
        if hasattr(self, "_scratch"):
            self._writer.close()
            self._scratch.close()
