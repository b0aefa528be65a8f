"""Which reading of which account is due, who carries it out, and what when it fails?"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

from django.db.models import F, Min
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts.groups import finding
from contacts.models import Drift, SyncPage, SyncRun
from contacts.sync import codes, customers, figures, jobs, nights, staff, tags
from contacts.sync.jobs import LEASE, Job, Stopped, TakenOver
from tenants import doorbell
from tenants.models import User, WeChatAccount
from tenants.scope import scope
from tenants.wechat import accounts
from tenants.wechat.client import WeComClient
from tenants.wechat.errors import Unauthorised, WeChatError

log = logging.getLogger(__name__)

QUEUE = "sync"
MOST_ATTEMPTS: Final = 12

Kind = SyncRun.Kind
STEPS: dict[str, Callable[[int, Job, WeComClient], None]] = {
    Kind.STAFF: staff.read,
    Kind.TAGS: tags.read,
    Kind.CUSTOMERS: customers.read,
    Kind.UNASSIGNED: figures.read_unassigned,
    Kind.BEHAVIOUR: figures.read,
    Kind.CODES: codes.read,
    Kind.GROUPS: finding.read,
    Kind.GROUP_FIGURES: finding.read_figures,
}


def also(kind: str, step: Callable[[int, Job, WeComClient], None]) -> None:
    """Register, in apps.py, who reads what upper apps keep."""
    STEPS[kind] = step


def ask(
    account: WeChatAccount,
    kinds: Iterable[str] | None = None,
    *,
    user: User | None = None,
    nightly: bool = False,
) -> list[SyncRun]:
    """Inside a scope: have these read, or all; one that waits or runs already is answered."""
    asked = set(STEPS if kinds is None else kinds)
    wanted = [kind for kind in STEPS if kind in asked]
    open_now = SyncRun.objects.filter(account=account, finished_at=None)
    there = set(open_now.values_list("kind", flat=True))
    SyncRun.objects.bulk_create(
        [
            SyncRun(account=account, kind=kind, user=user, nightly=nightly, due_at=timezone.now())
            for kind in wanted
            if kind not in there
        ],
        ignore_conflicts=True,
    )
    # What is running may have read already what changed since.
    open_now.filter(kind__in=there.intersection(wanted), state=SyncRun.State.RUNNING).update(
        again=True
    )
    doorbell.ring(QUEUE)
    return list(open_now.filter(kind__in=wanted).order_by("id"))


def again(run: SyncRun) -> SyncRun:
    """Inside a scope: go on where a failed run stopped. Answers the run that is open."""
    other = SyncRun.objects.filter(account=run.account_id, kind=run.kind, finished_at=None).first()
    if other is not None:
        return other
    rows = SyncRun.objects.filter(pk=run.pk, state=SyncRun.State.FAILED)
    rows.update(
        state=SyncRun.State.QUEUED, finished_at=None, due_at=timezone.now(), attempts=0, problem=""
    )
    doorbell.ring(QUEUE)
    run.refresh_from_db()
    return run


def next_due() -> datetime | None:
    due: datetime | None = SyncRun.objects.filter(finished_at=None).aggregate(due=Min("due_at"))[
        "due"
    ]
    return min(filter(None, (due, nights.next_due())), default=None)


def work(tenant_id: int) -> None:
    """Carry out what is due, one run after the other."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _carry_out)


def _claim() -> Job | None:
    for account in nights.due():
        ask(account, nightly=True)
    now = timezone.now()
    rows = SyncRun.objects.select_for_update(skip_locked=True, of=("self",))
    row = rows.select_related("account").filter(finished_at=None, due_at__lte=now)
    run = row.order_by("id").first()
    if run is None:
        return None
    if not run.account.active:
        _end(run.pk, SyncRun.State.FAILED, _("The account is switched off."))
        return _claim()
    run.state, run.started_at = SyncRun.State.RUNNING, run.started_at or now
    run.due_at, run.attempts = now + LEASE, run.attempts + 1
    run.save(update_fields=["state", "started_at", "due_at", "attempts"])
    return Job(
        run_id=run.pk,
        account_id=run.account_id,
        kind=run.kind,
        credentials=accounts.credentials_of(run.account),
        leased_until=run.due_at,
        started_at=run.started_at,
        first=not was_read(run.account_id, run.kind),
        place=dict(run.place),
    )


def was_read(account_id: int, kind: str) -> bool:
    """Has this kind been read from the account to the end before?"""
    rows = SyncRun.objects.filter(account=account_id, kind=kind, state=SyncRun.State.DONE)
    return rows.exists()


def _carry_out(tenant_id: int, job: Job) -> None:
    try:
        with accounts.wecom_client_for(job.credentials) as client:
            STEPS[job.kind](tenant_id, job, client)
    except TakenOver:
        log.info("run %s is carried out by somebody else", job.run_id)
    except Stopped as stop:
        with scope(tenant_id):
            _end(job.run_id, SyncRun.State.FAILED, str(stop))
    except WeChatError as error:
        log.info("run %s: %s", job.run_id, error)
        with scope(tenant_id):
            if isinstance(error, Unauthorised):
                accounts.note(job.account_id, error.message)
            _put_off(job, error)
    else:
        with scope(tenant_id):
            accounts.note(job.account_id, "")
            _end(job.run_id, SyncRun.State.DONE)


def _put_off(job: Job, error: WeChatError) -> None:
    run = SyncRun.objects.filter(pk=job.run_id, due_at=job.leased_until).first()
    if run is None:
        return
    wait = jobs.pause(run.attempts, error)
    if wait is None or run.attempts >= MOST_ATTEMPTS:
        _end(run.pk, SyncRun.State.FAILED, error.message)
        return
    run.due_at, run.problem = timezone.now() + wait, error.message[:300]
    run.state = SyncRun.State.QUEUED
    run.save(update_fields=["due_at", "problem", "state"])


def _end(run_id: int, state: str, problem: str = "") -> None:
    """A finished run forgets its pages; its place stays, for one who goes on with a failed one."""
    rows = SyncRun.objects.filter(pk=run_id)
    drifts = Drift.objects.filter(run=run_id).exclude(state=Drift.State.SUSPECTED).count()
    rows.update(
        state=state, problem=problem[:300], due_at=None, finished_at=timezone.now(), drifts=drifts
    )
    if state == SyncRun.State.DONE:
        rows.update(place={})
        # How many there would be was a guess by what we knew.
        rows.exclude(total=None).update(total=F("done"))
        SyncPage.objects.filter(run=run_id).delete()
    for run in rows.filter(again=True).select_related("account"):
        ask(run.account, [run.kind])


def newest(account_ids: Collection[int]) -> Sequence[SyncRun]:
    """The newest run of each account and kind."""
    rows = SyncRun.objects.filter(account_id__in=account_ids)
    return list(rows.order_by("account_id", "kind", "-id").distinct("account_id", "kind"))
