"""Who is not profiled? People who objected, and the shells of erased people."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import connection

from contacts import arrays
from contacts.models import Consent
from tenants.scope import current_tenant_id

_AMONG = """
SELECT contact_id FROM (
  SELECT DISTINCT ON (contact_id) contact_id, granted FROM contacts_consent
  WHERE tenant_id = %s AND contact_id = ANY(%s::bigint[]) AND purpose = %s
  ORDER BY contact_id, at DESC, id DESC) said WHERE NOT granted
UNION SELECT contact_id FROM contacts_erasure
WHERE tenant_id = %s AND contact_id = ANY(%s::bigint[])
"""


def query(contact_ids: Collection[int]) -> tuple[str, list[Any]]:
    """Those of these contacts whom nothing scores: a statement that answers `contact_id`, for the
    FROM of larger ones, and its parameters.
    """
    tenant_id, ids = current_tenant_id(), arrays.literal(list(contact_ids))
    return _AMONG, [tenant_id, ids, Consent.Purpose.PROFILING, tenant_id, ids]


def among(contact_ids: Collection[int]) -> set[int]:
    """Those of these contacts whom nothing scores."""
    if not contact_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(*query(contact_ids))
        return {int(pk) for (pk,) in cursor.fetchall()}
