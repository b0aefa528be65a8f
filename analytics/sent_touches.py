"""Which messages were sent to contacts: by SOPs, by broadcasts, or as files tell? SQL to share.

A note to staff about a contact is none: its contact gets nothing. A broadcast to groups or a moment
is none either (DOMAIN.md §5: a touch is to one contact).
"""

from __future__ import annotations

import re
from typing import Final

# Of events (e): what a file tells was delivered; our own sendings have rows of their own.
TOLD: Final = "e.kind = 'touch.delivered' AND e.source NOT IN ('touch', 'broadcast')"
# A contact, a moment, a kind and who sent it, from %(since)s to before %(until)s. `{who column}` is
# where a question narrows contacts.
OWN: Final = """
SELECT contact_id, sent_at AS at, kind, staff_id FROM journeys_touch
WHERE tenant_id = %(tenant)s AND sent_at >= %(since)s AND sent_at < %(until)s
  AND state IN ('sent', 'delivered') AND route <> 'app_message' {who contact_id}
UNION ALL
SELECT r.contact_id, r.settled_at, b.kind, r.staff_id
FROM campaigns_broadcastrecipient r
JOIN campaigns_broadcast b ON b.tenant_id = r.tenant_id AND b.id = r.broadcast_id
WHERE r.tenant_id = %(tenant)s AND b.tenant_id = %(tenant)s
  AND r.settled_at >= %(since)s AND r.settled_at < %(until)s
  AND r.state = 'delivered' AND r.contact_id IS NOT NULL {who r.contact_id}
"""
# What a file tells counts where it says the kind, as our own events do.
TOLD_TOUCHES: Final = f"""
SELECT e.contact_id, e.at, e.properties->>'touch_kind' AS kind, s.id AS staff_id
FROM contacts_event e LEFT JOIN tenants_staff s ON s.tenant_id = e.tenant_id
  AND s.tenant_id = %(tenant)s AND s.userid = e.properties->>'staff'
WHERE e.tenant_id = %(tenant)s AND {TOLD} AND e.at >= %(since)s AND e.at < %(until)s
  AND e.properties->>'touch_kind' IN ('promotion', 'service', 'greeting') {{who e.contact_id}}
"""  # noqa: S608 - our own names
TOUCHES: Final = f"{OWN} UNION ALL {TOLD_TOUCHES}"
GENTLE: Final = "kind IN ('service', 'greeting')"


def of_everybody(sql: str) -> str:
    return re.sub(r" ?\{who [^}]*\}", "", sql)


# What a file tells of (e) names its script, as our own events do.
SOP_TOLD: Final = (
    "COALESCE((SELECT p.id::text FROM journeys_sop p WHERE p.tenant_id = %(tenant)s"
    " AND p.name = e.properties->>'sop'), 'named:' || NULLIF(e.properties->>'sop', ''))"
)
