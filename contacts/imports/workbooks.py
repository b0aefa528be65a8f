"""What does the first sheet of an XLSX file say? Unpacked to CSV, within limits (zip bombs)."""

from __future__ import annotations

import csv
import errno
import io
import logging
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, time, timedelta
from itertools import islice
from xml.etree.ElementTree import ParseError

import openpyxl
from defusedxml import DefusedXmlException
from openpyxl.utils.exceptions import InvalidFileException

from contacts.imports.errors import FileFault
from tenants import vault
from tenants.sealed_files import Scratch, Source

# Parts that the library holds in memory as a whole are small; only sheets are read as a stream.
log = logging.getLogger(__name__)

_LARGEST_SHEET = 1 << 30
_LARGEST_STRINGS = 64 << 20
_LARGEST_PART = 8 << 20
_MOST_PARTS = 2000
_MOST_COLUMNS = 1000

# The library lets pass through whatever a damaged part causes.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, InvalidFileException, DefusedXmlException,
    ParseError,
    KeyError, IndexError, ValueError, TypeError, AttributeError, EOFError, NotImplementedError,
    OverflowError, RuntimeError, AssertionError,
)  # fmt: skip


def unpack(source: Source, spool: Scratch, only: int | None = None) -> None:
    """Write the first sheet's rows (`only` so many) to `spool` as CSV, each behind its number."""
    try:
        with (
            source() as data,
            io.TextIOWrapper(spool.writer(), encoding="utf-8", newline="") as file,
        ):
            with zipfile.ZipFile(data) as archive:
                _weigh(archive)
            with warnings.catch_warnings(action="ignore"):  # of styles that it cannot show
                book = openpyxl.load_workbook(
                    data, read_only=True, data_only=True, keep_links=False
                )
            with closing(book):
                csv.writer(file).writerows(islice(_rows(book.worksheets[0]), only))
    except (FileFault, vault.Unreadable):
        raise
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):
            raise  # the disk's trouble, not the file's
        raise FileFault("malformed") from error
    except _DAMAGE as error:
        log.info("a workbook could not be read: %r", error)
        raise FileFault("malformed") from error


def _weigh(archive: zipfile.ZipFile) -> None:
    """Refuse what would not fit: sizes are those declared, and no more than them is unpacked."""
    parts = archive.infolist()
    if len(parts) > _MOST_PARTS:
        raise FileFault("too_large")
    for part in parts:
        if part.filename.startswith("xl/worksheets/"):
            limit = _LARGEST_SHEET
        elif part.filename.endswith("sharedStrings.xml"):
            limit = _LARGEST_STRINGS
        elif part.filename.endswith((".xml", ".rels")):
            limit = _LARGEST_PART
        else:
            continue  # pictures and the like are not read
        if part.file_size > limit:
            raise FileFault("too_large")


def _rows(sheet: openpyxl.worksheet._read_only.ReadOnlyWorksheet) -> Iterator[Sequence[object]]:
    """Rows that say anything: cells behind the header's last title are cut when empty."""
    width = 0
    sheet.reset_dimensions()  # the declared size may be wrong
    for number, row in enumerate(sheet.iter_rows(max_col=_MOST_COLUMNS, values_only=True), start=1):
        cells = [_text(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        width = width or len(cells)
        yield [number, *cells, *[""] * (width - len(cells))]


def _text(value: object) -> str:
    """A cell as it would stand in a CSV file. Numbers as Excel shows them: 15 digits."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        # A time that is a float inside may be off by microseconds.
        value = (value + timedelta(microseconds=500_000)).replace(microsecond=0)
        return value.isoformat(" ") if value.time() != time.min else value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    return str(value)
