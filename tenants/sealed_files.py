"""Files at rest: sealed chunk by chunk, readable from any place, in little memory.

A stored file begins with a header: a mark, a random id, and a key of its own that is sealed with
the tenant's (vault.py). Behind it lie chunks of 1 MiB, each sealed with that key (AES-256-GCM) and
bound to tenant, file, its number, and whether it is the last. So what was cut short, put in another
order, or brought from another file or tenant does not open: `vault.Unreadable`.
"""

from __future__ import annotations

import base64
import binascii
import errno
import io
import os
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, Self, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tenants import vault
from tenants.scope import current_tenant_id

CHUNK: Final = 1 << 20
_TAG: Final = 16
_MARK: Final = b"\0scrm\0f1"  # no text and no archive begins like this
_ID: Final = 16
_HEADER: Final = 256
_READ_AHEAD: Final = 1 << 18

# Opens the file anew each time; for use outside scopes too.
Source = Callable[[], BinaryIO]


@dataclass(frozen=True, eq=False)
class _Lock:
    """Seals and opens the chunks of one file, from the byte `start` on."""

    key: AESGCM
    bound: bytes
    start: int

    def close(self, data: bytes, number: int, *, last: bool) -> bytes:
        place = _place(number, last=last)
        return self.key.encrypt(place, data, self.bound + place)

    def open(self, sealed: bytes, number: int, *, last: bool) -> bytes:
        place = _place(number, last=last)
        try:
            return self.key.decrypt(place, sealed, self.bound + place)
        except InvalidTag:
            raise vault.Unreadable("The file was changed, cut short, or is another one.") from None


def _place(number: int, *, last: bool) -> bytes:
    """Where a chunk belongs. As each file has its own key, this may be the nonce, too."""
    return number.to_bytes(11) + bytes([last])


class _Writer(io.RawIOBase):
    """Seals what is written to it; `close` writes the last chunk."""

    def __init__(self, file: BinaryIO, lock: _Lock) -> None:
        self._file, self._lock = file, lock
        self._held, self._number = bytearray(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        while len(self._held) > CHUNK:  # one is held back: it may be the last
            self._put(bytes(self._held[:CHUNK]), last=False)
            del self._held[:CHUNK]
        return len(data)

    def close(self) -> None:
        if not self.closed:
            with self._file:
                self._put(bytes(self._held), last=True)
        super().close()

    def _put(self, data: bytes, *, last: bool) -> None:
        self._file.write(self._lock.close(data, self._number, last=last))
        self._number += 1


class _Reader(io.RawIOBase):
    """Opens one chunk at a time. What was cut short is refused at once, by its last chunk."""

    def __init__(self, file: BinaryIO, lock: _Lock) -> None:
        self._file, self._lock = file, lock
        sealed = os.fstat(file.fileno()).st_size - lock.start
        self._chunks = max(1, -(-sealed // (CHUNK + _TAG)))
        self._size = sealed - self._chunks * _TAG
        self._at, self._held = 0, (-1, b"")
        self._chunk(self._chunks - 1)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._size:
            return 0
        number, offset = divmod(self._at, CHUNK)
        data = self._chunk(number)[offset : offset + len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "Nothing lies before the beginning of a file.")
        self._at = base + offset
        return self._at

    def close(self) -> None:
        self._file.close()
        super().close()

    def _chunk(self, number: int) -> bytes:
        if self._held[0] != number:
            place = self._lock.start + number * (CHUNK + _TAG)
            sealed = os.pread(self._file.fileno(), CHUNK + _TAG, place)
            last = number == self._chunks - 1
            self._held = number, self._lock.open(sealed, number, last=last)
        return self._held[1]


def _writing(file: BinaryIO, lock: _Lock) -> BinaryIO:
    return cast("BinaryIO", _Writer(file, lock))


def _reading(file: BinaryIO, lock: _Lock) -> BinaryIO:
    try:
        return cast("BinaryIO", io.BufferedReader(_Reader(file, lock), _READ_AHEAD))
    except BaseException:
        file.close()
        raise


# --- kept files ---


def create(path: Path) -> BinaryIO:
    """Inside a scope: write the file anew, sealed with the tenant's key; close() ends it."""
    file_id, key = os.urandom(_ID), AESGCM.generate_key(256)
    file = path.open("wb")
    file.write(_header(file_id, base64.b64encode(key).decode()))
    return _writing(file, _lock(file_id, key))


def source(path: Path) -> Source:
    """Inside a scope: how to read a file of its tenant, then and later.

    A file without our header is from before files were sealed, and read as it is.
    """
    found = _read_header(path)
    if found is None:
        return lambda: path.open("rb")
    file_id, sealed = found
    lock = _lock(file_id, base64.b64decode(_opened(file_id, sealed)))
    return lambda: _reading(path.open("rb"), lock)


def version_of(path: Path) -> int | None:
    """Which version of the tenant's key the file needs; None when it needs none."""
    found = _read_header(path)
    return vault.version_of(found[1]) if found else None


def reseal(path: Path) -> None:
    """Inside a scope: let the file need the newest version only. What is in it stays as it lies."""
    found = _read_header(path)
    if found is not None:
        file_id, sealed = found
        with path.open("r+b", buffering=0) as file:
            file.write(_header(file_id, _opened(file_id, sealed)))


def _header(file_id: bytes, key: str) -> bytes:
    sealed = vault.seal(key, _bound_to(file_id))
    return (_MARK + file_id + sealed.encode()).ljust(_HEADER, b"\0")


def _read_header(path: Path) -> tuple[bytes, str] | None:
    """The file's id and its sealed key."""
    with path.open("rb") as file:
        header = file.read(_HEADER)
    if not header.startswith(_MARK):
        return None
    if len(header) < _HEADER:
        raise vault.Unreadable("The file was cut short.")
    file_id, sealed = header[len(_MARK) :][:_ID], header[len(_MARK) + _ID :]
    return file_id, sealed.rstrip(b"\0").decode("ascii", "replace")


def _opened(file_id: bytes, sealed: str) -> str:
    try:
        return vault.unseal(sealed, _bound_to(file_id))
    except binascii.Error:
        raise vault.Unreadable("The file's header was changed.") from None


def _bound_to(file_id: bytes) -> str:
    return f"file:{file_id.hex()}"


def _lock(file_id: bytes, key: bytes) -> _Lock:
    return _Lock(AESGCM(key), b"%d:%s:" % (current_tenant_id(), file_id), _HEADER)


# --- files for a while ---


class Scratch:
    """Room for what is being worked on. It has no name, and its key is nowhere but in memory: a
    process that dies leaves nothing to be read. `writer` begins anew; then `open`, often.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - close() closes it
        self.close = weakref.finalize(self, self._file.close)

    def writer(self) -> BinaryIO:
        self._file.seek(0)
        self._file.truncate()
        self._lock = _Lock(AESGCM(AESGCM.generate_key(256)), b"scratch:", 0)
        return _writing(self._again("wb"), self._lock)

    def open(self) -> BinaryIO:
        return _reading(self._again("rb"), self._lock)

    def _again(self, mode: str) -> BinaryIO:
        return cast("BinaryIO", os.fdopen(os.dup(self._file.fileno()), mode))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
