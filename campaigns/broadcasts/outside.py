"""Mass messages and moments that were made at WeCom itself, in its console or client or by other
software: listed page by page, then kept and followed as our own are (results.py).

What we made is known by its id at WeCom. While the answer to a call of ours is lost, what was made
in those minutes may be ours, and is left for another night.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.broadcasts import results
from campaigns.broadcasts.outside_results import members
from campaigns.models import Broadcast, BroadcastBatch
from contacts.models import SyncRun
from contacts.sync.jobs import Job
from journeys.models import SharedTask, Touch
from tenants.models import Tenant
from tenants.scope import scope
from tenants.wechat import mass_sends, moments
from tenants.wechat.client import WeComClient
from tenants.wechat.content import Attached
from tenants.wechat.errors import Retryable, Terminal

FIRST_DAYS: Final = timedelta(days=30)  # the platform tells of no longer span at once
AGAIN: Final = timedelta(days=3)  # lists lag, and some are left for another night
CLOCKS: Final = timedelta(minutes=5)
# Results are asked for by ten in a second at most: our own wait in the same queue.
SPACING: Final = timedelta(milliseconds=100)
NAME_LENGTH: Final = 60
Route, Origin = Broadcast.Route, Broadcast.Origin
ROUTES: Final = (Route.MASS_TASK, Route.GROUP_SEND, Route.MOMENT)


@dataclass(frozen=True)
class Send:
    """As WeCom lists it, whatever it is."""

    id: str
    creator: str
    made_at: datetime
    text: str
    attached: tuple[Attached, ...]
    personal: bool

    @property
    def perhaps_ours(self) -> bool:
        return not self.creator and not self.personal


def read(tenant_id: int, job: Job, client: WeComClient) -> None:
    """A step of a synchronisation (contacts/sync/running.py): all lists since the last one."""
    with scope(tenant_id):
        _wait_for_customers(job)
        if not job.place:
            job.place = _beginning(job)
            job.keep()
    while job.place["route"] < len(ROUTES):
        route = ROUTES[job.place["route"]]
        found, cursor = _page(client, route, job.place)
        with scope(tenant_id):
            job.place["created"] += take(job.account_id, route, found)
            job.place["done"] += len(found)
            job.place["cursor"] = cursor
            job.place["route"] += not cursor
            job.keep(done=job.place["done"], created=job.place["created"])


def _wait_for_customers(job: Job) -> None:
    """Whom a message reached is told by ids of customers: they are read before."""
    before = SyncRun.objects.filter(
        account=job.account_id, kind=SyncRun.Kind.CUSTOMERS, finished_at=None
    )
    if before.exists():
        raise Retryable(_("Customers are read first."), retry_after=60)


def _beginning(job: Job) -> dict[str, Any]:
    rows = SyncRun.objects.filter(
        account=job.account_id, kind=SyncRun.Kind.SENDS, state=SyncRun.State.DONE
    )
    last = rows.order_by("-id").values_list("started_at", flat=True).first()
    now = timezone.now()
    since = max(now - FIRST_DAYS, last - AGAIN) if last else now - FIRST_DAYS
    return {
        "since": int(since.timestamp()) + 1, "until": int(now.timestamp()),
        "route": 0, "cursor": "", "done": 0, "created": 0,
    }  # fmt: skip


def _page(client: WeComClient, route: str, place: dict[str, Any]) -> tuple[list[Send], str]:
    try:
        return _listed(client, route, place["since"], place["until"], place["cursor"])
    except Terminal:
        if not place["cursor"]:
            raise
        # A cursor of long ago: this list is read from its beginning, which doubles nothing.
        return _listed(client, route, place["since"], place["until"], "")


def _listed(
    client: WeComClient, route: str, since: int, until: int, cursor: str
) -> tuple[list[Send], str]:
    if route == Route.MOMENT:
        posts = moments.moment_page(client, since=since, until=until, cursor=cursor)
        found = [
            Send(one.moment_id, one.creator, _at(one.created), one.text, one.attached,
                 personal=bool(one.creator))
            for one in posts.moments
        ]  # fmt: skip
        return found, posts.cursor
    tasks = mass_sends.mass_task_page(
        client, since=since, until=until, cursor=cursor,
        chat_type="group" if route == Route.GROUP_SEND else "single",
    )  # fmt: skip
    return [
        Send(one.msgid, one.creator, _at(one.created), one.text, one.attached, one.personal)
        for one in tasks.tasks
    ], tasks.cursor


# --- keep ---


def take(account_id: int, route: str, found: Collection[Send]) -> int:
    """Inside a scope: keep those that are new. Answers how many there were."""
    told = {one.id: one for one in found if 0 < len(one.id) <= 120}
    for pk in _known(told):
        del told[pk]
    new = _without_ours(list(told.values()))
    if not new:
        return 0
    makers = members([one.creator for one in new], account_id)
    zone = ZoneInfo(Tenant.current().zone)
    Broadcast.objects.bulk_create(
        [_row(one, account_id, route, makers, zone) for one in new], ignore_conflicts=True
    )
    # Two accounts of one corporation list the same: whoever came second finds the other's batch.
    there = BroadcastBatch.objects.values("broadcast")
    rows = list(
        Broadcast.objects.filter(outside_id__in=[one.id for one in new])
        .exclude(pk__in=there)
        .order_by("id")
    )
    first = timezone.now()
    BroadcastBatch.objects.bulk_create(
        [
            BroadcastBatch(
                broadcast=row, state=BroadcastBatch.State.WAITING, provider_id=row.outside_id,
                accepted_at=row.started_at, poll_at=first + number * SPACING,
            )
            for number, row in enumerate(rows)
        ]
    )  # fmt: skip
    if rows:
        results.ring(first)
    return len(rows)


def _known(ids: Collection[str]) -> set[str]:
    found = set(Broadcast.objects.filter(outside_id__in=ids).values_list("outside_id", flat=True))
    batches = BroadcastBatch.objects.filter(provider_id__in=ids)
    found |= set(batches.values_list("provider_id", flat=True))
    for model in (Touch, SharedTask):
        found |= set(
            model.objects.filter(provider_id__in=ids).values_list("provider_id", flat=True)
        )
    return found


def _without_ours(sends: Sequence[Send]) -> list[Send]:
    """Without those that a call of ours may have made whose answer is not known."""
    doubtful = [one.made_at for one in sends if one.perhaps_ours]
    if not doubtful:
        return list(sends)
    span = (min(doubtful) - CLOCKS, max(doubtful) + CLOCKS)
    open_now = (BroadcastBatch.State.ASKED, BroadcastBatch.State.PREPARING)
    batches = BroadcastBatch.objects.filter(state__in=open_now, asked_at__range=span)
    # Also those of an erased person, whose id is forgotten.
    touches = Touch.objects.filter(
        route=Route.MASS_TASK, shared=None, provider_id="", sending_at__range=span
    )
    shared = SharedTask.objects.filter(provider_id="", asked_at__range=span)
    times = [
        *batches.values_list("asked_at", flat=True),
        *shared.values_list("asked_at", flat=True),
        *touches.values_list("sending_at", flat=True),
    ]
    asked = [at for at in times if at is not None]
    return [
        one
        for one in sends
        if not (one.perhaps_ours and any(abs(one.made_at - at) <= CLOCKS for at in asked))
    ]


def _row(
    one: Send, account_id: int, route: str, makers: dict[str, int], zone: ZoneInfo
) -> Broadcast:
    words = " ".join(one.text.split()) or next((a.title for a in one.attached if a.title), "")
    return Broadcast(
        name=words[:NAME_LENGTH] or f"{one.made_at.astimezone(zone):%Y-%m-%d %H:%M}",
        route=route,
        account_id=account_id,
        origin=Origin.MEMBER if one.personal else Origin.WECOM,
        outside_id=one.id,
        maker_id=makers.get(one.creator[:64]),
        text=one.text,
        attachments=[
            {"type": each.kind, **({"title": each.title} if each.title else {}),
             **({"url": each.url} if each.url else {})}
            for each in one.attached
        ],
        state=Broadcast.State.WAITING,
        started_at=one.made_at,
        frozen_at=one.made_at,
    )  # fmt: skip


def _at(seconds: int | None) -> datetime:
    return datetime.fromtimestamp(seconds, UTC) if seconds else timezone.now()
