"""What is known of touches whose turn has come? All that their checks need, in one question."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from journeys import engine
from journeys.engine import Facts
from journeys.models import TO_FANS
from tenants.scope import current_tenant_id

_FACTS = """
SELECT t.id, t.attempt, t.contact_id, t.enrolment_id, t.follow_id, t.staff_id,
       t.route, t.kind, t.due_at,
       e.id IS NULL OR e.state = 'running',
       COALESCE(p.leave_on_order AND EXISTS (
         SELECT 1 FROM contacts_order o WHERE o.tenant_id = %(tenant)s
           AND o.contact_id = t.contact_id AND o.paid AND o.paid_at >= e.started_at), false),
       COALESCE(p.status = 'paused', false), c.excluded,
       COALESCE((SELECT NOT k.granted FROM contacts_consent k
                 WHERE k.tenant_id = %(tenant)s AND k.contact_id = t.contact_id
                   AND k.purpose = 'marketing' ORDER BY k.at DESC, k.id DESC LIMIT 1), false),
       f.id IS NOT NULL AND f.ended_at IS NULL,
       c.name, COALESCE(NULLIF(s.name, ''), s.userid, ''), COALESCE(st.text, ''),
       CASE WHEN ct.kind NOT IN ('image', 'mini') THEN ct.id END,
       COALESCE(st.fallbacks, '[]'::jsonb)::text, COALESCE(st.template_fields, '{}'::jsonb)::text,
       COALESCE(st.route, ''), COALESCE(st.attachments, '[]'::jsonb)::text
FROM journeys_touch t
JOIN contacts_contact c ON c.tenant_id = %(tenant)s AND c.id = t.contact_id
LEFT JOIN contacts_follow f ON f.tenant_id = %(tenant)s AND f.id = t.follow_id
LEFT JOIN tenants_staff s ON s.tenant_id = %(tenant)s AND s.id = t.staff_id
LEFT JOIN journeys_sopstep st ON st.tenant_id = %(tenant)s AND st.id = t.step_id
LEFT JOIN journeys_content ct ON ct.tenant_id = %(tenant)s AND ct.id = st.content_id
LEFT JOIN journeys_enrolment e ON e.tenant_id = %(tenant)s AND e.id = t.enrolment_id
LEFT JOIN journeys_sop p ON p.tenant_id = %(tenant)s AND p.id = e.sop_id
WHERE t.tenant_id = %(tenant)s AND t.id = ANY(%(ids)s)
ORDER BY t.due_at, t.id
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claimed touch with all that its checks need; `attempt` is the one before this claim."""

    id: int
    attempt: int
    contact_id: int
    enrolment_id: int | None
    follow_id: int | None
    staff_id: int | None
    route: str
    kind: str
    due_at: datetime
    running: bool
    ordered: bool
    paused: bool
    excluded: bool
    withdrawn: bool
    reachable: bool
    name: str
    staff: str
    text: str
    content_id: int | None  # to which a link leads
    fallbacks: str  # JSON, as of the step
    template_fields: str
    first_route: str
    attachments: str
    open_routes: tuple[str, ...] = ()  # this one and those after it that lead to the contact

    @property
    def routes(self) -> list[str]:
        """This route and those to try after it."""
        if self.fallbacks == "[]":
            return [self.route]
        routes = [self.first_route, *json.loads(self.fallbacks)]
        return routes[routes.index(self.route) :] if self.route in routes else [self.route]

    def facts(self) -> Facts:
        fields = json.loads(self.template_fields) if self.template_fields != "{}" else {}
        return Facts(
            route=self.route,
            kind=self.kind,
            text="\n".join([self.rendered(""), *map(str, fields.values())]),
            running=self.running,
            ordered=self.ordered,
            paused=self.paused,
            excluded=self.excluded,
            withdrawn=self.withdrawn,
            reachable=self.reachable,
        )

    @property
    def stopped(self) -> bool:
        """Did anything happen since it was checked that stops it?"""
        gone = not self.reachable and self.route not in TO_FANS
        return not self.running or self.paused or self.excluded or self.withdrawn or gone

    def rendered(self, link: str) -> str:
        return engine.render(self.text, {"name": self.name, "staff": self.staff, "link": link})


def facts_of(ids: Sequence[int]) -> list[Claimed]:
    """Inside a scope: of these touches, in due order."""
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, {"tenant": current_tenant_id(), "ids": list(ids)})
        return [Claimed(*row) for row in cursor.fetchall()]
