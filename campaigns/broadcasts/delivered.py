"""What do results make of recipients, and what is told on the timelines of contacts?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from django.db import connection

from campaigns.models import BroadcastBatch, BroadcastRecipient, BroadcastShare
from contacts import arrays, kinds, timeline
from contacts.models import Identity
from contacts.timeline import NewEvent
from tenants.ids import encode
from tenants.scope import current_tenant_id
from tenants.wechat.mass_sends import MassResult, MassStatus
from tenants.wechat.moments import Reaction, Reactions

SOURCE: Final = "broadcast"
LIKED: Final = "moment.liked"
COMMENTED: Final = "moment.commented"
State = BroadcastRecipient.State
_STATES: Final = {
    MassStatus.SENT: State.DELIVERED,
    MassStatus.NOT_A_FRIEND: State.NOT_A_FRIEND,
    MassStatus.OTHER_MASS_MESSAGE: State.QUOTA,
    MassStatus.UNSEEN: State.FAILED,
}

_WRITE = """
UPDATE campaigns_broadcastrecipient r
SET state = t.state, settled_at = t.at, staff_id = %(staff)s
FROM unnest(%(targets)s::text[], %(states)s::text[], %(times)s::timestamptz[])
  AS t(target, state, at)
WHERE r.tenant_id = %(tenant)s AND r.batch_id = %(batch)s AND r.target = t.target
  AND (r.state = 'waiting' OR t.state = 'delivered' AND r.state IN ('not_friend', 'quota'))
RETURNING r.id, r.contact_id, r.state, r.settled_at
"""


def write(
    batch: BroadcastBatch, share: BroadcastShare, results: Sequence[MassResult], now: datetime
) -> None:
    """Inside a scope, the batch locked: two statements for a page, and nothing for one that was
    written before. What one member could not deliver another may have (made at WeCom itself)."""
    told = [one for one in results if one.status in _STATES]
    if not told:
        return
    parameters: dict[str, int | str] = {
        "tenant": current_tenant_id(),
        "batch": batch.pk,
        "staff": share.staff_id,
        "targets": arrays.literal([one.external_userid or one.chat_id for one in told]),
        "states": arrays.literal([_STATES[one.status].value for one in told]),
        "times": arrays.literal([_at(one.sent, now) for one in told]),
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, parameters)
        changed = cursor.fetchall()
    _tell(batch, share.staff.userid, changed)


def tell_reactions(batch: BroadcastBatch, userid: str, reactions: Reactions) -> None:
    """Inside a scope: who liked a moment or wrote under it; telling it again is no harm."""
    both = [*reactions.likes, *reactions.comments]
    names = {one.external_userid for one in both if one.at}
    if not names:
        return
    known = dict(
        Identity.objects.filter(
            kind=Identity.Kind.EXTERNAL_USERID, value__in=names
        ).values_list("value", "contact_id")
    )  # fmt: skip
    timeline.record(
        [
            *_reactions(batch, userid, LIKED, reactions.likes, known),
            *_reactions(batch, userid, COMMENTED, reactions.comments, known),
        ]
    )


def _tell(batch: BroadcastBatch, userid: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """As a touch tells: sent and delivered, so that scores, segments and figures see it."""
    properties = _properties(batch, userid)
    events: list[NewEvent] = []
    for pk, contact_id, state, at in rows:
        if state != State.DELIVERED or contact_id is None:
            continue
        events += [
            NewEvent(contact_id, kind, at, SOURCE, f"recipient:{pk}:{kind}", properties)
            for kind in (kinds.TOUCH_SENT, kinds.TOUCH_DELIVERED)
        ]
    timeline.record(events)


def _reactions(
    batch: BroadcastBatch,
    userid: str,
    kind: str,
    reactions: Iterable[Reaction],
    known: dict[str, int],
) -> list[NewEvent]:
    properties = _properties(batch, userid)
    return [
        NewEvent(
            known[one.external_userid], kind, datetime.fromtimestamp(one.at, UTC), SOURCE,
            f"batch:{batch.pk}:{userid}:{kind}:{one.at}:{known[one.external_userid]}", properties,
        )
        for one in reactions
        if one.external_userid in known and one.at
    ]  # fmt: skip


def _properties(batch: BroadcastBatch, userid: str) -> dict[str, object]:
    return {
        "broadcast": batch.broadcast.name,
        "broadcast_id": encode(batch.broadcast_id),
        "route": batch.broadcast.route,
        "staff": userid,
        "by": "wecom" if batch.broadcast.outside else "broadcast",  # picks the sentence (apps.py)
    }


def _at(seconds: int | None, now: datetime) -> datetime:
    return datetime.fromtimestamp(seconds, UTC) if seconds else now
