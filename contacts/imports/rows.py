"""From cells to rows: each checked by itself, and rows of one key joined, the later one winning.

A kind of file says which fields it has, what each must look like, and which of them are the key.
Joining needs to know which keys come more than once; a first walk counts them by hash, so that
memory stays small and a row is handed on as soon as the last one of its key was seen.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

from contacts.imports.columns import Layout
from contacts.imports.errors import FileFault, Rejection, refusal
from contacts.imports.files import UNREADABLE, Record, Table
from contacts.spreadsheet import restored
from contacts.validation import Invalid

if TYPE_CHECKING:
    from contacts.imports.ready import Ready

Check = Callable[[str], object]
# In the order of Form.fields; None where the cell was blank. Each kind knows its own types.
Values = list[Any]


NamesOfColumns = Callable[[str], tuple[str, Check | None]]


def as_titled(title: str) -> tuple[str, Check | None]:
    """A column that no field claims is called what its header says."""
    return title, None


@dataclass(frozen=True)
class Form:
    """What the rows of a kind are made of."""

    checks: dict[str, Check]  # field → what its cell must be
    required: tuple[str, ...]  # never blank
    key: Callable[[Values], str]
    key_field: str | None  # the field that is the key, if it is one
    whole: Callable[[Values], None]  # what no single cell can tell; may fill the extra places
    # Puts later values into the earlier ones of the key; None: rows are kept apart.
    join: Callable[[Values, Values], None] | None = None
    extra: int = 0  # places behind the fields, for what `whole` finds out
    # The key that a further column's title means, and how its cells are read; None: as text.
    custom: NamesOfColumns = as_titled

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(self.checks)


@dataclass(slots=True)
class Row:
    """A good row, or several of one key joined: `parts` are those as they came."""

    line: int
    values: Values
    cells: Sequence[str]
    key: str
    parts: list[Row] | None = None
    changes: int = 0  # how many of the later parts changed something
    ready: Ready | None = None  # what the writer of contacts made of it ahead


class FieldInvalid(Exception):  # noqa: N818 - reads as what it is
    """A cell is not acceptable."""

    def __init__(self, name: str, error: Invalid) -> None:
        super().__init__(name)
        self.name = name
        self.error = error


def cached(check: Check) -> Check:
    """For columns that repeat a few values. What is answered must not be changed."""
    return lru_cache(maxsize=10_000)(check)


def nothing_more(_values: Values) -> None:
    """Each cell tells all there is."""


def overwrite(earlier: Values, later: Values) -> None:
    """The later row wins; its blank cells keep what is there (FIGURES R39)."""
    for place, value in enumerate(later):
        if value is not None:
            earlier[place] = value


def parser(form: Form, layout: Layout) -> Callable[[Sequence[str]], Values]:
    """A function from cells to values; raises FieldInvalid."""
    fields = form.fields
    plan = [
        (layout.places[name], number, check)
        for number, (name, check) in enumerate(form.checks.items())
        if name in layout.places
    ]
    needed = [(fields.index(name), name) for name in form.required]
    custom_check = form.checks.get("custom")
    custom = _custom_columns(form, layout, custom_check) if custom_check else []
    width = len(fields) + form.extra
    custom_at = fields.index("custom") if custom_check else 0

    def parse(cells: Sequence[str]) -> Values:
        values: Values = [None] * width
        number = 0
        try:
            for place, number, check in plan:
                cell = cells[place]
                if cell and not cell.isspace():
                    values[number] = check(restored(cell) if cell[0] == "'" else cell)
        except Invalid as error:
            raise FieldInvalid(fields[number], error) from None
        for number, name in needed:
            if values[number] is None:
                raise FieldInvalid(name, refusal("blank"))
        if custom:
            values[custom_at] = _custom(custom, cells)
        return values

    return parse


_Column = tuple[str, str, int, Check]  # title, key, cell, how it is read


def _custom_columns(form: Form, layout: Layout, text: Check) -> list[_Column]:
    found: list[_Column] = []
    for title, place in layout.custom:
        key, check = form.custom(title)
        if any(key == other for _title, other, _place, _check in found):
            raise FileFault("doubled_column", [title])  # by its key and by its label
        found.append((title, key, place, cached(check) if check else text))
    return found


def _custom(columns: list[_Column], cells: Sequence[str]) -> dict[str, object] | None:
    found: dict[str, object] = {}
    for title, key, place, check in columns:
        cell = cells[place]
        if cell and not cell.isspace():
            try:
                found[key] = check(restored(cell) if cell[0] == "'" else cell)
            except Invalid as error:
                raise FieldInvalid(title, error) from None
    return found or None


Problem = tuple[str, str, str]  # column, code and message


@dataclass(frozen=True)
class Place:
    """How far an earlier attempt came. Rows are told by their lines."""

    reached: int = 0  # rows of the file; then joined rows that came behind its end
    later: frozenset[int] = frozenset()  # of these, rows that wait for others
    alone: frozenset[int] = frozenset()  # and rows that could not be written joined
    unfit: Mapping[int, Problem] = field(default_factory=dict)  # cells that could not be
    refused: Mapping[int, Problem] = field(default_factory=dict)  # by who writes them


@dataclass(frozen=True)
class Batch:
    """What lies between two places of a file."""

    rows: list[Row]
    rejected: list[Rejection]
    read: int = 0  # rows of the file up to here
    reached: int = 0  # as in Place


@dataclass
class Reader:
    """Walks a table and answers batches of good rows, each with the bad ones met on the way.

    `count_keys` first; then, to go on where an earlier attempt stopped, `replay`; then `batches`.
    """

    table: Table
    layout: Layout
    form: Form
    read: int = 0
    total: int = 0  # rows of the file, once the keys were counted
    # Rows that the earlier attempt had put off.
    later: list[Row] = field(default_factory=list)
    alone: list[Row] = field(default_factory=list)
    behind: int = 0  # joined rows handed on when the file had ended
    _rejected: list[Rejection] = field(default_factory=list)
    _left: dict[int, int] = field(default_factory=dict)  # hash of key → how often it still comes
    _open: dict[str, Row] = field(default_factory=dict)  # joined so far, by key
    _keys: array[int] = field(default_factory=lambda: array("q"))

    def __post_init__(self) -> None:
        self._parse = parser(self.form, self.layout)
        self._walk = self.table.walk()

    def count_keys(self, *, remember: bool) -> None:
        """The first walk: which keys come more than once? With `remember`, `names` can be asked."""
        ordered = array("q", sorted(map(hash, self._raw_keys())))
        self.total, self.read = self.read, 0
        for one, next_one in pairwise(ordered):
            if one == next_one:
                self._left[one] = self._left.get(one, 1) + 1
        self._keys = ordered if remember else array("q")

    def _raw_keys(self) -> Iterator[str]:
        """The keys of all rows, good or bad, as `Form.key` would tell them."""
        if self.form.key_field is None:
            yield from (row.key for row in self._good_rows(self.table.walk()))
            self._rejected.clear()
            return
        place = self.layout.places[self.form.key_field]
        for _line, cells in self.table.walk():
            self.read += 1
            if cells is not None and len(cells) > place:
                yield _raw_key(cells[place])

    def names(self, key: str) -> bool:
        """Does the file hold a row of this key? By hash, bad ones too: yes means maybe."""
        number = hash(key)
        place = bisect_left(self._keys, number)
        return place < len(self._keys) and self._keys[place] == number

    def replay(self, place: Place) -> Iterator[Rejection]:
        """Pass over what an earlier attempt settled, and answer again what it had refused.

        Only rows that others are yet to be joined to, or that were put off, are read for more than
        their key.
        """
        waiting = place.later | place.alone
        spoilt: list[tuple[int, Rejection]] = []
        for line, cells in islice(self._walk, min(place.reached, self.total)):
            problem = place.unfit.get(line) or place.refused.get(line)
            if problem is not None:
                yield Rejection(line, *problem, cells or ())
            number = self._number(cells)
            wanted = number in self._left or line in waiting or not self.form.key_field
            if line in place.unfit or not wanted:
                self.read += 1
                continue
            for row in self._good_rows([(line, cells)]):
                self._put_off(self._gathered(row), place)
            if self._rejected:  # a rule of the business has changed since
                spoilt.append((number, self._rejected.pop()))
                self._come(number, place)
        for _ in range(place.reached - self.total):
            self._put_off(self._next_open(), place)
        # Good when they were written, or not written yet.
        self._rejected += [
            bad for number, bad in spoilt if bad.line in waiting or self._left[number] > 0
        ]

    def _number(self, cells: Sequence[str] | None) -> int:
        place = self.layout.places.get(self.form.key_field or "")
        known = cells is not None and place is not None and len(cells) > place
        return hash(_raw_key(cells[place])) if known else 0  # type: ignore[index] # is not None

    def _come(self, number: int, place: Place) -> None:
        """A row that was good has come to its key; the others of it may be complete by that."""
        self._left[number] = self._left.get(number, 1) - 1
        if self._left[number] == 0:
            for key in [key for key in self._open if hash(key) == number]:
                self._put_off(self._open.pop(key), place)

    def _put_off(self, row: Row | None, place: Place) -> None:
        if row is None:
            return
        parts = row.parts or [row]
        if any(part.line in place.later for part in parts):
            self.later.append(row)
        else:
            self.alone += [part for part in parts if part.line in place.alone]

    def batches(self, size: int) -> Iterator[Batch]:
        walk = self.rows()
        while True:
            rows = list(islice(walk, size))
            rejected, self._rejected = self._rejected, []
            if rows or rejected:
                yield Batch(rows, rejected, self.read, self.read + self.behind)
            if len(rows) < size:
                return

    def rows(self) -> Iterator[Row]:
        """The second walk: one row a key. Rows that may not be joined come as they are."""
        for row in self._good_rows(self._walk):
            gathered = self._gathered(row)
            if gathered is not None:
                yield gathered
        while self._open:
            yield self._next_open()

    def _gathered(self, row: Row) -> Row | None:
        """The row, joined to those of its key; None as long as more of them are to come."""
        join, number = self.form.join, hash(row.key)
        if join is None or number not in self._left:
            return row
        self._left[number] -= 1
        _join_to(self._open.setdefault(row.key, row), row, join)
        return self._open.pop(row.key) if self._left[number] == 0 else None

    def _next_open(self) -> Row:
        self.behind += 1
        return self._open.pop(next(iter(self._open)))

    def _good_rows(self, records: Iterable[Record]) -> Iterator[Row]:
        width, clean, form = self.layout.width, self.table.clean, self.form
        parse, whole, key = self._parse, form.whole, form.key
        for line, cells in records:
            self.read += 1
            if cells is None:
                self._reject(line, "", refusal("malformed"), ())
            elif not clean and any(UNREADABLE in cell for cell in cells):
                self._reject(line, "", refusal("encoding"), cells)
            elif len(cells) != width:
                self._reject(line, "", refusal("cells"), cells)
            else:
                try:
                    values = parse(cells)
                    whole(values)
                    yield Row(line, values, cells, key(values))
                except FieldInvalid as bad:
                    self._reject(line, bad.name, bad.error, cells)

    def _reject(self, line: int, name: str, error: Invalid, cells: Sequence[str]) -> None:
        self._rejected.append(self.rejection(line, name, error, cells))

    def rejection(self, line: int, name: str, error: Invalid, cells: Sequence[str]) -> Rejection:
        title = self.layout.title(name) if name else ""
        return Rejection(line, title, error.code, str(error), cells)


def _raw_key(cell: str) -> str:
    return (restored(cell) if cell[:1] == "'" else cell).strip()


def _join_to(kept: Row, row: Row, join: Callable[[Values, Values], None]) -> None:
    if kept is row:
        kept.parts = [Row(row.line, [*row.values], row.cells, row.key)]
    elif kept.parts is not None:
        before = [*kept.values]
        join(kept.values, row.values)
        kept.changes += kept.values != before
        kept.parts.append(row)
