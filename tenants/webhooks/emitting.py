"""An event happened: who wants to hear of it? Rows in the transaction of the change, or nothing.

    emitting.emit("order.paid", (Happened(key, {"order": …}, at) for …))

Where no endpoint of the business wants the type, that is a look at a set in memory: the items are
not even made. Otherwise it is one statement for any number of events and endpoints.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec
from django.db import connection, transaction
from django.utils import timezone

from tenants import doorbell
from tenants.models import WebhookDelivery, WebhookEndpoint
from tenants.scope import current_tenant_id

QUEUE: Final = "webhooks"
# So long a process may not know yet that somebody wants to hear of a type.
LEARNS_WITHIN_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Happened:
    """`key` is the event's own within its type: told twice, it goes out once. `data` holds opaque
    ids and codes, never what is known about people: that stays behind the API.
    """

    key: str
    data: Mapping[str, object]
    at: datetime


# By tenant: the types that are wanted, and when that was read.
_wanted: dict[int, tuple[frozenset[str], float]] = {}

_TELL = """
INSERT INTO tenants_webhookdelivery
  (tenant_id, endpoint_id, event_id, type, body, state, attempts, next_at, problem, created_at)
SELECT %(tenant)s, e.id, h.event_id, %(type)s, h.body, 'waiting', 0, %(now)s, '', %(now)s
FROM ROWS FROM (unnest(%(ids)s::text[], %(bodies)s::text[])) WITH ORDINALITY
  AS h(event_id, body, nr)
JOIN tenants_webhookendpoint e
  ON e.tenant_id = %(tenant)s AND e.enabled AND %(type)s = ANY(e.types)
ORDER BY h.nr, e.id
FOR KEY SHARE OF e
ON CONFLICT DO NOTHING
"""


def wanted(type_: str) -> bool:
    """Inside a scope: does an endpoint want events of this type?"""
    tenant_id = current_tenant_id()
    types, read_at = _wanted.get(tenant_id, (frozenset(), 0.0))
    if not read_at or time.monotonic() - read_at > LEARNS_WITHIN_S:
        read_at = time.monotonic()
        rows = WebhookEndpoint.objects.filter(enabled=True).values_list("types", flat=True)
        types = frozenset(name for names in rows for name in names)
        _wanted[tenant_id] = types, read_at
    return type_ in types


def forget() -> None:
    """Endpoints of the scope's tenant changed: read them anew once that is committed."""
    tenant_id = current_tenant_id()
    _wanted.pop(tenant_id, None)
    transaction.on_commit(lambda: _wanted.pop(tenant_id, None))


def listens(type_: str) -> bool:
    """Inside a scope: the same, as it is this moment."""
    rows = WebhookEndpoint.objects.filter(enabled=True).values_list("types", flat=True)
    return any(type_ in types for types in rows)


def emit(type_: str, happened: Iterable[Happened]) -> int:
    """Inside the scope and transaction of what happened. An endpoint that goes away meanwhile is no
    error of the change: the statement waits for its deletion, and passes it over. Answers how many
    messages there are of it."""
    if not wanted(type_):
        return 0
    tenant_id = current_tenant_id()
    bodies = {id_of(tenant_id, type_, each.key): body_of(type_, each) for each in happened}
    if not bodies:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _TELL,
            {
                "tenant": tenant_id,
                "type": type_,
                "ids": list(bodies),
                "bodies": list(bodies.values()),
                "now": timezone.now(),
            },
        )
        told: int = cursor.rowcount
    if told:
        doorbell.ring(QUEUE)
    return told


def to_one(endpoint: WebhookEndpoint, type_: str, happened: Happened) -> WebhookDelivery:
    """The same for one endpoint, whatever it asked for."""
    row = WebhookDelivery.objects.create(
        endpoint=endpoint,
        event_id=id_of(endpoint.tenant_id, type_, happened.key),
        type=type_,
        body=body_of(type_, happened),
        next_at=timezone.now(),
    )
    doorbell.ring(QUEUE)
    return row


def id_of(tenant_id: int, type_: str, key: str) -> str:
    """The same event has the same id, for every endpoint and at every try."""
    text = f"{tenant_id}|{type_}|{key}"
    return f"msg_{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"


def body_of(type_: str, happened: Happened) -> str:
    at = happened.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return msgspec.json.encode({"type": type_, "timestamp": at, "data": happened.data}).decode()
