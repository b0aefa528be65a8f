"""How is a file read? CSV in UTF-8 or GB18030, or XLSX: as records with their physical lines.

A table can be walked more than once: the first walk finds faults of the file before anything is
written. Memory does not grow with the file. A file is a Source: something that opens it anew.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from django.conf import settings

from contacts.imports.errors import FileFault
from contacts.imports.workbooks import unpack
from tenants.sealed_files import Scratch, Source

_CHUNK = 1 << 20
LONGEST_LINE = 1 << 20
# Stands for bytes that are no text; `ErrorFile` writes it as a question mark.
UNREADABLE = "\udcff"

csv.field_size_limit(LONGEST_LINE)


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Put a mark in place of one byte, so that a comma or line end behind it is not lost."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return UNREADABLE, error.start + 1


codecs.register_error("mark-unreadable", _mark)

# A record: the physical line where it starts, and its cells; None when it could not be read.
Record = tuple[int, Sequence[str] | None]


@dataclass(frozen=True)
class Table:
    """A file as a header and records."""

    header: tuple[str, ...]
    walk: Callable[[], Iterator[Record]]  # the records, without the header and empty lines
    clean: bool  # no cell can hold UNREADABLE


def open_table(source: Source, spool: Scratch, only: int | None = None) -> Table:
    """Look into a file; raises FileFault. `spool` is where a spreadsheet is unpacked.

    With `only`, no more rows of it than these: for a first look.
    """
    with source() as file:
        start = file.read(8)
        size = file.seek(0, io.SEEK_END)
    if not start:
        raise FileFault("empty")
    if size > settings.UPLOAD_MAX_BYTES:
        raise FileFault("too_large")
    if start.startswith(b"PK\x03\x04"):
        return _spreadsheet(source, spool, only)
    if start.startswith((b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b", b"Rar!", b"7z\xbc")):
        raise FileFault("file_type")
    encoding, clean = find_encoding(source)
    errors = "strict" if clean else "mark-unreadable"
    return _table(lambda: _csv_records(source, encoding, errors), clean=clean)


def _table(records: Callable[[], Iterator[Record]], *, clean: bool) -> Table:
    def walk() -> Iterator[Record]:
        inside = records()
        next(inside, None)
        return inside

    line, header = next(records(), (0, None))
    if header is None or not any(title.strip() for title in header):
        unread = "malformed" if line else "empty"
        raise FileFault(unread if header is None else "missing_column")
    if any(UNREADABLE in title for title in header):
        raise FileFault("encoding")
    return Table(tuple(header), walk, clean)


def _csv_records(source: Source, encoding: str, errors: str) -> Iterator[Record]:
    with io.TextIOWrapper(source(), encoding=encoding, errors=errors, newline="") as file:
        reader = csv.reader(_short_lines(file))
        line = 1
        while True:
            try:
                for cells in reader:
                    if cells:
                        yield line, cells
                    line = reader.line_num + 1
                return
            except csv.Error:
                # The reader starts afresh with the next line: one bad row stops no other.
                yield line, None
                line = reader.line_num + 1


def _short_lines(file: TextIO) -> Iterator[str]:
    """The lines; of one without end no more than makes its cells too long, and so its row bad."""
    while line := file.readline(LONGEST_LINE):
        if len(line) < LONGEST_LINE or line[-1] in "\r\n":
            yield line
            continue
        rest = line
        while rest and rest[-1] not in "\r\n":
            rest = file.readline(LONGEST_LINE)
        yield f"{'x' * LONGEST_LINE}x\n"


def _spreadsheet(source: Source, spool: Scratch, only: int | None) -> Table:
    unpack(source, spool, only)

    def records() -> Iterator[Record]:
        with io.TextIOWrapper(spool.open(), encoding="utf-8", newline="") as file:
            for cells in csv.reader(file):
                yield int(cells[0]), cells[1:]

    return _table(records, clean=True)


def find_encoding(source: Source) -> tuple[str, bool]:
    """The encoding (FIGURES R40), and whether every line is in it. Raises FileFault."""
    if _decodes(source, "utf-8-sig"):
        return "utf-8-sig", True
    good = bad = gb_bad = 0
    for line in _lines(source):
        if line.isascii():
            continue
        if _is_text(line, "utf-8"):
            good += 1
        else:
            bad += 1
        gb_bad += not _is_text(line, "gb18030")
    if good > bad:
        return "utf-8-sig", False
    if gb_bad * 2 >= good + bad:
        raise FileFault("encoding")
    return "gb18030", gb_bad == 0


def _decodes(source: Source, encoding: str) -> bool:
    """Is the whole file text? Also refuses UTF-16, which looks like none."""
    decoder = codecs.getincrementaldecoder(encoding)()
    valid = True
    with source() as file:
        while chunk := file.read(_CHUNK):
            if chunk[:2] in (b"\xff\xfe", b"\xfe\xff") and file.tell() == len(chunk):
                raise FileFault("encoding")
            if not _goes_on(decoder, chunk):
                valid = False
                break
    return valid and _goes_on(decoder, b"", final=True)


def _goes_on(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _is_text(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _lines(source: Source) -> Iterator[bytes]:
    with source() as file:
        rest = file.read(3).removeprefix(codecs.BOM_UTF8)
        while piece := file.readline(LONGEST_LINE):
            *whole, rest = (rest + piece).replace(b"\n", b"\r").split(b"\r")
            yield from whole
            if len(rest) > LONGEST_LINE:
                rest = b""  # of an endless line: it is refused whatever it is
        yield rest
