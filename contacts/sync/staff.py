"""Who works at the corporation? Staff, their departments, who got another userid, who resigned.

A userid names staff in events and files for ever: one that was changed stays known (FormerUserid).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from contacts import livecodes, reach
from contacts.details import clean
from contacts.models import Drift, Follow, LiveCodeStaff
from contacts.sync.jobs import Job
from tenants.models import Department, FormerUserid, Staff
from tenants.scope import scope
from tenants.wechat import staff as wechat
from tenants.wechat.client import WeComClient
from tenants.wechat.errors import Forbidden, Terminal

Resigned = Callable[[Sequence[int]], object]
_listeners: list[Resigned] = []


def listen(listener: Resigned) -> None:
    """Subscribe, in apps.py of an upper app, to resignations. Gets ids of staff, in the writer's
    transaction.
    """
    _listeners.append(listener)


def read(tenant_id: int, job: Job, client: WeComClient) -> None:
    """The whole list: a run of this kind is short."""
    departments = wechat.list_departments(client)
    numbers = {one.number for one in departments}
    tops = [one.number for one in departments if one.parent not in numbers] or [wechat.TOP]
    members = {one.userid: one for top in tops for one in wechat.list_members(client, top)}
    with scope(tenant_id):
        write_departments(job.account_id, departments)
        created, updated = write_members(job.account_id, members.values())
        missing = _missing(job.account_id, set(members))
        job.keep(done=len(members), total=len(members), created=created, updated=updated)
    gone = [row for row in missing if _is_gone(client, row.userid)]
    with scope(tenant_id):
        resign([row.pk for row in gone])
        job.found(*(_resignation(row) for row in gone))
        job.keep(ended=len(gone))


def _resignation(row: Staff) -> Drift:
    return Drift(kind=Drift.Kind.RESIGNED, state=Drift.State.REPAIRED, staff=row)


def _missing(account_id: int, listed: set[str]) -> list[Staff]:
    rows = Staff.objects.filter(account=account_id, left_at=None)
    return [row for row in rows.order_by("id") if row.userid not in listed]


def _is_gone(client: WeComClient, userid: str) -> bool:
    """Not listed may also mean: outside what the app may see."""
    try:
        return wechat.get_member(client, userid) is None
    except (Forbidden, Terminal):
        return False


def write_departments(account_id: int, departments: Iterable[wechat.Department]) -> None:
    rows = [
        Department(
            account_id=account_id, number=one.number, parent=one.parent,
            name=clean(one.name, 100), position=one.position,
        )
        for one in departments
    ]  # fmt: skip
    Department.objects.filter(account=account_id).exclude(
        number__in=[row.number for row in rows]
    ).delete()
    Department.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["tenant", "account", "number"],
        update_fields=["parent", "name", "position"],
    )


def write_members(account_id: int, members: Iterable[wechat.Member]) -> tuple[int, int]:
    """Make and change staff as the list says. Answers how many are new, and how many changed.

    Who was switched off here stays so; who comes back to the corporation is active again.
    """
    told = {one.userid: one for one in members if 0 < len(one.userid) <= reach.USERID_LENGTH}
    known = {row.userid: row for row in Staff.objects.filter(userid__in=told)}
    new = [
        Staff(
            userid=one.userid, name=clean(one.name, 100), account_id=account_id,
            departments=sorted(one.departments), active=one.active,
        )
        for one in told.values()
        if one.userid not in known
    ]  # fmt: skip
    Staff.objects.bulk_create(new, ignore_conflicts=True)
    changed = [row for row in known.values() if _change(row, account_id, told[row.userid])]
    Staff.objects.bulk_update(
        changed, ["name", "account", "departments", "active", "left_at"], batch_size=1000
    )
    switched = [row.pk for row in changed if row.__dict__.pop("switched", False)]
    _recheck_codes(switched)
    return len(new), len(changed)


def _change(row: Staff, account_id: int, member: wechat.Member) -> bool:
    departments = sorted(member.departments)
    active = row.active
    if row.left_at is not None:
        active = member.active
    elif not member.active and row.account_id == account_id:
        active = False
    wanted = (clean(member.name, 100) or row.name, account_id, departments, active, None)
    if wanted == (row.name, row.account_id, row.departments, row.active, row.left_at):
        return False
    row.__dict__["switched"] = active != row.active
    row.name, row.account_id, row.departments, row.active, row.left_at = wanted
    return True


def resign(staff_ids: Sequence[int]) -> None:
    """Inside a scope: they left. Live codes do without them, upper apps hear of it; what they did
    stays theirs, and their customers wait to be handed over.
    """
    rows = Staff.objects.filter(pk__in=staff_ids, left_at=None)
    ids = list(rows.values_list("id", flat=True))
    if not ids:
        return
    rows.update(active=False, left_at=timezone.now())
    _recheck_codes(ids)
    for listener in _listeners:
        listener(ids)


def _recheck_codes(staff_ids: Sequence[int]) -> None:
    codes = LiveCodeStaff.objects.filter(staff_id__in=staff_ids)
    livecodes.look_again(set(codes.values_list("live_code_id", flat=True)))


# --- another userid for the same person ---


def rename(account_id: int, before: str, after: str) -> None:
    """Inside a scope: the corporation calls a member otherwise from now on; history stays."""
    if not after or before == after:
        return
    old = Staff.objects.filter(userid=before).first()
    fresh = Staff.objects.filter(userid=after).first()
    if old is None:
        if fresh is None:
            Staff.objects.create(userid=after, account_id=account_id)
        return
    people = _take_over(old, fresh) if fresh is not None else []
    old.userid, old.account_id = after, account_id
    old.save(update_fields=["userid", "account"])
    FormerUserid.objects.filter(userid=after).delete()
    FormerUserid.objects.update_or_create(userid=before, defaults={"staff": old})
    reach.rebuild(people)


def _take_over(old: Staff, fresh: Staff) -> list[int]:
    """Events under the new userid came before the news of it, and made somebody of their own.

    Answers the contacts whose friendships are to be put together again.
    """
    follows = Follow.objects.filter(staff=fresh)
    people = list(follows.values_list("contact_id", flat=True))
    for relation in Staff._meta.get_fields(include_hidden=True):
        if relation.auto_created and not relation.concrete:
            _point_to(relation, old, fresh)
    fresh.delete()
    return people


def _point_to(relation: Any, old: Staff, fresh: Staff) -> None:
    model, column = relation.related_model, relation.field.name
    for row in model.objects.filter(**{column: fresh}):
        try:
            with transaction.atomic():
                model.objects.filter(pk=row.pk).update(**{column: old})
        except IntegrityError:
            row.delete()
