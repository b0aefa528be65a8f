"""What does a stored callback mean? The one door in.

`tenants.wechat.views` verified and stored it; here it becomes contacts, identities, events, tags
and welcomes. One worker a tenant at a time takes the inbox in order; the meaning commits together
with `handled_at`. Nothing depends on the order of arrival: events keep the platform's time and
their key is the callback's digest, so duplicates and swapped neighbours end in the same state.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import F, Min, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from contacts import details, fans, kinds, reach, tagging, timeline, welcome_debts
from contacts.groups import told as groups
from contacts.identity import Account, Origin, claim, holders, touched
from contacts.livecodes import greetings
from contacts.models import (
    Follow,
    Identity,
    LiveCode,
    LiveCodeTag,
    LiveCodeWelcome,
    SourceKind,
)
from contacts.sync import told
from contacts.timeline import NewEvent
from contacts.transfers import told as transfers
from tenants import doorbell, ids
from tenants.models import Callback, WeChatAccount
from tenants.scope import current_tenant_id
from tenants.wechat import event_types as events
from tenants.wechat.events import parse
from tenants.wechat.payload import BadPayload

log = logging.getLogger(__name__)

QUEUE = "callbacks"
SOURCE = "wecom"
BATCH: Final = 200
# Seconds until the next try of a callback that failed once, twice …; then it is given up.
RETRIES_S: Final = (2, 10, 60, 300, 1800)
# A platform's clock further ahead than this is wrong: then the arrival counts.
AHEAD: Final = timedelta(days=1)


@dataclass(frozen=True)
class Greeting:
    """A welcome that is owed to the friend of this member."""

    contact_id: int
    staff: str
    code: str  # empty: the platform gave none
    live_code_id: int
    message: greetings.Message
    account: WeChatAccount
    received_at: datetime


@dataclass(frozen=True)
class Taken:
    """A callback in work, read."""

    row: Callback
    event: events.Event

    @property
    def at(self) -> datetime:
        created = self.event.created
        at = datetime.fromtimestamp(created, UTC) if created and created > 0 else None
        late = self.row.received_at + AHEAD
        return at if at is not None and at <= late else self.row.received_at

    def tells(
        self, contact_id: int, kind: str, properties: dict[str, object], suffix: str = ""
    ) -> NewEvent:
        """An event of the timeline; its key makes a repeated callback change nothing."""
        key = bytes(self.row.digest).hex() + suffix
        return NewEvent(contact_id, kind, self.at, SOURCE, key, properties)


def next_due() -> datetime | None:
    waiting = Callback.objects.filter(handled_at=None)
    due: datetime | None = waiting.aggregate(due=Min(Coalesce("retry_at", "received_at")))["due"]
    return due


def work(tenant_id: int) -> None:
    """Take the inbox batch by batch until nothing is due."""
    doorbell.work_off(QUEUE, tenant_id, drain)


def drain(limit: int = BATCH) -> int:
    """Inside a scope: one batch. Answers how many callbacks were looked at."""
    if not _alone():
        return 0
    rows = list(_due()[:limit])
    taken = [one for row in rows if (one := _read(row)) is not None]
    try:
        with transaction.atomic():
            _apply(taken)
    except Exception as error:
        if not connection.is_usable():
            raise  # the database is away: that is no callback's fault
        log.warning("%s callbacks failed together: %s", len(taken), type(error).__name__)
        _apply_singly(taken)
    else:
        _done(taken)
    return len(rows)


def _due() -> QuerySet[Callback]:
    ready = Q(retry_at=None) | Q(retry_at__lte=timezone.now())
    return Callback.objects.filter(ready, handled_at=None).select_related("account").order_by("id")


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtext('callbacks'), %s::int)",
            [current_tenant_id()],
        )
        return bool(cursor.fetchone()[0])


def _read(row: Callback) -> Taken | None:
    try:
        return Taken(row, parse(bytes(row.body)))
    except BadPayload as error:
        _bury(row, error)
        return None


def _apply_singly(taken: Sequence[Taken]) -> None:
    """One that cannot be applied must not hold up the others: it is tried again, then buried."""
    for one in taken:
        try:
            with transaction.atomic():
                _apply([one])
        except Exception as error:
            log.warning("callback %s failed: %s", one.row.pk, type(error).__name__)
            if one.row.attempts >= len(RETRIES_S):
                log.exception("callback %s is given up", one.row.pk)
                _bury(one.row, error)
            else:
                again = timezone.now() + timedelta(seconds=RETRIES_S[one.row.attempts])
                Callback.objects.filter(pk=one.row.pk).update(
                    attempts=F("attempts") + 1, retry_at=again, problem=_words(error)
                )
        else:
            _done([one])


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
    """Understand each, then write what the whole batch means: few statements for many events."""
    batch = Batch.of(taken)
    for one in taken:
        _understand(batch, one)
    timeline.record([*batch.happened, *transfers.by_hand(batch.happened)])
    batch.transfers.write()
    for code_id, taggings in batch.taggings.items():
        tagging.add_each(taggings, f"live_code:{code_id}")
    for account_id, contacts in batch.unknown.items():
        details.ask(contacts, account_id)
    reach.rebuild(batch.moved)
    _greet(batch.greetings)


@dataclass
class Batch:
    """What the callbacks of one transaction know together, and what they lead to."""

    people: dict[Account, int]
    codes: dict[str, LiveCode]
    tags: dict[int, list[int]]  # of a live code
    welcomes: dict[int, list[LiveCodeWelcome]]  # for certain hours, of a live code
    transfers: transfers.Told
    happened: list[NewEvent] = field(default_factory=list)
    moved: set[int] = field(default_factory=set)  # whose reach changed
    taggings: dict[int, list[tagging.Tagging]] = field(default_factory=lambda: defaultdict(list))
    unknown: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    greetings: list[Greeting] = field(default_factory=list)

    @classmethod
    def of(cls, taken: Sequence[Taken]) -> Batch:
        found = [one.event for one in taken if isinstance(one.event, _WITH_CUSTOMER)]
        added = [event for event in found if isinstance(event, _ADDED) and event.state]
        codes = LiveCode.objects.filter(state__in={event.state for event in added})
        by_state = {code.state: code for code in codes}
        tags: dict[int, list[int]] = defaultdict(list)
        for row in LiveCodeTag.objects.filter(live_code__in=by_state.values()):
            tags[row.live_code_id].append(row.tag_id)
        accounts = {_wecom(event.external_user_id) for event in found}
        people = holders(accounts) if accounts else {}
        going = transfers.Told.of(people.values())
        return cls(people, by_state, tags, greetings.variants(by_state.values()), going)

    def meet(self, account: Account, origin: Origin) -> int:
        """The contact of this account; `origin` is its first touch unless an earlier is known."""
        if account not in self.people:
            found = claim(account, origin)
            self.people[account] = found.contact_id
            if found.created:
                return found.contact_id
        if origin.at is not None:
            touched(self.people[account], origin)
        return self.people[account]


def _understand(batch: Batch, one: Taken) -> None:  # noqa: C901 - one case a kind
    """What the platform tells that has no meaning here yet is handled by doing nothing."""
    match one.event:
        case events.ContactAdded() | events.HalfAdded() as event:
            _added(batch, one, event)
        case events.StaffRemovedContact() as event:
            by = "transfer" if event.by_transfer else "staff"
            _removed(batch, one, event.user_id, event.external_user_id, by)
        case events.ContactRemovedStaff() as event:
            _removed(batch, one, event.user_id, event.external_user_id, "customer")
        case events.ContactEdited() as event:
            contact_id = batch.people.get(_wecom(event.external_user_id))
            if contact_id is not None:
                batch.unknown[one.row.account_id].add(contact_id)
        case events.TransferFailed() as event:
            batch.transfers.refused(batch.people.get(_wecom(event.external_user_id)), event)
        case (events.StaffChanged() | events.DepartmentChanged() | events.TagChanged()) as event:
            told.hear(one.row.account, event)
        case events.GroupChanged() as event:
            groups.hear(one.row.account_id, event, one.at)
        case (
            events.FanFollowed()
            | events.FanLeft()
            | events.FanScanned()
            | events.FanSpoke()
            | events.MenuClicked()
            | events.TemplateFinished()
            | events.SubscribeMessageChanged()
        ) as event:
            fans.hear(batch, one, event)


def _added(batch: Batch, one: Taken, event: events.ContactAdded | events.HalfAdded) -> None:
    half = isinstance(event, events.HalfAdded)
    code = batch.codes.get(event.state)
    contact_id = batch.meet(_wecom(event.external_user_id), _origin(code, one.at))
    by_itself = not (event.state or event.welcome_code or half)
    if by_itself and batch.transfers.opened(contact_id, event.user_id, one.at):
        batch.unknown[one.row.account_id].add(contact_id)
        return
    opened: dict[str, object] = {"staff": event.user_id}
    opened |= {"state": event.state} if event.state else {}
    opened |= {"half": True} if half else {}
    batch.happened.append(one.tells(contact_id, kinds.FOLLOW_OPENED, opened))
    batch.moved.add(contact_id)
    batch.unknown[one.row.account_id].add(contact_id)
    if code is None:
        return
    # Without approval a scan shows as the request, with approval only as the friend.
    if half == code.skip_verify:
        scanned: dict[str, object] = {"live_code": code.name, "id": ids.encode(code.pk)}
        batch.happened.append(one.tells(contact_id, kinds.LIVECODE_SCANNED, scanned, ":scan"))
    batch.taggings[code.pk] += [(contact_id, tag_id, one.at) for tag_id in batch.tags[code.pk]]
    message = greetings.message(code, batch.welcomes.get(code.pk, []), one.at)
    if message:
        owed = (event.user_id, event.welcome_code, code.pk, message)
        batch.greetings.append(Greeting(contact_id, *owed, one.row.account, one.row.received_at))


def _removed(batch: Batch, one: Taken, userid: str, external_userid: str, by: str) -> None:
    # Its opening may still be on the way: the contact is made without a first touch.
    contact_id = batch.meet(_wecom(external_userid), Origin())
    if by == "transfer" and batch.transfers.ended(contact_id, userid, one.at):
        return
    ended: dict[str, object] = {"staff": userid, "by": by}
    batch.happened.append(one.tells(contact_id, kinds.FOLLOW_ENDED, ended))
    batch.moved.add(contact_id)


_ADDED: Final = (events.ContactAdded, events.HalfAdded)
_WITH_CUSTOMER: Final = (
    *_ADDED,
    events.ContactEdited,
    events.StaffRemovedContact,
    events.ContactRemovedStaff,
    events.TransferFailed,
)


def _wecom(external_userid: str) -> Account:
    return Account(Identity.Kind.EXTERNAL_USERID, external_userid)


def _origin(code: LiveCode | None, at: datetime) -> Origin:
    if code is None:
        return Origin(SourceKind.PLATFORM, at)
    return Origin(SourceKind.LIVE_CODE, at, code.channel_id, code.pk)


def _greet(owed: Sequence[Greeting]) -> None:
    """Owe a welcome to those who are still friends."""
    if not owed:
        return
    follows = Follow.objects.filter(
        contact_id__in={one.contact_id for one in owed},
        staff__userid__in={one.staff for one in owed},
        ended_at=None,
    )
    open_now = {(row.contact_id, row.staff.userid): row for row in follows.select_related("staff")}
    welcome_debts.owe(
        [
            welcome_debts.Debt(
                follow, one.account, one.live_code_id, one.code, one.message, one.received_at
            )
            for one in owed
            if (follow := open_now.get((one.contact_id, one.staff))) is not None
        ]
    )
