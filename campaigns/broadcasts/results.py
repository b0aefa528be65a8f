"""What became of a broadcast? Read page by page, ever more seldom, on a queue of its own.

No callback tells that a member confirmed. First the members' parts are read, then, of each that is
confirmed, its results, a thousand a claim: whoever dies in between goes on at the stored cursor,
and reading a page again changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db.models import Min
from django.utils import timezone

from campaigns.broadcasts import delivered, outside_results, standing
from campaigns.broadcasts.jobs import LEASE
from campaigns.models import Broadcast, BroadcastBatch, BroadcastRecipient, BroadcastShare
from tenants import doorbell
from tenants.models import Staff
from tenants.scope import scope
from tenants.wechat import accounts, mass_sends, moments
from tenants.wechat.client import WeComClient
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import RateLimited, Retryable, Terminal, Unauthorised, WeChatError
from tenants.wechat.mass_sends import MassResultPage

log = logging.getLogger(__name__)

QUEUE: Final = "broadcast_results"
FIRST_POLL: Final = timedelta(seconds=20)
SELDOM: Final = timedelta(hours=6)
POLL_FOR: Final = timedelta(days=7)
MOMENT_FOR: Final = timedelta(days=3)  # likes and comments come later than the post
# After a member confirmed: whoever has no result by then was not ticked.
UNTICKED: Final = timedelta(hours=24)
GROUP_UNTICKED: Final = timedelta(hours=1)  # of groups only those are listed that got it
ACCOUNT_RETRY: Final = timedelta(minutes=30)
BACKOFF_S: Final = (5, 30, 120, 600, 1800)
Route, State = Broadcast.Route, BroadcastBatch.State
Share, Recipient = BroadcastShare.State, BroadcastRecipient.State


@dataclass(frozen=True)
class Job:
    """Members' parts of a batch (no share), or the results of one part from `cursor` on."""

    batch_id: int
    route: str
    provider_id: str
    attempt: int
    leased_until: datetime
    credentials: Credentials
    share_id: int = 0
    userid: str = ""
    cursor: str = ""
    author: str = ""  # of a member's own moment: there is no list of who publishes it


def next_due() -> datetime | None:
    due: datetime | None = BroadcastBatch.objects.aggregate(due=Min("poll_at"))["due"]
    return due


def ring(at: datetime) -> None:
    doorbell.ring(QUEUE, at)


