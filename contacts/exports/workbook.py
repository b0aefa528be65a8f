"""How is an XLSX file of text written as a stream, without a file on the way?

As little of the format as spreadsheets need: sheets of inline strings (ECMA-376 part 1, §18.3).
Libraries lay each sheet down in a temporary file first, where it would lie open.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import IO, Final
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl.utils import get_column_letter

MOST_ROWS: Final = 1_048_576  # of a sheet of Excel
_LARGEST: Final = 1 << 30  # bytes of a sheet; a part beyond 2 GiB would need another form of ZIP
_LONGEST: Final = 32_767  # characters of a cell
_NO_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_KINDS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"


class Workbook:
    """Rows of text on as many sheets as they need; each begins with the header."""

    def __init__(self, file: IO[bytes], header: Sequence[str]) -> None:
        self._zip = ZipFile(file, "w", ZIP_DEFLATED)
        self._header, self._sheets = header, 0
        self._letters = [get_column_letter(place + 1) for place in range(len(header))]
        self._begin()

    def add(self, row: Sequence[str]) -> None:
        """No more cells than the header has."""
        if self._rows == MOST_ROWS or self._size > _LARGEST:
            self._end()
            self._begin()
        self._rows += 1
        cells = [
            f'<c r="{letter}{self._rows}" t="inlineStr"><is><t xml:space="preserve">'
            f"{escape(_NO_XML.sub('', text[:_LONGEST]))}</t></is></c>"
            for letter, text in zip(self._letters, row, strict=False)
            if text
        ]
        self._write(f'<row r="{self._rows}">{"".join(cells)}</row>')

    def close(self) -> None:
        """Writes what the sheets need around them; the file itself stays open."""
        self._end()
        numbers = range(1, self._sheets + 1)
        self._part("[Content_Types].xml", "Types", f"{_PACKAGE}/content-types", [
            '<Default Extension="rels"'
            ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>',
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>',
            *(f'<Override PartName="/xl/worksheets/sheet{n}.xml"'
              f' ContentType="{_TYPE}.worksheet+xml"/>' for n in numbers),
        ])  # fmt: skip
        self._part("_rels/.rels", "Relationships", f"{_PACKAGE}/relationships", [
            f'<Relationship Id="rId1" Type="{_KINDS}/officeDocument" Target="xl/workbook.xml"/>',
        ])  # fmt: skip
        self._part("xl/workbook.xml", "workbook", _MAIN, [
            f'<sheets xmlns:r="{_KINDS}">',
            *(f'<sheet name="Sheet{n}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers),
            "</sheets>",
        ])  # fmt: skip
        self._part("xl/_rels/workbook.xml.rels", "Relationships", f"{_PACKAGE}/relationships", [
            f'<Relationship Id="rId{n}" Type="{_KINDS}/worksheet"'
            f' Target="worksheets/sheet{n}.xml"/>' for n in numbers
        ])  # fmt: skip
        self._zip.close()

    def _begin(self) -> None:
        self._sheets += 1
        self._sheet = self._zip.open(f"xl/worksheets/sheet{self._sheets}.xml", "w")
        self._rows = self._size = 0
        self._write(f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>')
        self.add(self._header)

    def _end(self) -> None:
        self._write("</sheetData></worksheet>")
        self._sheet.close()

    def _write(self, text: str) -> None:
        self._size += self._sheet.write(text.encode())

    def _part(self, name: str, root: str, space: str, inside: Sequence[str]) -> None:
        self._zip.writestr(name, f'{_XML}<{root} xmlns="{space}">{"".join(inside)}</{root}>')
