"""Tags on one member's customer, both ways: what WeCom says, and what it is to be told.

At WeCom a tag hangs on a pair of member and customer, here on the contact: who has it in one pair
wears it. What was tagged here goes to all members who are friends; what WeCom says goes nowhere
else. PairTag rows are what WeCom has, and the queue of what differs.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.db import connection
from django.db.models import Min
from django.utils import timezone

from contacts import arrays, tagging
from contacts.models import ContactTag, Drift, Event, Follow, Identity, PairTag, TagLink
from contacts.sync import jobs
from contacts.sync.telling import tell
from tenants import doorbell
from tenants.models import WeChatAccount
from tenants.scope import current_tenant_id
from tenants.wechat import accounts, customers
from tenants.wechat.client import WeComClient
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import NotACustomer, WeChatError

log = logging.getLogger(__name__)

QUEUE = "tag_pairs"
LEASE: Final = timedelta(minutes=2)
MOST_ATTEMPTS: Final = 12
LAG: Final = timedelta(minutes=10)  # an answer may not show yet what was just taken
TAGS_A_CALL: Final = 100
Pair = tuple[int, int]  # contact, staff
# Of a pair, by tag: row, there, wanted, told a moment ago.
Rows = dict[int, tuple[int, bool, bool | None, bool]]

_STORED = """
SELECT p.id, p.contact_id, p.staff_id, p.tag_id, p.there, p.wanted,
  p.pushed_at > now() - interval '10 minutes'
FROM unnest(%(contacts)s::bigint[], %(staff)s::bigint[]) AS t(contact_id, staff_id)
JOIN contacts_pairtag p ON p.tenant_id = %(tenant)s AND p.contact_id = t.contact_id
  AND p.staff_id = t.staff_id
"""


def links(account_id: int) -> dict[str, int]:
    """Our tags by the platform's ids; never those that are only here."""
    rows = TagLink.objects.filter(account=account_id, tag__isnull=False, tag__local_only=False)
    return {platform: tag for platform, tag in rows.values_list("platform_id", "tag_id") if tag}


# --- what WeCom says ---


def pull(told: Mapping[Pair, Collection[str]], account_id: int) -> None:
    """Inside a scope: these pairs have these tags (by the platform's ids), and no others."""
    ours = links(account_id)
    if not ours or not told:
        return
    heard = _compare(told, _stored(told), ours)
    _add(heard.new)
    PairTag.objects.filter(pk__in=heard.agreed).update(there=True, wanted=None, due_at=None)
    now = timezone.now()
    came = [(contact, tag, now) for contact, _staff, tag in heard.new]
    tagging.add_each(came, tagging.PLATFORM)
    if heard.gone:
        PairTag.objects.filter(pk__in=[pk for pk, _contact, _tag in heard.gone]).delete()
        _untag({(contact, tag) for _pk, contact, tag in heard.gone})


@dataclass
class _Heard:
    """`new` are (contact, staff, tag), `agreed` rows that need not be told any more, `gone`
    (row, contact, tag).
    """

    new: list[tuple[int, int, int]] = field(default_factory=list)
    agreed: list[int] = field(default_factory=list)
    gone: list[tuple[int, int, int]] = field(default_factory=list)


def _compare(
    told: Mapping[Pair, Collection[str]], stored: Mapping[Pair, Rows], ours: Mapping[str, int]
) -> _Heard:
    heard = _Heard()
    for pair, platform_ids in told.items():
        listed = {ours[one] for one in platform_ids if one in ours}
        rows = stored.get(pair, {})
        for tag_id in sorted(listed - rows.keys()):
            heard.new.append((*pair, tag_id))
        for tag_id, (pk, there, wanted, fresh) in rows.items():
            if tag_id in listed and not there:
                heard.agreed.append(pk)
            elif tag_id not in listed and there and not (fresh or wanted):
                heard.gone.append((pk, pair[0], tag_id))
    return heard


_ADD = """
INSERT INTO contacts_pairtag
  (tenant_id, contact_id, staff_id, tag_id, there, attempts, problem)
SELECT %(tenant)s, t.contact_id, t.staff_id, t.tag_id, true, 0, ''
FROM unnest(%(contacts)s::bigint[], %(staff)s::bigint[], %(tags)s::bigint[])
  AS t(contact_id, staff_id, tag_id)
ON CONFLICT (tenant_id, contact_id, staff_id, tag_id) DO NOTHING
"""


