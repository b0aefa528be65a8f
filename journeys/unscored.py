"""Who is not profiled? People who objected, and the shells of erased people."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection

from contacts.models import Consent
from tenants.scope import current_tenant_id

# In one query: a page of contacts asks this, too.
_UNSCORED = """
SELECT contact_id FROM (
  SELECT DISTINCT ON (contact_id) contact_id, granted FROM contacts_consent
  WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(ids)s::bigint[]) AND purpose = %(purpose)s
  ORDER BY contact_id, at DESC, id DESC) said WHERE NOT granted
UNION SELECT contact_id FROM contacts_erasure
WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(ids)s::bigint[])
"""


def among(contact_ids: Collection[int]) -> set[int]:
    """Those of these contacts whom nothing scores."""
    ids = list(contact_ids)
    if not ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            _UNSCORED,
            {"tenant": current_tenant_id(), "ids": ids, "purpose": Consent.Purpose.PROFILING},
        )
        return {int(pk) for (pk,) in cursor.fetchall()}
