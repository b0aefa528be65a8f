"""Which contacts have such a value in a field of the business's own? Answered by rows, not by JSON.

Row-level security takes the operators of JSON their index. So the values of defined fields are
filed beside the document as keys that compare like the values: texts and choices as they are (a
field of several choices has a row of each), numbers and days in digits of one length. Whoever
writes `Contact.custom` files it in the same transaction; what contacts held before a field was
defined is filed in the background, and until then its filters read the document.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from contacts import custom_fields
from contacts.models import ContactValue, CustomField
from tenants import doorbell
from tenants.scope import current_tenant_id

Kind = CustomField.Kind

QUEUE: Final = "custom_values"
LENGTH: Final = 64  # of a key; longer texts are compared in the document, too
BATCH: Final = 5000
_BEGUN: Final = 1  # everybody who writes knows the field; filed are contacts with an id below
_ABOVE: Final = 10**custom_fields.DIGITS  # makes every number positive
_LOCKED: Final = "55P03"


def key(of: CustomField, value: object) -> str:
    """The key of a clean value, as `_KEYS` makes it of a stored one."""
    if of.kind == Kind.NUMBER:
        return f"{Decimal(str(value)) + _ABOVE:023.6f}"
    if of.kind == Kind.BOOLEAN:
        return "true" if value else "false"
    return str(value)[:LENGTH]


def where(of: CustomField, test: str, value: Any) -> Q:
    """A condition on contacts, as that of `custom_fields.where`."""
    in_document = custom_fields.where(of, test, value)
    if test == "known" or of.filed_up_to is not None:
        return in_document
    rows = ContactValue.objects.filter(field_id=of.pk)
    if test:
        rows = rows.filter(**{f"value__{test}": key(of, value)})
    else:
        rows = rows.filter(value__in=[key(of, each) for each in value])
    found = Q(id__in=rows.values("holder"))
    cut = of.kind == Kind.TEXT and any(len(each) >= LENGTH for each in value)
    return found & in_document if cut else found


# The keys of documents `c` of <contacts>, in fields `f`: contact_id, field_id, value.
_KEYS: Final = f"""
SELECT c.id AS contact_id, f.id AS field_id, k.value
FROM <contacts> c JOIN contacts_customfield f ON f.tenant_id = %(tenant)s
CROSS JOIN LATERAL (
  SELECT CASE
    WHEN f.kind = 'number' THEN CASE WHEN d.text ~ '{custom_fields.NUMBER}'
      THEN to_char(d.text::numeric + {_ABOVE}, 'FM0000000000000000.000000') END
    WHEN f.kind = 'date' THEN CASE WHEN d.text ~ '{custom_fields.DAY}' THEN left(d.text, 10) END
    ELSE left(d.text, {LENGTH}) END AS value
  FROM (SELECT c.custom ->> f.key AS text WHERE f.kind <> 'multi') d
  UNION
  SELECT left(e.value #>> '{{}}', {LENGTH})
  FROM jsonb_array_elements(CASE WHEN f.kind = 'multi'
    AND jsonb_typeof(c.custom -> f.key) = 'array' THEN c.custom -> f.key ELSE '[]' END) e
  WHERE jsonb_typeof(e.value) = 'string') k
WHERE k.value IS NOT NULL
"""  # noqa: S608 - constants only
_KEY: Final = "hashtext('custom values'), %(tenant)s::int"
_FILE: Final = f"""
SELECT pg_advisory_xact_lock_shared({_KEY});
WITH these AS MATERIALIZED (
  SELECT id, custom FROM contacts_contact
  WHERE tenant_id = %(tenant)s AND id = ANY(%(contacts)s::bigint[])),
wanted AS MATERIALIZED ({_KEYS.replace("<contacts>", "these")}),
gone AS (
  DELETE FROM contacts_contactvalue v
  WHERE v.tenant_id = %(tenant)s AND v.contact_id = ANY(%(contacts)s::bigint[])
    AND NOT EXISTS (SELECT 1 FROM wanted w
      WHERE w.contact_id = v.contact_id AND w.field_id = v.field_id AND w.value = v.value))
INSERT INTO contacts_contactvalue (tenant_id, contact_id, field_id, value)
SELECT %(tenant)s, contact_id, field_id, value FROM wanted ORDER BY contact_id, field_id, value
ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants only


def file(contact_ids: Iterable[int]) -> None:
    """Inside a scope: file the values of these contacts anew, where they changed."""
    ids = list(contact_ids)
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(_FILE, {"tenant": current_tenant_id(), "contacts": ids})


# --- what was there before the field ---

# Held against writers, so that each document is read as it will be when they are done.
_FILE_NEXT: Final = f"""
WITH these AS MATERIALIZED (
  SELECT id, custom FROM contacts_contact
  WHERE tenant_id = %(tenant)s AND id >= %(next)s AND custom ? %(key)s
  ORDER BY id LIMIT {BATCH} FOR SHARE),
filed AS (
  INSERT INTO contacts_contactvalue (tenant_id, contact_id, field_id, value)
  SELECT %(tenant)s, contact_id, field_id, value
  FROM ({_KEYS.replace("<contacts>", "these")} AND f.id = %(field)s) k ORDER BY value, contact_id
  ON CONFLICT DO NOTHING)
SELECT max(id) + 1 FROM these
"""  # noqa: S608 - constants only


def next_due() -> datetime | None:
    """Now while a field's values are not all filed, or None."""
    return timezone.now() if _unfiled() is not None else None


def work(tenant_id: int) -> None:
    """Outside a scope: file what contacts held before their fields were defined."""
    doorbell.work_off(QUEUE, tenant_id, step)


def step() -> bool:
    """Inside a scope: the next batch of a field. False when there is none, or somebody writes."""
    of = _unfiled()
    if of is None or of.filed_up_to is None:
        return False
    if of.filed_up_to < _BEGUN:
        _wait_for_writers()
        _remember(of, _BEGUN)
        return True
    parameters: dict[str, int | str] = {
        "tenant": current_tenant_id(),
        "next": of.filed_up_to,
        "key": of.key,
        "field": of.pk,
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            # Sooner than Postgres looks for a circle of waiting: this gives in, and no writer.
            cursor.execute("SET LOCAL lock_timeout = '500ms'")
            cursor.execute(_FILE_NEXT, parameters)
            (following,) = cursor.fetchone()
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) != _LOCKED:
            raise
        return False
    _remember(of, following)
    return True


def _unfiled() -> CustomField | None:
    return CustomField.objects.filter(filed_up_to__isnull=False).order_by("id").first()


def _wait_for_writers() -> None:
    """Until those are done who filed contacts when this field was not there yet."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({_KEY})", {"tenant": current_tenant_id()})


def _remember(of: CustomField, filed_up_to: int | None) -> None:
    CustomField.objects.filter(pk=of.pk).update(filed_up_to=filed_up_to)
