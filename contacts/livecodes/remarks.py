"""What do staff call a new friend? The code's templates, written at the platform after the add.

A remark that somebody wrote before stays: the platform shows it, and only an empty one, or the
nickname that stands there by itself, is replaced. So a repeated step writes the same again.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.db.models import Min
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts import search
from contacts.details import clean
from contacts.livecodes import sheets
from contacts.models import Follow, Identity, LiveCode, LiveCodeAdd
from tenants import doorbell
from tenants.scope import scope
from tenants.wechat import accounts, customers
from tenants.wechat.client import WeComClient
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import NotACustomer, RateLimited, Retryable, Unauthorised, WeChatError
from tenants.wechat.reactions import reaction

log = logging.getLogger(__name__)

QUEUE = "live_code_remarks"
LEASE: Final = timedelta(minutes=2)
BACKOFF_S: Final = (2, 5, 15, 60, 300, 900)
MOST_ATTEMPTS: Final = 20
MOST_AS_STRANGER: Final = 5  # details lag behind events; then they are no customer any more
ACCOUNT_RETRY: Final = timedelta(minutes=30)
PLACES: Final = ("name", "channel", "code", "staff", "date")
_PLACE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Job:
    add_id: int
    contact_id: int
    staff_id: int
    attempt: int
    leased_until: datetime
    credentials: Credentials
    userid: str
    external_userid: str
    remark: str  # templates in which only {name} is still open
    description: str


def check(template: str) -> None:
    """Raises ValidationError for a place that we cannot fill."""
    unknown = set(_PLACE.findall(template)) - set(PLACES)
    if unknown or set(_PLACE.sub("", template)) & set("{}"):
        raise ValidationError(
            _("Only these places are filled: %(places)s.")
            % {"places": " ".join(f"{{{place}}}" for place in PLACES)}
        )


def wants(code: LiveCode) -> bool:
    return bool(code.remark_template or code.description_template)


def ring() -> None:
    doorbell.ring(QUEUE)


def next_due() -> datetime | None:
    rows = LiveCodeAdd.objects.exclude(remark_due_at=None)
    due: datetime | None = rows.aggregate(due=Min("remark_due_at"))["due"]
    return due


def work(tenant_id: int) -> None:
    """Write what is due, one customer after the other."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _write)


def filled(template: str, values: dict[str, str], longest: int) -> str:
    """The template with its places filled, cut to what the platform takes."""
    text = _PLACE.sub(lambda found: values.get(found[1], found[0]), template)
    return text[:longest]


def _claim() -> Job | None:
    now = timezone.now()
    while True:
        due = LiveCodeAdd.objects.select_for_update(skip_locked=True, of=("self",))
        rows = due.select_related("live_code__account", "live_code__channel", "staff")
        row = rows.filter(remark_due_at__lte=now).order_by("remark_due_at").first()
        if row is None:
            return None
        kind = Identity.Kind.EXTERNAL_USERID
        people = Identity.objects.filter(contact_id=row.contact_id or 0, kind=kind)
        person = people.first()
        if person is not None and row.live_code.account.active and wants(row.live_code):
            return _job(row, person.value, now)
        row.remark_due_at = None
        row.save(update_fields=["remark_due_at"])


def _job(row: LiveCodeAdd, external_userid: str, now: datetime) -> Job:
    row.remark_attempts, row.remark_due_at = row.remark_attempts + 1, now + LEASE
    row.save(update_fields=["remark_attempts", "remark_due_at"])
    code = row.live_code
    values = {
        "channel": code.channel.name if code.channel else "",
        "code": code.name,
        "staff": str(row.staff),
        "date": f"{row.opened_at.astimezone(sheets.zone()):%y%m%d}",
    }
    return Job(
        add_id=row.pk,
        contact_id=row.contact_id or 0,
        staff_id=row.staff_id,
        attempt=row.remark_attempts,
        leased_until=row.remark_due_at,
        credentials=accounts.credentials_of(code.account),
        userid=row.staff.userid,
        external_userid=external_userid,
        remark=filled(code.remark_template, values, 1000),
        description=filled(code.description_template, values, 1000),
    )


def _write(tenant_id: int, job: Job) -> None:
    try:
        with accounts.wecom_client_for(job.credentials) as client:
            remark, description = _call(client, job)
    except WeChatError as error:
        log.info("remark of addition %s: %s", job.add_id, error)
        _settle_failure(tenant_id, job, error)
    else:
        _settle(tenant_id, job, remark, description)


def _call(client: WeComClient, job: Job) -> tuple[str, str]:
    """What was written; empty where something stood already."""
    customer = customers.get_customer(client, job.external_userid)
    mine = [info for info in customer.follows if info.userid == job.userid]
    if not mine:
        raise NotACustomer("the member is no friend yet", api="externalcontact/get", errcode=84061)
    name = {"name": clean(customer.name, 100)}
    remark = description = ""
    if mine[0].remark in ("", customer.name):
        remark = filled(job.remark, name, customers.REMARK_LIMIT).strip()
    if not mine[0].description:
        description = filled(job.description, name, customers.DESCRIPTION_LIMIT).strip()
    customers.remark(
        client,
        userid=job.userid,
        external_userid=job.external_userid,
        remark=remark,
        description=description,
    )
    return remark, description


def _settle(tenant_id: int, job: Job, remark: str, description: str) -> None:
    with scope(tenant_id):
        _free(job, None, "")
        follows = Follow.objects.filter(contact_id=job.contact_id, staff_id=job.staff_id)
        if remark and follows.update(remark=remark):
            search.reindex([job.contact_id])
        if description:
            follows.update(description=description)


def _settle_failure(tenant_id: int, job: Job, error: WeChatError) -> None:
    wait: timedelta | None = timedelta(seconds=BACKOFF_S[min(job.attempt, len(BACKOFF_S)) - 1])
    patience = MOST_ATTEMPTS if isinstance(error, Retryable | RateLimited) else 0
    if isinstance(error, NotACustomer):
        patience = MOST_AS_STRANGER
    if isinstance(error, RateLimited) and wait is not None:
        wait = max(wait, timedelta(seconds=error.retry_after))
    if isinstance(error, Unauthorised):
        wait = ACCOUNT_RETRY
    elif job.attempt >= patience:
        wait = None
    with scope(tenant_id):
        if isinstance(error, Unauthorised):
            accounts.note(job.credentials.account_id, error.message)
        again_at = timezone.now() + wait if wait else None
        _free(job, again_at, f"{error.message} {reaction(error)}"[:300])


def _free(job: Job, again_at: datetime | None, problem: str) -> None:
    rows = LiveCodeAdd.objects.filter(pk=job.add_id, remark_due_at=job.leased_until)
    rows.update(remark_due_at=again_at, remark_problem=problem)