def work(tenant_id: int) -> None:
    """Read what is due, one call after the other."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _carry_out)


def _claim() -> Job | None:
    now = timezone.now()
    rows = BroadcastBatch.objects.select_for_update(skip_locked=True, of=("self",))
    due = rows.filter(poll_at__lte=now).select_related("broadcast__account", "broadcast__maker")
    due = due.order_by("poll_at")
    for batch in due[:50]:
        active = batch.broadcast.account.active and batch.state == State.WAITING
        if active:
            return _job(batch, now)
        batch.poll_at = now + ACCOUNT_RETRY if batch.state == State.WAITING else None
        batch.save(update_fields=["poll_at"])
    return None


def _job(batch: BroadcastBatch, now: datetime) -> Job:
    batch.poll_at, batch.poll_attempts = now + LEASE, batch.poll_attempts + 1
    batch.save(update_fields=["poll_at", "poll_attempts"])
    shares = BroadcastShare.objects.filter(batch=batch, reading=True).select_related("staff")
    share = shares.order_by("id").first()
    return Job(
        batch_id=batch.pk,
        route=batch.broadcast.route,
        provider_id=batch.provider_id,
        attempt=batch.poll_attempts,
        leased_until=batch.poll_at,
        credentials=accounts.credentials_of(batch.broadcast.account),
        share_id=share.pk if share else 0,
        userid=share.staff.userid if share else "",
        cursor=share.cursor if share else "",
        author=_author(batch.broadcast),
    )


def _author(row: Broadcast) -> str:
    own = row.route == Route.MOMENT and row.origin == Broadcast.Origin.MEMBER
    return row.maker.userid if own and row.maker else ""


# --- read ---


def _carry_out(tenant_id: int, job: Job) -> None:
    try:
        with accounts.wecom_client_for(job.credentials) as client:
            settle = _read(client, job)
    except WeChatError as error:
        log.info("results of broadcast batch %s: %s", job.batch_id, error)
        with scope(tenant_id):
            _failed(job, error)
    else:
        with scope(tenant_id):
            accounts.note(job.credentials.account_id, "")
            settle()


def _read(client: WeComClient, job: Job) -> Callable[[], None]:
    if job.route == Route.MOMENT:
        return _read_moment(client, job)
    if job.share_id:
        page = mass_sends.mass_result_page(client, job.provider_id, job.userid, job.cursor)
        return lambda: _take_page(job, page)
    shares = list(mass_sends.mass_shares(client, job.provider_id))
    found = {one.userid: _moment(one.sent) for one in shares if one.confirmed}
    return lambda: _take_shares(job, found, [one.userid for one in shares])


def _read_moment(client: WeComClient, job: Job) -> Callable[[], None]:
    if job.author and not job.share_id:
        return lambda: _take_shares(job, {job.author: None}, [job.author])
    if not job.share_id:
        shares = list(moments.get_moment_task(client, job.provider_id))
        found: dict[str, datetime | None] = {one.userid: None for one in shares if one.published}
        return lambda: _take_shares(job, found, [one.userid for one in shares])
    seen = sum(1 for _ in moments.get_moment_send_result(client, job.provider_id, job.userid))
    reactions = moments.get_moment_comments(client, job.provider_id, job.userid)
    return lambda: _take_reactions(job, seen, reactions)


def _take_shares(
    job: Job, confirmed: Mapping[str, datetime | None], everyone: Sequence[str]
) -> None:
    """Who has confirmed, and when where that is told; their results are read next."""
    batch, now = _locked(job), timezone.now()
    if batch.broadcast.outside:
        outside_results.add_shares(batch, everyone)
    rows = BroadcastShare.objects.filter(batch=batch, state__in=(Share.WAITING, Share.CONFIRMED))
    changed = list(rows.select_related("staff").order_by("id"))
    moment = batch.broadcast.route == Route.MOMENT
    for share in changed:
        if share.staff.userid in confirmed and share.state == Share.WAITING:
            share.state = Share.CONFIRMED
            share.confirmed_at = confirmed[share.staff.userid] or now
        # Of what was made at WeCom, whom it is for is known by reading only.
        unread = batch.broadcast.outside and share.size is None and not moment
        share.reading, share.cursor = share.state == Share.CONFIRMED or unread, ""
    BroadcastShare.objects.bulk_update(
        changed, ["state", "confirmed_at", "reading", "cursor"], batch_size=500
    )
    if moment and not batch.broadcast.outside:
        _add_publishers(batch, confirmed, now)
    _go_on(batch, now)


def _add_publishers(
    batch: BroadcastBatch, confirmed: Mapping[str, datetime | None], now: datetime
) -> None:
    """Members whom the platform asked though we did not name them."""
    there = BroadcastShare.objects.filter(batch=batch).values("staff_id")
    more = Staff.objects.filter(userid__in=list(confirmed)).exclude(pk__in=there)
    BroadcastShare.objects.bulk_create(
        [
            BroadcastShare(
                batch=batch, staff=one, state=Share.CONFIRMED, confirmed_at=now, reading=True
            )
            for one in more
        ]
    )


def _take_page(job: Job, page: MassResultPage) -> None:
    batch, now = _locked(job), timezone.now()
    share = BroadcastShare.objects.select_for_update(no_key=True, of=("self",)).get(pk=job.share_id)
    if share.cursor != job.cursor:
        return  # another worker has read this page
    if batch.broadcast.outside:
        outside_results.add_recipients(batch, share, page.results)
        share.size = len(page.results) + (share.size or 0 if job.cursor else 0)
    delivered.write(batch, share, page.results, now)
    share.cursor, share.reading = page.cursor, bool(page.cursor)
    if not page.cursor and share.state == Share.CONFIRMED and not _waiting(share):
        share.state = Share.DONE
    share.save(update_fields=["cursor", "reading", "state", "size"])
    _go_on(batch, now)


def _take_reactions(job: Job, seen: int, reactions: moments.Reactions) -> None:
    batch, now = _locked(job), timezone.now()
    BroadcastShare.objects.filter(pk=job.share_id).update(
        seen_by=seen,
        likes=len(reactions.likes),
        comments=len(reactions.comments),
        reading=False,
    )
    delivered.tell_reactions(batch, job.userid, reactions)
    _go_on(batch, now)


def _failed(job: Job, error: WeChatError) -> None:
    batch, now = _locked(job), timezone.now()
    pause = timedelta(seconds=BACKOFF_S[min(job.attempt, len(BACKOFF_S)) - 1])
    if isinstance(error, Unauthorised):
        accounts.note(job.credentials.account_id, error.message)
        pause = ACCOUNT_RETRY
    elif isinstance(error, RateLimited | Retryable):
        pause = max(pause, timedelta(seconds=error.retry_after))
    elif isinstance(error, Terminal) and job.share_id:
        # This member's part cannot be read now: the others' can.
        BroadcastShare.objects.filter(pk=job.share_id).update(reading=False, cursor="")
    elif isinstance(error, Terminal) and _age(batch, now) > POLL_FOR:
        _end(batch, Recipient.NOT_SENT, now)  # nothing more will be told
        batch.save(update_fields=["state", "poll_at"])
        standing.review(batch.broadcast_id)
    if batch.state == State.WAITING:
        batch.poll_at, batch.problem = now + pause, error.message[:300]
        batch.save(update_fields=["poll_at", "problem"])


# --- and then ---


def _go_on(batch: BroadcastBatch, now: datetime) -> None:
    """The next page at once, else the next look later, or the end of it."""
    if batch.state != State.WAITING:
        return
    batch.poll_attempts, batch.problem = 0, ""
    if BroadcastShare.objects.filter(batch=batch, reading=True).exists():
        batch.poll_at = now
    else:
        batch.polled_at = now
        if batch.broadcast.outside:
            outside_results.count(batch)
        ending = _ending(batch, now)
        if ending is not None:
            _end(batch, ending, now)
        else:
            batch.poll_at = now + _pause(batch, now)
    batch.save(update_fields=["state", "poll_at", "polled_at", "poll_attempts", "problem"])
    standing.review(batch.broadcast_id)


def _ending(batch: BroadcastBatch, now: datetime) -> str | None:
    """Is nothing more to come? Then what becomes of those who still wait."""
    if batch.broadcast.state == Broadcast.State.CANCELLED and not batch.wants_cancel:
        return Recipient.CANCELLED
    shares = BroadcastShare.objects.filter(batch=batch)
    age = _age(batch, now)
    if batch.broadcast.route == Route.MOMENT:
        published = not shares.filter(state=Share.WAITING).exists()
        return Recipient.NOT_SENT if age > (MOMENT_FOR if published else POLL_FOR) else None
    states = set(shares.values_list("state", flat=True).distinct())
    if age > POLL_FOR or states == {Share.DONE}:
        return Recipient.NOT_SENT
    if not states:
        return None  # being dealt out at WeCom
    long = GROUP_UNTICKED if batch.broadcast.route == Route.GROUP_SEND else UNTICKED
    open_now = shares.exclude(state=Share.DONE).exclude(confirmed_at__lt=now - long)
    return None if open_now.exists() else Recipient.NOT_SENT


def _age(batch: BroadcastBatch, now: datetime) -> timedelta:
    return now - (batch.accepted_at or now)


def _end(batch: BroadcastBatch, state: str, now: datetime) -> None:
    rows = BroadcastRecipient.objects.filter(batch=batch, state=Recipient.WAITING)
    rows.update(state=state, settled_at=now)
    BroadcastShare.objects.filter(batch=batch, state=Share.CONFIRMED).update(state=Share.DONE)
    batch.poll_at = None
    batch.state = State.CANCELLED if state == Recipient.CANCELLED else State.DONE


def _pause(batch: BroadcastBatch, now: datetime) -> timedelta:
    """A quarter of the time since the platform took it, or since the last member confirmed."""
    shares = BroadcastShare.objects.filter(batch=batch).exclude(confirmed_at=None)
    latest = shares.order_by("-confirmed_at").values_list("confirmed_at", flat=True).first()
    began = max(filter(None, (batch.accepted_at, latest)), default=now)
    return min(max((now - began) / 4, FIRST_POLL), SELDOM)


def _waiting(share: BroadcastShare) -> bool:
    rows = BroadcastRecipient.objects.filter(batch=share.batch_id, staff=share.staff_id)
    return rows.filter(state=Recipient.WAITING).exists()


def _locked(job: Job) -> BroadcastBatch:
    rows = BroadcastBatch.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("broadcast").get(pk=job.batch_id)


def _moment(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
