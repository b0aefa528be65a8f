"""Which welcomes are owed to new friends? One for each spell of a friendship that a code greets.

Who came without a code is noted as such: each friend of a code that greets has a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Max, QuerySet

from contacts.livecodes.greetings import Message
from contacts.models import Follow, Welcome
from tenants import doorbell
from tenants.models import WeChatAccount

QUEUE = "welcome"
LIFE: Final = timedelta(seconds=20)  # of a code
CODE_LENGTH: Final = 200


@dataclass(frozen=True)
class Debt:
    """A welcome that a friend is owed, since the callback with its code came in (or without)."""

    follow: Follow
    account: WeChatAccount
    live_code_id: int
    code: str
    message: Message
    received_at: datetime


def owe(debts: Sequence[Debt]) -> None:
    """Inside a scope: note the welcomes that these friends are owed.

    A customer who adds without approval gives two codes, of the request and of its acceptance:
    one spell of a Follow is greeted once, unless the first greeting certainly failed.
    """
    failed = (Welcome.State.FAILED, Welcome.State.EXPIRED)
    latest = _latest(debts, failed)
    rows: list[Welcome] = []
    for debt in debts:
        until = latest.get(debt.follow.pk)
        if len(debt.code) > CODE_LENGTH or (until is not None and until >= debt.follow.opened_at):
            continue
        row = _row(debt)
        if debt.code:
            _withdraw_no_code(debt, rows)
            latest[debt.follow.pk] = row.expires_at
        elif _noted(debt, rows):
            continue
        rows.append(row)
    if rows:
        Welcome.objects.bulk_create(rows, ignore_conflicts=True)
        doorbell.ring(QUEUE)


def _latest(debts: Sequence[Debt], failed: Sequence[str]) -> dict[int, datetime]:
    """Follow → until when its latest greeting that may have arrived was good."""
    earlier = Welcome.objects.filter(follow__in={debt.follow.pk for debt in debts})
    greeted = earlier.exclude(state__in=[*failed, Welcome.State.NO_CODE])
    return dict(
        greeted.values("follow_id")
        .annotate(latest=Max("expires_at"))
        .values_list("follow_id", "latest")
    )


def _row(debt: Debt) -> Welcome:
    return Welcome(
        follow=debt.follow,
        account=debt.account,
        live_code_id=debt.live_code_id,
        code=debt.code,
        text=debt.message.text,
        attachments=list(debt.message.attachments),
        received_at=debt.received_at,
        expires_at=debt.received_at + LIFE,
        state=Welcome.State.DUE if debt.code else Welcome.State.NO_CODE,
    )


def _of_spell(debt: Debt) -> QuerySet[Welcome]:
    return Welcome.objects.filter(follow=debt.follow, expires_at__gte=debt.follow.opened_at)


def _withdraw_no_code(debt: Debt, rows: list[Welcome]) -> None:
    """The code came with another callback of the same friendship."""
    _of_spell(debt).filter(state=Welcome.State.NO_CODE).delete()
    rows[:] = [row for row in rows if row.code or row.follow_id != debt.follow.pk]


def _noted(debt: Debt, rows: Sequence[Welcome]) -> bool:
    """Is there a result of this friendship already?"""
    return _of_spell(debt).exists() or any(row.follow_id == debt.follow.pk for row in rows)
