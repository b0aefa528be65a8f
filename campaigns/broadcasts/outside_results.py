"""Whom does a message reach that was made at WeCom itself? Only its results tell.

Customers and groups that are not known here are counted (`BroadcastShare.size`), and not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Sum

from campaigns.models import Broadcast, BroadcastBatch, BroadcastRecipient, BroadcastShare
from contacts.models import Group, Identity
from tenants.models import Staff
from tenants.userids import known
from tenants.wechat.mass_sends import MassResult


def members(userids: Iterable[str], account_id: int) -> dict[str, int]:
    """Inside a scope: staff ids by userid; a member nobody told us of is made, as one who left."""
    wanted = {userid[:64] for userid in userids if userid}
    found = known(wanted)
    for userid in sorted(wanted - found.keys()):
        row, _new = Staff.objects.get_or_create(
            userid=userid, defaults={"account_id": account_id, "active": False}
        )
        found[userid] = row.pk
    return found


def add_shares(batch: BroadcastBatch, userids: Sequence[str]) -> None:
    """Inside a scope, the batch locked: members who have a part in it."""
    wanted = set(members(userids, batch.broadcast.account_id).values())
    there = BroadcastShare.objects.filter(batch=batch).values_list("staff_id", flat=True)
    BroadcastShare.objects.bulk_create(
        [BroadcastShare(batch=batch, staff_id=pk) for pk in sorted(wanted.difference(there))],
        batch_size=2000,
    )


def add_recipients(
    batch: BroadcastBatch, share: BroadcastShare, results: Sequence[MassResult]
) -> None:
    """Inside a scope, the batch locked: those of the page that are known here, each once however
    many members may write to them."""
    wanted = {one.external_userid or one.chat_id for one in results} - {""}
    rows = BroadcastRecipient.objects.filter(batch=batch, target__in=wanted)
    wanted -= set(rows.values_list("target", flat=True))
    people = Identity.objects.filter(kind=Identity.Kind.EXTERNAL_USERID, value__in=wanted)
    groups = Group.objects.filter(chat_id__in=wanted)
    found: list[dict[str, Any]] = [
        *({"target": value, "contact_id": pk} for value, pk in people.values_list(
            "value", "contact_id")),
        *({"target": value, "group_id": pk} for value, pk in groups.values_list("chat_id", "id")),
    ]  # fmt: skip
    BroadcastRecipient.objects.bulk_create(
        [
            BroadcastRecipient(
                broadcast_id=batch.broadcast_id, batch=batch, staff_id=share.staff_id,
                state=BroadcastRecipient.State.WAITING, **each,
            )
            for each in found
        ],
        ignore_conflicts=True,
    )  # fmt: skip


def count(batch: BroadcastBatch) -> None:
    """Inside a scope: how many it is for, as far as WeCom has told."""
    size = BroadcastShare.objects.filter(batch=batch).aggregate(n=Sum("size"))["n"] or 0
    Broadcast.objects.filter(pk=batch.broadcast_id).update(total=size)