def _add(rows: Sequence[tuple[int, int, int]]) -> None:
    if rows:
        contacts, staff, tags = (arrays.literal(column) for column in zip(*rows, strict=True))
        parameters: dict[str, int | str] = {
            "tenant": current_tenant_id(), "contacts": contacts, "staff": staff, "tags": tags
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(_ADD, parameters)


def _stored(pairs_: Collection[Pair]) -> dict[Pair, Rows]:
    parameters: dict[str, int | str] = {
        "tenant": current_tenant_id(),
        "contacts": arrays.literal([one for one, _ in pairs_]),
        "staff": arrays.literal([other for _, other in pairs_]),
    }
    found: dict[Pair, Rows] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_STORED, parameters)
        for pk, contact, staff, tag, there, wanted, fresh in cursor.fetchall():
            found[contact, staff][tag] = (pk, there, wanted, bool(fresh))
    return found


def _untag(taggings: Collection[tuple[int, int]]) -> None:
    """No member has it any more: then the contact does not wear it."""
    left = set(
        PairTag.objects.filter(
            contact_id__in={contact for contact, _ in taggings},
            tag_id__in={tag for _, tag in taggings},
        ).values_list("contact_id", "tag_id")
    )
    by_tag: dict[int, list[int]] = defaultdict(list)
    for contact, tag in taggings:
        if (contact, tag) not in left:
            by_tag[tag].append(contact)
    for tag, people in sorted(by_tag.items()):
        tagging.remove(people, [tag], tagging.PLATFORM)


def pull_one(contact_id: int, tag_ids: Mapping[str, Collection[str]], account_id: int) -> None:
    """Inside a scope: what a look at one customer said, by the userids of members."""
    rows = Follow.objects.filter(contact_id=contact_id, staff__userid__in=tag_ids)
    staff = dict(rows.values_list("staff__userid", "staff_id"))
    pull({(contact_id, staff[userid]): tag_ids[userid] for userid in staff}, account_id)


# --- what WeCom is to be told ---


def on_events(events: Sequence[Event]) -> None:
    """Listener of the timeline: tags that came or went, and new friends of tagged contacts."""
    settle({event.contact_id for event in events})


def settle(contact_ids: Collection[int]) -> None:
    """Inside a scope: have WeCom told where its pairs differ from what was done here."""
    known = TagLink.objects.filter(tag__isnull=False, tag__local_only=False)
    shared = set(known.values_list("tag_id", flat=True))
    if not shared or not contact_ids:
        return
    worn: dict[int, set[int]] = defaultdict(set)
    ours: dict[int, set[int]] = defaultdict(set)
    taggings = ContactTag.objects.filter(contact_id__in=contact_ids, tag_id__in=shared)
    for contact, tag, by in taggings.values_list("contact_id", "tag_id", "by"):
        worn[contact].add(tag)
        if by != tagging.PLATFORM:
            ours[contact].add(tag)
    now = timezone.now()
    rows = PairTag.objects.filter(contact_id__in=contact_ids)
    known_pairs = set(rows.values_list("contact_id", "staff_id", "tag_id"))
    follows = Follow.objects.filter(contact_id__in=ours, ended_at=None, staff__left_at=None)
    missing = [
        PairTag(contact_id=contact, staff_id=staff, tag_id=tag, wanted=True, due_at=now)
        for contact, staff in follows.values_list("contact_id", "staff_id")
        for tag in sorted(ours[contact])
        if (contact, staff, tag) not in known_pairs
    ]
    PairTag.objects.bulk_create(missing, ignore_conflicts=True, batch_size=5000)
    off, back = [], []
    for row in rows:
        if row.tag_id not in worn[row.contact_id] and row.wanted is not False:
            off.append(row.pk)
        elif row.tag_id in worn[row.contact_id] and row.wanted is False:
            back.append(row.pk)
    # What WeCom never had need not be taken away there.
    PairTag.objects.filter(pk__in=off, there=False, attempts=0).delete()
    PairTag.objects.filter(pk__in=off).update(wanted=False, due_at=now, attempts=0)
    PairTag.objects.filter(pk__in=back, there=True).update(wanted=None, due_at=None)
    PairTag.objects.filter(pk__in=back, there=False).update(wanted=True, due_at=now)
    if missing or off or back:
        doorbell.ring(QUEUE)


