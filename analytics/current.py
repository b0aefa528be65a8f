"""Is everything that happened counted? One look for every report, as nearly always it is."""

from __future__ import annotations

from typing import Final

from django.db import connection

from contacts.models import ContactSettings
from tenants.scope import current_tenant_id

_LOOK: Final = """
SELECT s.basis, t.zone, c.interacting_days, c.owned_days, (
    SELECT string_agg(id::text, ' ' ORDER BY position) FROM journeys_stage
    WHERE tenant_id = %(tenant)s)
FROM analytics_factsstate s JOIN tenants_tenant t ON t.id = s.tenant_id
LEFT JOIN contacts_contactsettings c ON c.tenant_id = s.tenant_id AND c.tenant_id = %(tenant)s
WHERE s.tenant_id = %(tenant)s
  AND NOT EXISTS (SELECT FROM analytics_dirtycontact WHERE tenant_id = %(tenant)s)
  AND NOT EXISTS (
    SELECT FROM contacts_event WHERE tenant_id = %(tenant)s AND handled_at IS NULL)
"""


def nothing_new(form: int) -> bool:
    """Inside a scope: nothing waits to be counted, and facts of this form depend on what they did
    when they were read.
    """
    with connection.cursor() as cursor:  # by every report: without the words of models
        cursor.execute(_LOOK, {"tenant": current_tenant_id()})
        row = cursor.fetchone()
    if row is None:
        return False
    known, zone, interacting, owned, stages = row
    if interacting is None:
        rule = ContactSettings()
        interacting, owned = rule.interacting_days, rule.owned_days
    return bool(known == basis(form, zone, interacting, owned, stages or ""))


def basis(form: int, zone: str, interacting_days: int, owned_days: int, stages: str) -> str:
    """What every fact depends on besides its contact: its form, the zone, the order of the stages
    (their ids), and for how long a sign of life and an order count.
    """
    return f"{form} {zone} {interacting_days} {owned_days} {stages}"[:500]
