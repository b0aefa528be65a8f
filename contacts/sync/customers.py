"""All customers of all members, page by page; then a second look at those who are not listed.

Pages are fetched while the ones before are written. Where it stands (which members, which cursor)
is stored with what was read until there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _

from contacts import kinds, reach, timeline
from contacts.models import Drift, Follow, Identity, SyncPage, SyncRun
from contacts.sync import relations, unwritten
from contacts.sync.jobs import Job, Stopped
from contacts.timeline import NewEvent
from tenants.models import Staff
from tenants.scope import scope
from tenants.wechat import customers as wechat
from tenants.wechat.client import WeComClient
from tenants.wechat.errors import NotACustomer, Terminal
from tenants.wechat.staff import GONE

PAGES_AT_ONCE: Final = 20  # of 100 rows, in one transaction
LAG: Final = timedelta(minutes=10)  # a friendship that is younger may not be listed yet
# So many at once do not vanish: then the app sees less than before.
MANY: Final = 100
MANY_SHARE: Final = 0.3


def read(tenant_id: int, job: Job, client: WeComClient) -> None:
    if job.place.get("stage", "read") == "read":
        _read_all(tenant_id, job, client)
        with scope(tenant_id):
            _suspect(job)
    _look_again(tenant_id, job, client)
    with scope(tenant_id):
        unwritten.report(job)


# --- the list ---


@dataclass
class _Batch:
    """Pages that were read together; `cursor` leads on from them within the members at `at`."""

    rows: list[wechat.Relation]
    at: int
    cursor: str


def _read_all(tenant_id: int, job: Job, client: WeComClient) -> None:
    if "users" not in job.place:
        job.place |= {"users": sorted(wechat.list_follow_users(client)), "at": 0, "cursor": ""}
    users: list[str] = job.place["users"]
    done, total = _counted(tenant_id, job, users)
    with ThreadPoolExecutor(1) as ahead:
        for batch in _in_advance(ahead, client, job, users):
            job.place |= {"at": batch.at, "cursor": batch.cursor}
            done += len(batch.rows)
            with scope(tenant_id):
                written = _write(job, batch.rows)
                job.keep(done=done, total=max(total, done), **_more(job, written))


def _counted(tenant_id: int, job: Job, users: Sequence[str]) -> tuple[int, int]:
    """How many rows were read, and how many there will be about: as many as we know of."""
    with scope(tenant_id):
        run = SyncRun.objects.get(pk=job.run_id)
        known = Follow.objects.filter(staff__userid__in=users, ended_at=None).count()
    return run.done, max(known, run.total or 0)


def _in_advance(
    ahead: ThreadPoolExecutor, client: WeComClient, job: Job, users: Sequence[str]
) -> Iterator[_Batch]:
    at, cursor = job.place["at"], job.place["cursor"]
    following: Future[_Batch] | None = _begin(ahead, client, users, at, cursor)
    while following is not None:
        batch = following.result()
        following = _begin(ahead, client, users, batch.at, batch.cursor)
        yield batch


def _begin(
    ahead: ThreadPoolExecutor, client: WeComClient, users: Sequence[str], at: int, cursor: str
) -> Future[_Batch] | None:
    return ahead.submit(_fetch, client, users, at, cursor) if at < len(users) else None


def _fetch(client: WeComClient, users: Sequence[str], at: int, cursor: str) -> _Batch:
    """In another thread: no database."""
    rows: list[wechat.Relation] = []
    for _page in range(PAGES_AT_ONCE):
        page, cursor = _page_of(client, users[at : at + wechat.MEMBERS_AT_ONCE], cursor)
        rows += page
        if not cursor:
            at += wechat.MEMBERS_AT_ONCE
            if at >= len(users):
                break
    return _Batch(rows, at, cursor)


def _page_of(
    client: WeComClient, userids: Sequence[str], cursor: str
) -> tuple[list[wechat.Relation], str]:
    try:
        return wechat.relations_page(client, userids, cursor)
    except NotACustomer:
        return [], ""  # nobody of these has a customer
    except Terminal as error:
        if error.errcode not in GONE:
            raise
    # One of them left meanwhile: the others one by one, from their beginning.
    rows: list[wechat.Relation] = []
    for userid in userids:
        rows += _of_one(client, userid)
    return rows, ""


def _of_one(client: WeComClient, userid: str) -> list[wechat.Relation]:
    rows: list[wechat.Relation] = []
    cursor = ""
    while True:
        try:
            page, cursor = wechat.relations_page(client, [userid], cursor)
        except Terminal as error:
            if error.errcode in GONE or isinstance(error, NotACustomer):
                return rows
            raise
        rows += page
        if not cursor:
            return rows


def _write(job: Job, rows: Sequence[wechat.Relation]) -> relations.Written:
    written = relations.write(rows, job.account_id, first=job.first)
    SyncPage.objects.create(run_id=job.run_id, follows=written.follows)
    if not job.first:
        kind, state = Drift.Kind.MISSED, Drift.State.REPAIRED
        job.found(
            *(
                Drift(kind=kind, state=state, contact_id=contact_id, staff_id=staff_id)
                for contact_id, staff_id in written.opened
            )
        )
    return written


def _more(job: Job, written: relations.Written) -> dict[str, int]:
    run = SyncRun.objects.values("created", "updated").get(pk=job.run_id)
    return {
        "created": run["created"] + written.created,
        "updated": run["updated"] + written.updated,
    }


# --- who is not listed any more ---


def _suspect(job: Job) -> None:
    """Open friendships of the members read that no page named."""
    staff = list(Staff.objects.filter(userid__in=job.place["users"]).values_list("id", flat=True))
    ours = Follow.objects.filter(
        staff_id__in=staff, ended_at=None, opened_at__lt=job.started_at - LAG
    ).values_list("id", "contact_id", "staff_id")
    seen: set[int] = set()
    for follows in SyncPage.objects.filter(run=job.run_id).values_list("follows", flat=True):
        seen.update(follows)
    unlisted = [row for row in ours if row[0] not in seen]
    # Who came in by a file alone is nobody's customer at WeCom: not being listed says nothing.
    accounts = Identity.objects.filter(
        kind=Identity.Kind.EXTERNAL_USERID, contact_id__in=[row[1] for row in unlisted]
    )
    known = set(accounts.values_list("contact_id", flat=True))
    missing = [(contact, staff_id) for _pk, contact, staff_id in unlisted if contact in known]
    if len(missing) > MANY and len(missing) > MANY_SHARE * (len(missing) + len(seen)):
        raise Stopped(
            _(
                "%(n)d friendships are not listed any more. Check whether the app still sees the "
                "members whose customers they are; nothing was ended."
            )
            % {"n": len(missing)}
        )
    Drift.objects.filter(run=job.run_id, state=Drift.State.SUSPECTED).delete()
    Drift.objects.bulk_create(
        [
            Drift(
                run_id=job.run_id, kind=Drift.Kind.GONE, state=Drift.State.SUSPECTED,
                contact_id=contact_id, staff_id=staff_id,
            )
            for contact_id, staff_id in missing
        ],
        batch_size=5000,
    )  # fmt: skip
    job.place = {"stage": "look"}
    job.keep()


def _look_again(tenant_id: int, job: Job, client: WeComClient) -> None:
    """Each is asked for by itself before it ends here: lists lag."""
    while True:
        with scope(tenant_id):
            rows = Drift.objects.filter(run=job.run_id, state=Drift.State.SUSPECTED)
            drift = rows.select_related("staff").order_by("id").first()
            if drift is None or drift.staff is None or drift.contact_id is None:
                return
            accounts = Identity.objects.filter(
                contact_id=drift.contact_id, kind=Identity.Kind.EXTERNAL_USERID
            )
            named = list(accounts.values_list("value", flat=True))
            userid = drift.staff.userid
        there = any(_is_friend(client, external, userid) for external in named)
        with scope(tenant_id):
            _settle(job, drift, there=there)


def _is_friend(client: WeComClient, external_userid: str, userid: str) -> bool:
    try:
        customer = wechat.get_customer(client, external_userid)
    except NotACustomer:
        return False
    except Terminal as error:
        if error.errcode == 40096:  # no such customer
            return False
        raise
    return any(one.userid == userid for one in customer.follows)


def _settle(job: Job, drift: Drift, *, there: bool) -> None:
    """Whoever was ended meanwhile, by a callback that came late after all, did not differ."""
    pair = {"contact": drift.contact_id, "staff": drift.staff_id}
    follow = Follow.objects.filter(ended_at=None, **pair).first()
    if there or follow is None or drift.staff is None:
        drift.delete()
        job.keep()
        return
    _end(follow.contact_id, drift.staff.userid, follow.opened_at, timezone.now())
    drift.state = Drift.State.REPAIRED
    drift.save(update_fields=["state"])
    ended = SyncRun.objects.values_list("ended", flat=True).get(pk=job.run_id)
    job.keep(ended=ended + 1)


def _end(contact_id: int, staff_userid: str, opened_at: datetime, at: datetime) -> None:
    """Inside a scope: a friendship that is no more, of whose end no callback told.

    The platform's clock, by which it began, may be ahead of ours: it ends after it began.
    """
    at = max(at, opened_at + timedelta(microseconds=1))
    key = f"{contact_id}:{staff_userid}:{opened_at.timestamp():.6f}:end"
    properties: dict[str, object] = {"staff": staff_userid, "by": "unknown"}
    timeline.record(
        [NewEvent(contact_id, kinds.FOLLOW_ENDED, at, relations.SOURCE, key, properties)]
    )
    reach.rebuild([contact_id])
