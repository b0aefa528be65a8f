"""How does a callback get into the inbox in one round trip, however many come at once?

Bursts of the platform end here. So an account is remembered for a moment, and what has to be
written goes to Postgres as one message of two transactions: the first stores the callback; the
second, which does not wait for the disk, posts the tenant on the board of due work. It comes after
that commit: a worker that has just looked and found nothing must not take the entry away.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.models import Q
from django.utils import timezone

from tenants import doorbell
from tenants.ids import tenant_of_code
from tenants.models import WeChatAccount
from tenants.scope import in_one_message, scope
from tenants.wechat.accounts import callback_keys_of
from tenants.wechat.callback import CallbackKeys, OpenedCallback

QUEUE: Final = "callbacks"
# So long a process may go by what it knows of an account: that it is active, and its keys.
REMEMBERED_S: Final = 2.0
MOST_REMEMBERED: Final = 10_000
SEEN_EVERY: Final = timedelta(minutes=1)

# Two edits of one second are equal to the byte, and only say "look again": the second is taken up
# anew when the first was handled already.
STORE: Final = """
INSERT INTO tenants_callback AS c
  (tenant_id, account_id, digest, body, received_at, attempts, problem)
VALUES (%(tenant)s, %(account)s, %(digest)s, %(body)s, %(now)s, 0, '')
ON CONFLICT (tenant_id, account_id, digest) DO UPDATE SET handled_at = NULL
WHERE c.handled_at IS NOT NULL AND c.problem = ''
  AND position('<![CDATA[edit_external_contact]]>'::bytea IN c.body) > 0
"""


@dataclass(frozen=True)
class Door:
    """Where the callbacks of one account come in."""

    code: str
    tenant_id: int
    account_id: int
    keys: CallbackKeys
    last_callback_at: datetime | None


_remembered: dict[str, tuple[Door, float]] = {}


def remembered(code: str) -> Door | None:
    """What was read a moment ago; it may have been changed since."""
    door, read_at = _remembered.get(code, (None, 0.0))
    return door if time.monotonic() - read_at < REMEMBERED_S else None


def read(code: str) -> Door | None:
    """The door of this code as it is now; None when there is none, or it is closed."""
    tenant_id = tenant_of_code(code)
    if tenant_id is None:
        return None
    read_at = time.monotonic()
    with scope(tenant_id):
        rows = WeChatAccount.objects.filter(code=code, active=True, tenant__active=True)
        account = rows.first()
        if account is None:
            _remembered.pop(code, None)
            return None
        keys = callback_keys_of(account)
    door = Door(code, tenant_id, account.pk, keys, account.last_callback_at)
    if len(_remembered) >= MOST_REMEMBERED:
        _remembered.clear()
    _remembered[code] = door, read_at
    return door


def store(door: Door, opened: OpenedCallback) -> None:
    """Outside any scope: once this returns, the callback is on the disk, once, and announced."""
    now = timezone.now()
    post, row = doorbell.entry(door.tenant_id, QUEUE, now)
    values: dict[str, Any] = {"tenant": door.tenant_id, "account": door.account_id, "now": now}
    values |= {"digest": opened.digest, "body": opened.body, **row}
    stored = in_one_message(door.tenant_id, STORE)
    if _sent(f"{stored}; SET LOCAL synchronous_commit = off; {post}", values):
        doorbell.posted(door.tenant_id, QUEUE)
    if door.last_callback_at is None or now - door.last_callback_at > SEEN_EVERY:
        _note_sign_of_life(door, now)


def note_echo(door: Door) -> None:
    with scope(door.tenant_id):
        WeChatAccount.objects.filter(pk=door.account_id).update(echoed_at=timezone.now())


def _sent(statements: str, values: dict[str, Any]) -> int:
    """How many rows the last of them wrote. What a dead connection lost is sent once more: a
    callback is stored once."""
    try:
        return _run(statements, values)
    except (OperationalError, InterfaceError):
        return _run(statements, values)


def _run(statements: str, values: dict[str, Any]) -> int:
    # Django would ask a connection whether it lives before each request's first use of it.
    connection.health_check_done = True  # type: ignore[attr-defined] # unknown to the stubs
    try:
        with connection.cursor() as cursor:
            cursor.execute(statements, values)
            return int(cursor.rowcount)
    except (DatabaseError, InterfaceError):
        connection.close()  # it may stand within a transaction that Django knows nothing of
        raise


def _note_sign_of_life(door: Door, now: datetime) -> None:
    # Once a minute: a burst must not queue up behind one row.
    _remembered.pop(door.code, None)
    quiet = Q(last_callback_at=None) | Q(last_callback_at__lt=now - SEEN_EVERY)
    with scope(door.tenant_id):
        WeChatAccount.objects.filter(quiet, pk=door.account_id).update(last_callback_at=now)
