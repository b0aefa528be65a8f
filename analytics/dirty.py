"""Which contacts are to be read again, and how much of each? Between a change and its refresh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import connection
from django.utils import timezone

from analytics.models.facts import DirtyContact
from contacts import arrays
from tenants.scope import current_tenant_id

What = DirtyContact.What
# Where it stands in Changed: if it changed from a moment on, or ever.
_PLACES: Final[Mapping[int, tuple[str, str]]] = {
    What.ANYTHING: ("everything", "everything"),
    What.ORDERS: ("bought", "corrected"),
    What.SPOKE: ("spoken", "spoken"),
    What.DEEDS: ("touched", "deeds"),
    What.TALK: ("talked", "talked"),
    What.ALTERED: ("everything", "everything"),
}
# Fields of Changed whose deeds are read from `since` on.
LATER: Final = ("bought", "touched", "spoken", "talked")


@dataclass
class Changed:
    """Ids by how much of them has to be read. Each is in one of the first four, or in none; those
    of `deeds` need no more for theirs.
    """

    everything: set[int] = field(default_factory=set)
    corrected: set[int] = field(default_factory=set)  # all orders
    bought: set[int] = field(default_factory=set)  # orders, and signs of life, from `since` on
    spoken: set[int] = field(default_factory=set)  # signs of life from `since` on
    deeds: set[int] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)  # deeds from `since` on, as those two above
    talked: set[int] = field(default_factory=set)  # nothing but what waits for an answer
    resent: set[int] = field(default_factory=set)  # messages, of any day
    sent: set[datetime] = field(default_factory=set)  # moments at which a message was sent
    since: datetime = field(default_factory=timezone.now)

    @property
    def anything(self) -> bool:
        return any(getattr(self, name) for name in ("deeds", "resent", "sent", *LATER))

    @property
    def much(self) -> set[int]:
        """Those for whom more than deeds is read."""
        return self.everything | self.corrected | self.bought | self.spoken


def mark(
    contact_ids: Sequence[int], what: What = What.ANYTHING, since: datetime | None = None
) -> None:
    """Inside a scope: note that of these contacts this changed, and nothing before `since`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_dirtycontact (tenant_id, contact_id, what, since)"
            " SELECT %s, unnest(%s::bigint[]), %s, %s",
            [current_tenant_id(), arrays.literal(contact_ids), int(what), since],
        )


def take() -> Changed:
    """Inside a scope: the whole list, which is empty then, unless the transaction fails."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM analytics_dirtycontact WHERE tenant_id = %s"
            " RETURNING contact_id, what, since",
            [current_tenant_id()],
        )
        rows = cursor.fetchall()
    found = Changed()
    for pk, what, since in rows:
        if what == What.MESSAGES:
            found.sent.add(since)
            continue
        if what == What.ALTERED:
            found.resent.add(pk)
        later, sooner = _PLACES[what]
        getattr(found, later if since else sooner).add(pk)
        if since:
            found.since = min(found.since, since)
        else:
            found.deeds.add(pk)
    found.corrected -= found.everything
    found.bought -= found.everything | found.corrected
    found.spoken -= found.everything | found.corrected | found.bought
    return found
