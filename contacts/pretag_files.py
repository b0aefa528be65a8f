"""How is a file of pre-tags read? Columns phone or unionid, and tags; CSV or XLSX as imports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from contacts import pretags, validation
from contacts.imports.errors import FileFault
from contacts.imports.files import UNREADABLE, open_table
from contacts.validation import Invalid
from tenants.sealed_files import Scratch

MOST: Final = 100_000
_HEADERS: Final = {
    "phone": ("phone", "手机", "手机号", "电话"),
    "unionid": ("unionid",),
    "tags": ("tags", "tag", "标签"),
}


def read(upload: UploadedFile) -> tuple[list[pretags.Row], list[str]]:
    """The good rows, and what is wrong with others: “3: …”, by line. Raises FileFault."""
    with Scratch() as kept, Scratch() as spool:
        with kept.writer() as file:
            for chunk in upload.chunks():
                file.write(chunk)
        table = open_table(kept.open, spool)
        places = _places(table.header)
        good: list[pretags.Row] = []
        wrong: list[str] = []
        for line, cells in table.walk():
            if len(good) + len(wrong) >= MOST:
                raise FileFault("too_large")
            try:
                good.append(_row(cells, places))
            except Invalid as error:
                wrong.append(f"{line}: {error}")
    return good, wrong


def _places(header: Sequence[str]) -> dict[str, int]:
    titles = [title.strip().lower() for title in header]
    found = {
        name: titles.index(title)
        for name, known in _HEADERS.items()
        for title in known
        if title in titles
    }
    if "tags" not in found:
        raise FileFault("missing_column", ["tags"])
    if not {"phone", "unionid"} & set(found):
        raise FileFault("missing_column", ["phone"])
    return found


def _row(cells: Sequence[str] | None, places: dict[str, int]) -> pretags.Row:
    if cells is None or any(UNREADABLE in cell for cell in cells):
        raise Invalid("malformed", _("The row cannot be read."))

    def cell(name: str) -> str:
        place = places.get(name)
        return cells[place].strip() if place is not None and place < len(cells) else ""

    return pretags.row(cell("phone"), cell("unionid"), validation.tags(cell("tags")))
