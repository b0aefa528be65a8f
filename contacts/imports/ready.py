"""What of a contact's row can be done while the database writes the batch before? All but writing.

Ids, search tokens and sealed phones are made ahead, against a look at who is known already; the
writer makes sure that the look still holds.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar, cast

import msgspec

from contacts import arrays, search
from contacts.imports import staging
from contacts.imports.rows import Row
from contacts.models import Contact
from tenants.fields import EncryptedField
from tenants.scope import current_tenant_id

# Stands for "" in a staged row, where "" would be a blank cell.
UNKNOWN: Final = "unknown"
# Where a row's values are: first the fields in the order of their checks (0 is the external id), …
NAME, PHONE, EMAIL, GENDER, BIRTHDAY, CHANNEL, ACQUIRED_AT, OWNER, TAGS, REFERRER, CUSTOM = range(
    1, 12
)
# … then what all of them together tell.
OPENINGS, PHONE_HASH, EMAIL_HASH = range(12, 15)

COLUMNS: Final = {
    "line": "int", "new_id": "bigint", "external_id": "text", "name": "text", "phone": "text",
    "phone_hash": "bytea", "email": "text", "email_hash": "bytea", "gender": "text",
    "birthday": "date", "custom": "jsonb", "channel": "text", "owner": "text",
    "sourced_at": "timestamptz", "tags": "text[]", "referrer": "text", "staff": "text",
    "opened_at": "timestamptz", "openings": "int", "tokens": "text[]",
}  # fmt: skip


Told = TypeVar("Told")


class Ready(NamedTuple):
    """The line to be staged. `pk` is the known contact's id, or that which the new one will get;
    only a new contact's line has search tokens.
    """

    line: str
    pk: int
    fresh: bool
    seals: bool  # with the phone and the e-mail, to be written

    def suits(self, pk: int, *, fresh: bool, different: Sequence[str]) -> bool:
        """Is this how the contact is found now, and has the line all that is to be written?"""
        if (self.pk, self.fresh) != (pk, fresh):
            return False
        return self.seals or not {"phone", "email"}.intersection(different)


class _Line:
    """What a CSV writer writes to, to answer each row as text."""

    def write(self, line: str) -> str:
        return line


_csv = csv.writer(_Line(), lineterminator="\n")

# Both as one text: a hundred thousand small rows take the driver longer than the server.
_KNOWN = """
SELECT COALESCE(json_object_agg(external_id, id), '{}')::text FROM contacts_contact
WHERE tenant_id = %(tenant)s AND external_id = ANY(%(names)s::text[])
"""
_NEW_IDS = """
SELECT json_agg(nextval(pg_get_serial_sequence('contacts_contact', 'id')))::text
FROM generate_series(1, %(count)s)
"""

_PHONE = cast("EncryptedField", Contact._meta.get_field("phone"))
_EMAIL = cast("EncryptedField", Contact._meta.get_field("email"))


def make(rows: Sequence[Row], *, seal_known: bool = False) -> None:
    """Inside a scope: fill in `ready` of each row. What known contacts have is seldom new: it is
    sealed only on demand.
    """
    if not rows:
        return
    names = arrays.literal([row.values[0] for row in rows])
    known = _told(_KNOWN, dict[str, int], tenant=current_tenant_id(), names=names)
    missing = sum(row.values[0] not in known for row in rows)
    new_ids = iter(_told(_NEW_IDS, list[int], count=missing) if missing else ())
    for row in rows:
        fresh = row.values[0] not in known
        pk = next(new_ids) if fresh else known[row.values[0]]
        phone, email = row.values[PHONE], row.values[EMAIL]
        line = _line(
            row,
            pk,
            _PHONE.sealed_for(pk, phone) if phone and (fresh or seal_known) else None,
            _EMAIL.sealed_for(pk, email) if email and (fresh or seal_known) else None,
            _tokens(row.values) if fresh else None,
        )
        row.ready = Ready(line, pk, fresh, seals=fresh or seal_known)


def _told(query: str, kind: type[Told], **parameters: object) -> Told:
    [(document,)] = staging.rows_of(query, parameters)
    return msgspec.json.decode(document, type=kind)


def _line(row: Row, pk: int, phone: str | None, email: str | None, tokens: str | None) -> str:
    (external_id, name, _phone, _email, gender, birthday, channel, acquired_at, owner,
     tags, referrer, custom, openings, phone_hash, email_hash) = row.values  # fmt: skip
    opener, opened_at = openings[0] if openings and len(openings) == 1 else (None, None)
    values = (
        row.line, pk, external_id, name, phone, phone_hash, email, email_hash,
        UNKNOWN if gender == "" else gender, birthday, staging.document(custom), channel, owner,
        acquired_at, _array(tuple(tags)) if tags else None, referrer, opener, opened_at,
        len(openings) if openings else 0, tokens,
    )  # fmt: skip
    return cast("str", _csv.writerow(values))  # what _Line.write answers


@lru_cache(maxsize=10_000)
def _array(names: tuple[str, ...]) -> str:
    return arrays.literal(names)


@lru_cache(maxsize=50_000)  # many people share a name; the last digits of a phone are cheap
def _tokens_of_name(name: str) -> list[str]:
    return [f'"{token}"' for token in search.tokens_of(name)]


def _tokens(values: Sequence[Any]) -> str:
    """As search.tokens_of, in the form of text[]; tokens hold neither quotes nor backslashes."""
    found = _tokens_of_name(values[NAME]) if values[NAME] else []
    return f"{{{','.join([*found, *search.tokens_of_phone(values[PHONE])])}}}"
