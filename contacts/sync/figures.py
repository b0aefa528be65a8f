"""What the platform counts for each member and day, and whose customers have no member."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils import timezone

from contacts.identity import Account, holders
from contacts.models import Identity, StaffFigures, Unassigned
from contacts.sync.jobs import Job
from tenants.models import Staff
from tenants.scope import scope
from tenants.userids import known
from tenants.wechat import customers
from tenants.wechat import figures as wechat
from tenants.wechat.client import WeComClient
from tenants.wechat.errors import CHINA, Terminal
from tenants.wechat.staff import GONE

FIRST_DAYS: Final = 30
CHANGING: Final = 7  # the platform corrects the figures of the last days
COLUMNS: Final = (
    "chats", "messages", "reply_percentage", "avg_reply_minutes", "blocked", "applied", "added",
)  # fmt: skip


def read(tenant_id: int, job: Job, client: WeComClient) -> None:
    """Each member by itself: several at once would be summed."""
    userids = sorted(customers.list_follow_users(client))
    today = datetime.now(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    while job.place.get("at", 0) < len(userids):
        at = job.place.get("at", 0)
        userid = userids[at]
        with scope(tenant_id):
            days = _days(userid)
        start = today - timedelta(days=days)
        found = _of(client, userid, int(start.timestamp()), int(today.timestamp()) - 1)
        with scope(tenant_id):
            write(userid, found)
            job.place = {"at": at + 1}
            job.keep(done=at + 1, total=len(userids))


def _days(userid: str) -> int:
    rows = StaffFigures.objects.filter(staff__userid=userid)
    newest = rows.order_by("-date").values_list("date", flat=True).first()
    if newest is None:
        return FIRST_DAYS
    missing = (datetime.now(CHINA).date() - newest).days
    return min(FIRST_DAYS, max(CHANGING, missing + CHANGING))


def _of(client: WeComClient, userid: str, start: int, end: int) -> tuple[wechat.StaffDay, ...]:
    try:
        return wechat.staff_days(client, userid, start, end)
    except Terminal as error:
        if error.errcode in GONE:
            return ()
        raise


def write(userid: str, days: Sequence[wechat.StaffDay]) -> None:
    """Inside a scope: these days of the member, anew."""
    staff = Staff.objects.filter(pk__in=known([userid]).values()).first()
    if staff is None:
        return
    now = timezone.now()
    StaffFigures.objects.bulk_create(
        [
            StaffFigures(
                staff=staff, date=datetime.fromtimestamp(one.day, CHINA).date(), fetched_at=now,
                **{name: getattr(one, name) for name in COLUMNS},
            )
            for one in days
            if one.day > 0
        ],
        update_conflicts=True,
        unique_fields=["tenant", "staff", "date"],
        update_fields=[*COLUMNS, "fetched_at"],
    )  # fmt: skip


def read_unassigned(tenant_id: int, job: Job, client: WeComClient) -> None:
    """The list as it is now: who is not in it any more has somebody, or is no customer."""
    done = 0
    for page in wechat.unassigned(client):
        done += len(page)
        with scope(tenant_id):
            write_unassigned(job, page)
            job.keep(done=done)
    with scope(tenant_id):
        gone = Unassigned.objects.filter(account=job.account_id).exclude(run_id_seen=job.run_id)
        ended, _per_model = gone.delete()
        job.keep(done=done, total=done, ended=ended)


def write_unassigned(job: Job, page: Sequence[wechat.Left]) -> None:
    told = [one for one in page if 0 < len(one.external_userid) <= 64 and one.userid]
    staff = known([one.userid for one in told])
    for userid in sorted({one.userid for one in told} - staff.keys()):
        row = Staff.objects.create(userid=userid[:64], account_id=job.account_id, active=False)
        staff[userid] = row.pk
    accounts = {one.external_userid: Account(Identity.Kind.EXTERNAL_USERID, one.external_userid)
                for one in told}  # fmt: skip
    held = holders(accounts.values()) if told else {}
    Unassigned.objects.bulk_create(
        [
            Unassigned(
                account_id=job.account_id,
                staff_id=staff[one.userid],
                external_userid=one.external_userid,
                contact_id=held.get(accounts[one.external_userid]),
                left_at=datetime.fromtimestamp(one.left_at, UTC) if one.left_at else None,
                run_id_seen=job.run_id,
            )
            for one in told
        ],
        update_conflicts=True,
        unique_fields=["tenant", "account", "staff", "external_userid"],
        update_fields=["contact", "left_at", "run_id_seen"],
    )
