"""Which contact is behind these accounts? Found, or made exactly once.

Two workers that meet the same new person at once get the same contact: the identity's unique
constraint decides, in one statement, who makes the contact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, cast

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from contacts import webhook_events
from contacts.merging import pairs
from contacts.models import Contact, Duplicate, Identity, SourceKind
from tenants import vault
from tenants.scope import current_tenant_id

if TYPE_CHECKING:
    from tenants.fields import EncryptedField


@dataclass(frozen=True)
class Account:
    """One account of a person: an Identity without its contact. `app` is that of an openid."""

    kind: str
    value: str
    app: str = ""


@dataclass(frozen=True)
class Origin:
    """The first touch of a contact that has to be made. `at` None: not touched yet."""

    source: str = SourceKind.PLATFORM
    at: datetime | None = None
    channel_id: int | None = None
    live_code_id: int | None = None


@dataclass(frozen=True)
class Found:
    contact_id: int
    created: bool


def touched(contact_id: int, origin: Origin) -> bool:
    """Inside a scope: the first touch is fixed for ever, but the one that is told second may have
    been earlier. Answers whether it was.
    """
    told = (SourceKind.PLATFORM, SourceKind.LIVE_CODE)
    later = Q(sourced_at=None) | Q(sourced_at__gt=origin.at)
    rows = Contact.objects.filter(later, id=contact_id, source__in=told)
    return bool(
        rows.update(
            source=origin.source,
            sourced_at=origin.at,
            channel_id=origin.channel_id,
            live_code_id=origin.live_code_id,
            updated_at=timezone.now(),
        )
    )


# The contact takes an id of its own sequence before it is known whether it is needed; the key from
# identity to contact is checked at the end of the statement, when both rows stand or neither.
_CLAIM = """
WITH fresh AS (SELECT nextval(pg_get_serial_sequence('contacts_contact', 'id')) AS id),
claimed AS (
  INSERT INTO contacts_identity AS i
    (tenant_id, contact_id, kind, account, value, sealed, created_at, nickname, avatar,
     refresh_attempts)
  SELECT %(tenant)s, fresh.id, %(kind)s, %(account)s, %(value)s, %(sealed)s, now(), '', '', 0
  FROM fresh
  ON CONFLICT (tenant_id, kind, account, value) DO UPDATE SET value = i.value
  RETURNING contact_id
), made AS (
  INSERT INTO contacts_contact
    (id, tenant_id, name, gender, custom, source, sourced_at, channel_id, live_code_id, excluded,
     excluded_reason, created_at, updated_at)
  SELECT fresh.id, %(tenant)s, %(name)s, '', '{}', %(source)s, %(at)s, %(channel)s, %(live_code)s,
    false, '', now(), now()
  FROM fresh JOIN claimed ON claimed.contact_id = fresh.id
  RETURNING id
)
SELECT claimed.contact_id, EXISTS (SELECT 1 FROM made) FROM claimed
"""


def find(accounts: Sequence[Account]) -> int | None:
    """The contact of the first of these accounts that is known."""
    held = holders(accounts)
    return next((held[one] for one in accounts if one in held), None)


def find_or_create(accounts: Sequence[Account], origin: Origin, name: str = "") -> Found:
    """The contact behind the accounts, strongest first; made when none is known.

    Accounts that nobody holds become the contact's; those of another contact stay there until a
    worker has merged the two, or a person has decided (contacts/merging).
    """
    known = find(accounts)
    found = Found(known, created=False) if known is not None else claim(accounts[0], origin, name)
    if len(accounts) > 1:
        attach(found.contact_id, accounts)
    return found


def attach(contact_id: int, accounts: Sequence[Account]) -> list[int]:
    """Give the contact these accounts. Answers the other contacts that hold some of them."""
    held = holders(accounts)
    free = [one for one in accounts if one not in held]
    if free:
        rows = [
            Identity(
                contact_id=contact_id, kind=one.kind, account=one.app, value=_value(one),
                sealed=one.value if one.kind in Identity.HASHED else "",
            )
            for one in free
        ]  # fmt: skip
        Identity.objects.bulk_create(rows, ignore_conflicts=True)
        held = holders(accounts)
    others = {one: holder for one, holder in held.items() if holder != contact_id}
    if others:
        _note(contact_id, others)
    return sorted(set(others.values()))


def claim(account: Account, origin: Origin, name: str = "") -> Found:
    """The contact of one account, found or made in one statement."""
    parameters: dict[str, int | str | datetime | None] = {
        "tenant": current_tenant_id(),
        "kind": account.kind,
        "account": account.app,
        "value": _value(account),
        "sealed": _sealed(account),
        "name": name,
        "source": origin.source,
        "at": origin.at,
        "channel": origin.channel_id,
        "live_code": origin.live_code_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, parameters)
        contact_id, created = cursor.fetchone()
    if created:
        webhook_events.created([int(contact_id)])
    return Found(int(contact_id), created=bool(created))


def holders(accounts: Iterable[Account]) -> dict[Account, int]:
    """Which contacts hold these accounts; one query for any number."""
    wanted = {(one.kind, _value(one), one.app): one for one in accounts}
    rows = Identity.objects.filter(
        kind__in={kind for kind, _value, _app in wanted},
        account__in={app for _kind, _value, app in wanted},
        value__in={value for _kind, value, _app in wanted},
    ).values_list("kind", "value", "account", "contact_id")
    held = {(kind, value, app): contact for kind, value, app, contact in rows}
    return {wanted[account]: contact for account, contact in held.items() if account in wanted}


def _value(account: Account) -> str:
    """As it lies in the table: a phone or an e-mail address as keyed hash."""
    if account.kind in Identity.HASHED:
        return vault.blind(account.value, account.kind).hex()
    return account.value


def _sealed(account: Account) -> str:
    """For a statement of our own: the text beside the keyed hash."""
    if account.kind not in Identity.HASHED:
        return ""
    field = cast("EncryptedField", Identity._meta.get_field("sealed"))
    return field.sealed_for(_value(account), account.value)


def _note(contact_id: int, others: dict[Account, int]) -> None:
    """Merging has a transaction of its own; until then both keep their place."""
    for account, other in others.items():
        why = _TELLING.get(account.kind)
        pairs.note([(contact_id, other)], why or Duplicate.Why.ACCOUNT, due=why is not None)


# What the platform or the person has proved belongs to one human being only.
_TELLING: Final[dict[str, Duplicate.Why]] = {
    Identity.Kind.UNIONID: Duplicate.Why.UNIONID,
    Identity.Kind.PHONE: Duplicate.Why.PHONE,
}