# --- telling it ---


@dataclass(frozen=True)
class Job:
    """What one pair is to be told. `accounts` are the customer's ids at WeCom."""

    pair: Pair
    userid: str
    external: tuple[str, ...]
    add: Mapping[str, int]  # the platform's id → row
    remove: Mapping[str, int]
    rows: tuple[int, ...]
    attempt: int
    leased_until: datetime
    credentials: Credentials


def next_due() -> datetime | None:
    due: datetime | None = PairTag.objects.exclude(due_at=None).aggregate(due=Min("due_at"))["due"]
    return due


def work(tenant_id: int) -> None:
    """One pair after the other: the platform bears five at a time."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _mark)


def _claim() -> Job | None:
    now = timezone.now()
    due = PairTag.objects.filter(due_at__lte=now)
    first = due.select_for_update(skip_locked=True, of=("self",)).order_by("due_at", "id").first()
    if first is None:
        return None
    pair = (first.contact_id, first.staff_id)
    rows = list(
        due.filter(contact_id=pair[0], staff_id=pair[1])
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("staff")
        .order_by("id")[:TAGS_A_CALL]
    )
    account = _account_of(rows[0])
    ids = [row.pk for row in rows]
    if account is None:
        # Nobody to tell: the member is of no corporation that we know, or it is switched off.
        PairTag.objects.filter(pk__in=ids).update(due_at=None)
        return _claim()
    until = now + LEASE
    PairTag.objects.filter(pk__in=ids).update(due_at=until, attempts=rows[0].attempts + 1)
    named = TagLink.objects.filter(account=account, tag_id__in=[row.tag_id for row in rows])
    platform = dict(named.values_list("tag_id", "platform_id"))
    external = Identity.objects.filter(
        contact_id=pair[0], kind=Identity.Kind.EXTERNAL_USERID
    ).values_list("value", flat=True)
    return Job(
        pair=pair,
        userid=rows[0].staff.userid,
        external=tuple(external.order_by("id")),
        add={platform[r.tag_id]: r.pk for r in rows if r.wanted and r.tag_id in platform},
        remove={platform[r.tag_id]: r.pk for r in rows if not r.wanted and r.tag_id in platform},
        rows=tuple(ids),
        attempt=rows[0].attempts + 1,
        leased_until=until,
        credentials=accounts.credentials_of(account),
    )


def _account_of(row: PairTag) -> WeChatAccount | None:
    active = WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True)
    links_ = TagLink.objects.filter(tag=row.tag_id).values("account")
    found = active.filter(pk__in=links_)
    own = found.filter(pk=row.staff.account_id) if row.staff.account_id else found
    return own.order_by("id").first()


def _mark(tenant_id: int, job: Job) -> None:
    def call(client: WeComClient, external_userid: str) -> None:
        customers.mark_tag(
            client, userid=job.userid, external_userid=external_userid,
            add=list(job.add), remove=list(job.remove),
        )  # fmt: skip

    tell(tenant_id, job.credentials, job.external, call, partial(_settle, job))


def _settle(job: Job, error: WeChatError | None) -> None:
    """What was wanted otherwise meanwhile is due again by itself: its lease is another."""
    mine = PairTag.objects.filter(pk__in=job.rows, due_at=job.leased_until)
    now = timezone.now()
    if error is None and job.external:
        added = mine.filter(wanted=True)
        added.update(there=True, wanted=None, due_at=None, attempts=0, problem="", pushed_at=now)
        mine.filter(wanted=False).delete()
        jobs.put_right(Drift.Kind.UNTAGGED, *job.pair)
        return
    if error is None or isinstance(error, NotACustomer):
        mine.delete()  # no friends (any more): there is nothing to hang a tag on
        return
    log.info("tags of contact %s: %s", job.pair[0], error)
    wait = jobs.pause(job.attempt, error)
    if wait is None or job.attempt >= MOST_ATTEMPTS:
        mine.update(due_at=None, problem=error.message[:300])
    else:
        mine.update(due_at=now + wait, problem=error.message[:300])
