"""What does a stored callback mean? The one door in.

`tenants.wechat.views` verified and stored it; here it becomes contacts, identities, events, tags
and welcomes. One worker a tenant at a time takes the inbox in order; the meaning commits together
with `handled_at`. Nothing depends on the order of arrival: events keep the platform's time and
their key is the callback's digest, so duplicates and swapped neighbours end in the same state.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Final

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from contacts import details, kinds, reach, tagging, timeline, welcome
from contacts.identity import Account, Origin, find, find_or_create
from contacts.models import Contact, Follow, Identity, LiveCode, LiveCodeTag, SourceKind
from contacts.timeline import NewEvent
from tenants import doorbell, ids
from tenants.models import Callback, WeChatAccount
from tenants.scope import current_tenant_id, scope
from tenants.wechat import events
from tenants.wechat.payload import BadPayload

log = logging.getLogger(__name__)

QUEUE = "callbacks"
SOURCE = "wecom"
BATCH: Final = 200
# Seconds after arrival from which the n-th repeat of a failed callback may be tried.
RETRIES_S: Final = (0, 2, 10, 60, 300, 1800)
# A platform's clock further ahead than this is wrong: then the arrival counts.
AHEAD: Final = timedelta(days=1)


@dataclass(frozen=True)
class Greeting:
    """A welcome that is owed to the friend of this member."""

    staff: str
    code: str
    text: str


@dataclass
class Taken:
    """A callback in work: read, and what has to follow once Follows are up to date."""

    row: Callback
    event: events.Event
    contact_id: int | None = None  # whose reach changed
    greeting: Greeting | None = None

    @property
    def at(self) -> datetime:
        created = self.event.created
        at = datetime.fromtimestamp(created, UTC) if created and created > 0 else None
        late = self.row.received_at + AHEAD
        return at if at is not None and at <= late else self.row.received_at

    @property
    def key(self) -> str:
        return bytes(self.row.digest).hex()


def next_due() -> datetime | None:
    waiting = Callback.objects.filter(handled_at=None)
    if waiting.filter(attempts=0).exists():
        return timezone.now()
    moments = waiting.values_list("received_at", "attempts")[:BATCH]
    return min((received + _pause(attempts) for received, attempts in moments), default=None)


def work(tenant_id: int) -> None:
    """Take the inbox batch by batch until nothing is due."""
    while True:
        with scope(tenant_id):
            if not drain():
                break
    with scope(tenant_id):
        doorbell.settle(QUEUE)


def drain(limit: int = BATCH) -> int:
    """Inside a scope: one batch. Answers how many callbacks were looked at."""
    if not _alone():
        return 0
    rows = list(_due()[:limit])
    taken = [one for row in rows if (one := _read(row)) is not None]
    try:
        with transaction.atomic():
            _apply(taken)
    except Exception:
        log.exception("a batch of %s callbacks failed; trying them one by one", len(taken))
        _apply_singly(taken)
    else:
        _done(taken)
    return len(rows)


def _due() -> QuerySet[Callback]:
    now = timezone.now()
    tries = [Q(attempts=n, received_at__lte=now - _pause(n)) for n in range(len(RETRIES_S))]
    ready = reduce(or_, tries)
    return Callback.objects.filter(ready, handled_at=None).select_related("account").order_by("id")


def _pause(attempts: int) -> timedelta:
    return timedelta(seconds=RETRIES_S[min(attempts, len(RETRIES_S) - 1)])


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtext('callbacks'), %s::int)",
            [current_tenant_id()],
        )
        return bool(cursor.fetchone()[0])


def _read(row: Callback) -> Taken | None:
    try:
        return Taken(row, events.parse(bytes(row.body)))
    except BadPayload as error:
        _bury(row, error)
        return None


def _apply_singly(taken: Sequence[Taken]) -> None:
    """One that cannot be applied must not hold up the others: it is tried again, then buried."""
    for one in taken:
        fresh = Taken(one.row, one.event)
        try:
            with transaction.atomic():
                _apply([fresh])
        except Exception as error:
            log.warning("callback %s failed: %s", one.row.pk, type(error).__name__)
            if one.row.attempts + 1 >= len(RETRIES_S):
                _bury(one.row, error)
            else:
                Callback.objects.filter(pk=one.row.pk).update(
                    attempts=F("attempts") + 1, problem=_words(error)
                )
        else:
            _done([fresh])


def _done(taken: Sequence[Taken]) -> None:
    rows = Callback.objects.filter(id__in=[one.row.pk for one in taken])
    rows.update(handled_at=timezone.now(), problem="")


def _bury(row: Callback, error: Exception) -> None:
    """A dead letter: kept with its problem, never tried again by itself."""
    Callback.objects.filter(pk=row.pk).update(
        handled_at=timezone.now(), attempts=F("attempts") + 1, problem=_words(error)
    )


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:500]


def _apply(taken: Sequence[Taken]) -> None:
    for one in taken:
        _understand(one)
    reach.rebuild(one.contact_id for one in taken if one.contact_id is not None)
    for one in taken:
        if one.greeting is not None:
            _greet(one, one.greeting)


def _understand(one: Taken) -> None:
    """What the platform tells that has no meaning here yet is handled by doing nothing."""
    match one.event:
        case events.ContactAdded() | events.HalfAdded() as event:
            _added(one, event)
        case events.StaffRemovedContact() as event:
            by = "transfer" if event.by_transfer else "staff"
            _removed(one, event.user_id, event.external_user_id, by)
        case events.ContactRemovedStaff() as event:
            _removed(one, event.user_id, event.external_user_id, "customer")
        case events.ContactEdited() as event:
            _edited(one, event)
        case event if one.row.account.kind == WeChatAccount.Kind.OFFICIAL:
            _fan(one, event)


def _added(one: Taken, event: events.ContactAdded | events.HalfAdded) -> None:
    half = isinstance(event, events.HalfAdded)
    code = LiveCode.objects.filter(state=event.state).first() if event.state else None
    origin = _origin(code, one.at)
    found = find_or_create([_wecom(event.external_user_id)], origin)
    one.contact_id = contact_id = found.contact_id
    if not found.created:
        _earlier_first_touch(contact_id, origin)
    opened: dict[str, object] = {"staff": event.user_id}
    opened |= {"state": event.state} if event.state else {}
    opened |= {"half": True} if half else {}
    happened = [NewEvent(contact_id, kinds.FOLLOW_OPENED, one.at, SOURCE, one.key, opened)]
    # Without approval a scan shows as the request, with approval only as the friend.
    if code is not None and half == code.skip_verify:
        scanned: dict[str, object] = {"live_code": code.name, "id": ids.encode(code.pk)}
        key = f"{one.key}:scan"
        happened.append(NewEvent(contact_id, kinds.LIVECODE_SCANNED, one.at, SOURCE, key, scanned))
    timeline.record(happened)
    if code is not None:
        tags = list(LiveCodeTag.objects.filter(live_code=code).values_list("tag_id", flat=True))
        tagging.add([contact_id], tags, f"live_code:{code.pk}", one.at)
        if event.welcome_code and code.welcome_text.strip():
            one.greeting = Greeting(event.user_id, event.welcome_code, code.welcome_text)
    details.ask(contact_id, event.external_user_id, one.row.account_id)


def _removed(one: Taken, userid: str, external_userid: str, by: str) -> None:
    # Its opening may still be on the way: the contact is made without a first touch.
    one.contact_id = find_or_create([_wecom(external_userid)], Origin()).contact_id
    ended: dict[str, object] = {"staff": userid, "by": by}
    timeline.record([NewEvent(one.contact_id, kinds.FOLLOW_ENDED, one.at, SOURCE, one.key, ended)])


def _edited(one: Taken, event: events.ContactEdited) -> None:
    contact_id = find([_wecom(event.external_user_id)])
    if contact_id is not None:
        details.ask(contact_id, event.external_user_id, one.row.account_id)


def _fan(one: Taken, event: events.Event) -> None:
    """A fan of an official account follows it or leaves it."""
    opened = {"subscribe": True, "unsubscribe": False}.get(event.route)
    if opened is None or not event.sender:
        return
    app = one.row.account.app_id
    origin = Origin(at=one.at) if opened else Origin()
    fan = Account(Identity.Kind.OPENID, event.sender, app)
    one.contact_id = find_or_create([fan], origin).contact_id
    kind = kinds.SUBSCRIPTION_OPENED if opened else kinds.SUBSCRIPTION_ENDED
    timeline.record([NewEvent(one.contact_id, kind, one.at, SOURCE, one.key, {"account": app})])


def _wecom(external_userid: str) -> Account:
    return Account(Identity.Kind.EXTERNAL_USERID, external_userid)


def _origin(code: LiveCode | None, at: datetime) -> Origin:
    if code is None:
        return Origin(SourceKind.PLATFORM, at)
    return Origin(SourceKind.LIVE_CODE, at, code.channel_id, code.pk)


def _earlier_first_touch(contact_id: int, origin: Origin) -> None:
    """The first touch is fixed for ever; but the callback that tells of it may come second."""
    told = (SourceKind.PLATFORM, SourceKind.LIVE_CODE)
    later = Q(sourced_at=None) | Q(sourced_at__gt=origin.at)
    Contact.objects.filter(later, id=contact_id, source__in=told).update(
        source=origin.source,
        sourced_at=origin.at,
        channel_id=origin.channel_id,
        live_code_id=origin.live_code_id,
        updated_at=timezone.now(),
    )


def _greet(one: Taken, owed: Greeting) -> None:
    if one.contact_id is None:
        return
    follow = Follow.objects.filter(contact_id=one.contact_id, staff__userid=owed.staff).first()
    if follow is not None and follow.ended_at is None:
        welcome.owe(follow, one.row.account, owed.code, owed.text, one.row.received_at)
