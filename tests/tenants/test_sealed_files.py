"""Files at rest: they come back as they were; what was touched, or is another's, does not open."""

from __future__ import annotations

import io
import os
import random
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.test import RequestFactory

from tenants import storage, vault
from tenants.sealed_files import CHUNK, Scratch
from tests.conftest import Business

STORED = CHUNK + 16  # a chunk with its tag
HEADER = 256
PHONE = b"13812345678"


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


def kept(business: Business, content: bytes) -> tuple[str, Path]:
    with business.scope():
        name = default_storage.save("tenants/1/imports/a.csv", ContentFile(content))
        return name, Path(default_storage.path(name))


def read(business: Business, name: str) -> bytes:
    with business.scope(), default_storage.open(name) as file:
        return bytes(file.read())


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK - 7])
def test_round_trip(business: Business, size: int) -> None:
    content = random.Random(size).randbytes(size)

    name, path = kept(business, content)

    assert read(business, name) == content
    with business.scope():
        assert default_storage.size(name) == size
    stored = path.read_bytes()
    assert len(stored) == HEADER + size + 16 * max(1, -(-size // CHUNK))
    assert size < 64 or content[:64] not in stored


def test_any_place_can_be_read(business: Business) -> None:
    content = random.Random(1).randbytes(2 * CHUNK + 500)
    name, _path = kept(business, content)
    chance = random.Random(2)

    with business.scope(), default_storage.open(name) as file:
        for _ in range(50):
            start, length = chance.randrange(len(content) + 10), chance.randrange(200_000)
            file.seek(start)
            assert file.read(length) == content[start : start + length]
            assert file.tell() == max(start, min(start + length, len(content)))
        file.seek(-5, io.SEEK_END)
        assert file.read() == content[-5:]


def test_an_archive_is_read_in_place(business: Business) -> None:
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("big", random.Random(3).randbytes(2 * CHUNK))
        archive.writestr("small", PHONE)
    name, path = kept(business, book.getvalue())

    with business.scope(), default_storage.open(name) as file, zipfile.ZipFile(file) as archive:
        assert archive.read("small") == PHONE
        assert archive.testzip() is None
    assert PHONE not in path.read_bytes()


def test_a_source_reads_outside_the_scope_and_often(business: Business) -> None:
    name, path = kept(business, b"one\ntwo\n")
    with business.scope():
        source = storage.source(str(path))
        file = default_storage.open(name)
    with source() as one, source() as other:
        assert one.readline() == other.readline() == b"one\n"
    file.close()
    with file.open() as again:
        assert again.read() == b"one\ntwo\n"


def swapped(data: bytes) -> bytes:
    first, second = HEADER, HEADER + STORED
    return (
        data[:first] + data[second : second + STORED] + data[first:second] + data[second + STORED :]
    )


TAMPERED: dict[str, Callable[[bytes], bytes]] = {
    "cut in a chunk": lambda data: data[:-1],
    "cut between chunks": lambda data: data[: HEADER + 2 * STORED],
    "cut to one chunk": lambda data: data[: HEADER + STORED],
    "no chunk at all": lambda data: data[:HEADER],
    "half a header": lambda data: data[: HEADER // 2],
    "lengthened": lambda data: data + b"x",
    "a chunk twice": lambda data: data[: HEADER + STORED] + data[HEADER:],
    "other order": swapped,
    "one bit": lambda data: (
        data[: HEADER + 9] + bytes([data[HEADER + 9] ^ 1]) + data[HEADER + 10 :]
    ),
    "another id": lambda data: data[:8] + bytes([data[8] ^ 1]) + data[9:],
    "another key": lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:],
}


@pytest.mark.parametrize("way", TAMPERED)
def test_what_was_touched_does_not_open(business: Business, way: str) -> None:
    name, path = kept(business, random.Random(4).randbytes(2 * CHUNK + 100))
    path.write_bytes(TAMPERED[way](path.read_bytes()))

    with pytest.raises(vault.Unreadable):
        read(business, name)


@pytest.mark.parametrize("way", [way for way in TAMPERED if "cut" in way])
def test_what_was_cut_short_is_refused_before_anything_is_read(
    business: Business, way: str
) -> None:
    name, path = kept(business, random.Random(4).randbytes(2 * CHUNK + 100))
    path.write_bytes(TAMPERED[way](path.read_bytes()))

    with business.scope(), pytest.raises(vault.Unreadable):
        default_storage.open(name)


def test_chunks_of_another_file_do_not_open(business: Business) -> None:
    _one, path = kept(business, b"a" * (2 * CHUNK))
    name, other = kept(business, b"b" * (2 * CHUNK))
    other.write_bytes(other.read_bytes()[: HEADER + STORED] + path.read_bytes()[HEADER + STORED :])

    with pytest.raises(vault.Unreadable):
        read(business, name)


def test_nobody_else_opens_it(business: Business, other_business: Business) -> None:
    name, path = kept(business, PHONE)

    with pytest.raises(vault.Unreadable):
        read(other_business, name)
    assert PHONE not in path.read_bytes()


def test_a_file_from_before_is_read_as_it_is(business: Business, media: Path) -> None:
    media.mkdir()
    (media / "old.csv").write_bytes(b"external_id\nA\n")

    assert read(business, "old.csv") == b"external_id\nA\n"


def test_a_save_that_breaks_off_leaves_nothing(business: Business, media: Path) -> None:
    class Broken(ContentFile):
        def chunks(self, chunk_size: int | None = None) -> Any:
            yield b"half"
            raise OSError("the disk is full")

    with business.scope(), pytest.raises(OSError, match="full"):
        default_storage.save("a.csv", Broken(b"whole"))

    assert [path for path in media.rglob("*") if path.is_file()] == []
    with business.scope(), pytest.raises(ValueError, match="only read"):
        default_storage.open("a.csv", "wb")


def test_memory_does_not_grow_with_the_file(business: Business) -> None:
    class Big(ContentFile):
        def chunks(self, chunk_size: int | None = None) -> Any:
            return (b"x" * CHUNK for _ in range(150))

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with business.scope():
        name = default_storage.save("big", Big(b""))
        with default_storage.open(name) as file:
            assert sum(len(chunk) for chunk in file.chunks()) == 150 * CHUNK
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # KB


def test_scratch_lies_sealed_and_nameless() -> None:
    with Scratch() as scratch:
        with scratch.writer() as file:
            file.write(PHONE * (CHUNK // 5))
        held = os.pread(scratch._file.fileno(), 4 * CHUNK, 0)
        with scratch.open() as one, scratch.open() as other:
            assert one.read() == other.read() == PHONE * (CHUNK // 5)
        with scratch.writer() as file:
            file.write(b"anew")
        with scratch.open() as one:
            assert one.read() == b"anew"
    assert PHONE not in held


def test_an_upload_lies_sealed_until_the_request_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    complete = storage.UploadHandler.file_complete

    def looks(self: storage.UploadHandler, file_size: int) -> Any:
        self._writer.close()
        seen.append(os.pread(self._scratch._file.fileno(), CHUNK, 0))
        return complete(self, file_size)

    monkeypatch.setattr(storage.UploadHandler, "file_complete", looks)
    content = ContentFile(PHONE * 10, name="客户 名单.csv")
    request = RequestFactory().post("/", {"file": content, "kind": "contacts"})
    upload: Any = request.FILES["file"]

    assert (upload.name, upload.size, request.POST["kind"]) == ("客户 名单.csv", 110, "contacts")
    assert b"".join(upload.chunks()) == upload.open().read() == PHONE * 10
    assert len(seen) == 1 and len(seen[0]) == 126 and PHONE not in seen[0]
    request.close()
    assert upload.closed
    assert not isinstance(request.upload_handlers[0], MemoryFileUploadHandler)
