"""Which contacts are to be read again, and how much of each? Between a change and its refresh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection
from django.utils import timezone

from contacts import arrays
from tenants.scope import current_tenant_id


@dataclass
class Changed:
    """Ids by how much of them has to be read. Each is in one of the first four, or in none, and
    in one of the last two, for its deeds.
    """

    everything: set[int] = field(default_factory=set)
    corrected: set[int] = field(default_factory=set)  # all orders
    bought: set[int] = field(default_factory=set)  # orders, and signs of life, from `since` on
    spoken: set[int] = field(default_factory=set)  # signs of life from `since` on
    deeds: set[int] = field(default_factory=set)
    later_deeds: set[int] = field(default_factory=set)  # from `since` on
    since: datetime = field(default_factory=timezone.now)

    @property
    def much(self) -> set[int]:
        """Those for whom more than deeds is read."""
        return self.everything | self.corrected | self.bought | self.spoken


def mark(contact_ids: Sequence[int], since: datetime | None, only: str | None = None) -> None:
    """Inside a scope: note them; `only` is a column of DirtyContact: nothing but that changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_dirtycontact (tenant_id, contact_id, orders, spoke, deeds,"
            " since) SELECT %s, unnest(%s::bigint[]), %s, %s, %s, %s",
            [
                current_tenant_id(),
                arrays.literal(contact_ids),
                only == "orders",
                only == "spoke",
                only == "deeds",
                since,
            ],
        )


def take() -> Changed:
    """Inside a scope: the whole list, which is empty then, unless the transaction fails."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM analytics_dirtycontact WHERE tenant_id = %s"
            " RETURNING contact_id, orders, spoke, deeds, since",
            [current_tenant_id()],
        )
        rows = cursor.fetchall()
    found = Changed()
    for pk, orders, spoke, deeds, since in rows:
        (found.later_deeds if since else found.deeds).add(pk)
        if orders:
            (found.bought if since else found.corrected).add(pk)
        elif spoke:
            found.spoken.add(pk)
        elif not deeds:
            found.everything.add(pk)
        if since:
            found.since = min(found.since, since)
    found.corrected -= found.everything
    found.bought -= found.everything | found.corrected
    found.spoken -= found.everything | found.corrected | found.bought
    found.later_deeds -= found.deeds
    return found
