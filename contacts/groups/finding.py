"""Which groups does a corporation have? Listed by owner, in hundreds; each is read on its own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

from django.utils import timezone

from contacts.groups import reading
from contacts.models import Group, GroupFigures
from contacts.sync.jobs import Job
from tenants.models import Staff
from tenants.scope import scope
from tenants.wechat import customers
from tenants.wechat import groups as wechat
from tenants.wechat.client import WeComClient
from tenants.wechat.errors import CHINA, Terminal

FRESH: Final = timedelta(hours=12)  # read so lately, a nightly reading leaves a group out
FIRST_DAYS: Final = 30
AGAIN_DAYS: Final = 3  # figures of a day come late and change


def read(tenant_id: int, job: Job, client: WeComClient) -> None:
    """A step of a synchronisation: owners in hundreds; resumable after each."""
    if "owners" not in job.place:
        with scope(tenant_id):
            known = Group.objects.filter(dismissed_at=None).exclude(owner=None)
            former = set(known.values_list("owner__userid", flat=True))
        job.place |= {"owners": sorted({*customers.list_follow_users(client), *former}), "at": 0}
    owners: list[str] = job.place["owners"]
    done = 0
    while job.place["at"] < len(owners):
        at = job.place["at"]
        listed = _list(client, owners[at : at + wechat.OWNERS_AT_ONCE])
        job.place["at"] = at + wechat.OWNERS_AT_ONCE
        done += len(listed)
        with scope(tenant_id):
            created = _note(job.account_id, listed)
            job.keep(done=done, total=done, created=created)


def _list(client: WeComClient, owners: list[str]) -> set[str]:
    """An owner whom the platform does not know refuses a hundred: then each alone."""
    try:
        return {one.chat_id for one in wechat.list_groups(client, owners) if one.chat_id}
    except Terminal:
        if len(owners) == 1:
            return set()
    return {chat_id for owner in owners for chat_id in _list(client, [owner])}


def _note(account_id: int, chat_ids: Iterable[str]) -> int:
    wanted = set(chat_ids)
    known = set(Group.objects.filter(chat_id__in=wanted).values_list("chat_id", flat=True))
    Group.objects.bulk_create(
        [Group(chat_id=chat_id) for chat_id in sorted(wanted - known)], ignore_conflicts=True
    )
    rows = Group.objects.filter(chat_id__in=wanted)
    lately = rows.filter(seen_at__gt=timezone.now() - FRESH, read_problem="")
    reading.ask(list(rows.exclude(pk__in=lately.values("pk")).values_list("pk", flat=True)),
                account_id)  # fmt: skip
    return len(wanted - known)


# --- WeCom's own figures ---


def read_figures(tenant_id: int, job: Job, client: WeComClient) -> None:
    """A step of a synchronisation: the days of each owner of groups; resumable after each owner."""
    with scope(tenant_id):
        owners = _owners()
        since = _first_day()
    today = timezone.now().astimezone(CHINA).date()
    for owner_id, userid in owners[job.place.get("at", 0) :]:
        days = _days(client, userid, since, today - timedelta(days=1))
        job.place["at"] = job.place.get("at", 0) + 1
        with scope(tenant_id):
            _keep(owner_id, days)
            job.keep(done=job.place["at"], total=len(owners))


def _owners() -> list[tuple[int, str]]:
    rows = Staff.objects.filter(pk__in=Group.objects.filter(dismissed_at=None).values("owner"))
    return list(rows.filter(left_at=None).order_by("id").values_list("id", "userid"))


def _first_day() -> date:
    latest = GroupFigures.objects.order_by("-day").values_list("day", flat=True).first()
    today = timezone.now().astimezone(CHINA).date()
    earliest = today - timedelta(days=FIRST_DAYS - 1)
    return earliest if latest is None else max(latest - timedelta(days=AGAIN_DAYS), earliest)


def _days(client: WeComClient, userid: str, since: date, until: date) -> list[wechat.Day]:
    if since > until:
        return []
    first, last = (int(_midnight(day).timestamp()) for day in (since, until))
    try:
        return list(wechat.figures_by_day(client, [userid], since=first, until=last))
    except Terminal:
        return []  # a day without figures yet, or nobody whose figures may be seen


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=CHINA)


def _keep(owner_id: int, days: Iterable[wechat.Day]) -> None:
    names = (
        "groups", "new_groups", "groups_that_spoke", "members", "new_members",
        "members_that_spoke", "messages",
    )  # fmt: skip
    rows = {
        day: GroupFigures(
            owner_id=owner_id, day=day, **{name: getattr(one, name) for name in names}
        )
        for one in days
        if (day := datetime.fromtimestamp(one.at, CHINA).date())
    }
    GroupFigures.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["tenant", "owner", "day"],
        update_fields=list(names),
    )
