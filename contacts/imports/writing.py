"""What do all kinds of files share when rows are written? The business, outcomes, names to ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from contacts import custom_fields, upserts
from contacts.imports.rows import FieldInvalid, Form, NamesOfColumns, Row, as_titled
from contacts.merging import forwarding
from contacts.models import Contact, CustomField
from tenants.vault import Keys

# "later": the row waits for what the file names further down.
Outcome = Literal["created", "updated", "unchanged", "later"] | FieldInvalid


@dataclass(frozen=True)
class Setting:
    """What the rows of a file are read against."""

    zone: ZoneInfo
    currency: str
    now: datetime
    origin: str  # import:<id>, written beside what the file brought
    named: Callable[[str], bool]  # does the file name this key?
    keys: Keys  # of the business: files are read outside scopes
    # Which custom field a further column's title means (contacts.custom_fields).
    custom: NamesOfColumns = as_titled
    required: Sequence[CustomField] = ()  # nobody new is taken without these
    fresh: list[int] = field(default_factory=list)  # ids of the rows that the batch created

    def outcome_of(self, result: upserts.Outcome) -> Outcome:
        """What an upsert says of a row, in the words of an import."""
        if result.error is not None:
            return FieldInvalid(result.field, result.error)
        if result.status == upserts.Status.CREATED and result.row_id is not None:
            self.fresh.append(result.row_id)
        return _SAME[result.status]


class Writer(Protocol):
    """Knows what rows of a kind are made of, and writes them by the set."""

    @property
    def form(self) -> Form: ...

    def prepare(self, rows: Sequence[Row]) -> None:
        """Inside a scope of its own, while an earlier batch is written: do what can be done
        without writing. `write` does not count on it.
        """
        ...

    def write(self, rows: Sequence[Row], *, last: bool) -> list[Outcome]:
        """Inside a scope: write the rows, one outcome each. Repeating it changes nothing."""
        ...


class Unprepared:
    """A writer that has nothing to do ahead."""

    def prepare(self, rows: Sequence[Row]) -> None:
        pass


_SAME: dict[upserts.Status, Outcome] = {
    upserts.Status.CREATED: "created",
    upserts.Status.UPDATED: "updated",
    upserts.Status.UNCHANGED: "unchanged",
}


def incomplete(
    documents: Iterable[tuple[str, Mapping[str, object]]], required: Sequence[CustomField]
) -> dict[str, FieldInvalid]:
    """Of rows, as key and custom fields: people who would be new, and lack what they need."""
    lacking = {
        key: missing[0]
        for key, document in documents
        if (missing := custom_fields.lacking(required, document))
    }
    known = contacts_named(lacking) if lacking else {}
    return {
        key: FieldInvalid(of.label, custom_fields.needed(of))
        for key, of in lacking.items()
        if key not in known
    }


def contacts_named(names: Iterable[object]) -> dict[str, int]:
    """Contact ids by external id, of those that are known."""
    wanted = {str(name) for name in names if name}
    found = Contact.objects.filter(external_id__in=wanted).values_list("external_id", "id")
    known = {str(external_id): pk for external_id, pk in found}
    return known | forwarding.formerly(wanted - known.keys())
