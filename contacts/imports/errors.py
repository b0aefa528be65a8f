"""Why was a file or a row refused? The codes, their sentences, and the file of refused rows."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from contacts.spreadsheet import neutral
from contacts.validation import Invalid

# Beside those of contacts.validation: what only a row of a file can be.
ROW_MESSAGES: dict[str, Promise | str] = {
    "cells": _("The row has more or fewer cells than the header."),
    "malformed": _("The row cannot be read: is a quotation mark missing, or a cell too large?"),
    "encoding": _("The row is not in the encoding of the rest of the file."),
    "blank": _("This must not be blank."),
    "refund": _("The refund is larger than the amount."),
    "properties": _("Properties must be a JSON object."),
    "staff": _("Events of this kind need the property staff: a userid."),
    "account": _("Events of this kind need the property account."),
    "by": _("The property by must be customer, staff or transfer."),
    "reward": _("Events of this kind need the property amount."),
    "unknown_contact": _("No contact has this external id."),
    "unknown_referrer": _("The referrer is not known."),
    "self_referrer": _("Nobody can be their own referrer."),
    "conflict": _("This id is stored already, with other content."),
}

FILE_MESSAGES: dict[str, Promise | str] = {
    "empty": _("The file is empty."),
    "too_large": _("The file is too large."),
    "encoding": _("The file is neither UTF-8 nor GB18030."),
    "file_type": _("The file is neither CSV nor XLSX; save it as one of them."),
    "malformed": _("The file is damaged or is no spreadsheet."),
    "missing_column": _("These columns are missing: %(columns)s"),
    "doubled_column": _("These columns come twice: %(columns)s"),
    "unknown_kind": _("Neither the name of the file nor its header tells its kind."),
    "gone": _("The file was removed: bring it again."),
    "unreadable": _(
        "The stored file does not open: it was changed, or its key is gone. Bring it again."
    ),
    "abandoned": _("Nobody went on with it: bring the file again."),
    "undo": _("The undoing broke off. What is left can be undone again."),
    "internal": _("The import broke off. Nothing is half-written: bring the file again."),
}


LONGEST = 20_000  # characters of a cell in the error file; none that is longer is ever good


class FileFault(Exception):  # noqa: N818 - reads as what it is
    """The whole file is refused and nothing of it written. `code` is a key of FILE_MESSAGES."""

    def __init__(self, code: str, columns: Sequence[str] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.columns = tuple(columns)

    @property
    def message(self) -> str:
        """The sentence in the active language."""
        return str(FILE_MESSAGES[self.code]) % {"columns": ", ".join(self.columns)}


def refusal(code: str) -> Invalid:
    """A row's problem that is not one of a single value."""
    return Invalid(code, ROW_MESSAGES[code])


@dataclass(frozen=True, slots=True)
class Rejection:
    """A refused row: physical line where its record starts, the column's title, why, its cells."""

    line: int
    column: str
    code: str
    message: str
    cells: Sequence[str]


class ErrorFile:
    """Writes refused rows as CSV with the original cells behind (FIGURES R46), as they come."""

    def __init__(self, stream: IO[str], header: Sequence[str]) -> None:
        self._writer = csv.writer(stream)
        # Excel takes a CSV for UTF-8 only when it begins with this mark.
        stream.write("\ufeff")
        self._writer.writerow(["line", "column", "code", "message", *map(_cell, header)])

    def add(self, rejections: Sequence[Rejection]) -> None:
        for bad in sorted(rejections, key=lambda rejection: rejection.line):
            self._writer.writerow(
                [bad.line, _cell(bad.column), bad.code, bad.message, *map(_cell, bad.cells)]
            )


def _cell(text: str) -> str:
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}…"
    # Undecodable bytes were marked by lone surrogates (files.py); they cannot be written.
    return neutral(text.encode("utf-8", "replace").decode() if not text.isascii() else text)
