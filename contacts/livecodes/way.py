"""One step towards the contact way that a live code wants, and what the platform had instead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.punctuation import listed
from tenants.wechat import contact_ways, qr_pictures
from tenants.wechat.client import WeComClient
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import Terminal

GONE: Final = 41056  # no such contact way
# The way may have been made a little before, by the provider's clock.
CLOCKS: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Target:
    """What the platform should have."""

    users: tuple[str, ...]
    skip_verify: bool
    exclusive: bool
    remark: str

    @property
    def stored(self) -> dict[str, object]:
        """As LiveCode.pushed keeps it."""
        return {
            "users": list(self.users),
            "skip_verify": self.skip_verify,
            "exclusive": self.exclusive,
            "remark": self.remark,
        }


@dataclass(frozen=True)
class Job:
    """What is to be done for one live code, as read when the row was claimed."""

    live_code_id: int
    attempt: int
    leased_until: datetime  # `changed` and `retire` move it: then this job is no longer the last
    credentials: Credentials
    wanted: bool  # False: retired
    config_id: str
    qr_url: str
    state: str
    target: Target
    pushed: dict[str, object]
    checks: bool  # compare with the platform, even if nothing changed
    warning: str
    next_at: datetime | None
    since: datetime
    known: frozenset[str]  # config ids of other live codes: no need to look at them


@dataclass(frozen=True)
class Made:
    config_id: str = ""
    qr_url: str = ""


@dataclass(frozen=True)
class Outcome:
    """`made` is None where there is no new way to note."""

    made: Made | None = None
    drift: str = ""


def make_it_so(client: WeComClient, job: Job) -> Outcome:
    """One step towards what is wanted."""
    if not job.wanted:
        return Outcome(_delete(client, job))
    if job.config_id:
        drift = _drift(client, job) if job.checks else ""
        if drift or job.pushed != job.target.stored:
            _update(client, job, job.config_id)
        # A picture that could not be fetched when the way was made.
        made = Made(job.config_id, qr_pictures.text_of(job.qr_url)) if job.checks else None
        return Outcome(made, drift)
    if job.attempt > 1:
        found = _find(client, job)
        if found:
            _update(client, job, found.config_id)
            return Outcome(found)
    way = contact_ways.add_contact_way(
        client,
        users=job.target.users,
        state=job.state,
        remark=job.target.remark,
        skip_verify=job.target.skip_verify,
        exclusive=job.target.exclusive,
        many=True,
    )
    return Outcome(Made(way.config_id, qr_pictures.text_of(way.qr_code, job.attempt)))


def _update(client: WeComClient, job: Job, config_id: str) -> None:
    contact_ways.update_contact_way(
        client,
        config_id,
        users=job.target.users,
        state=job.state,
        remark=job.target.remark,
        skip_verify=job.target.skip_verify,
        exclusive=job.target.exclusive,
    )


def _drift(client: WeComClient, job: Job) -> str:
    """What at the platform is not as we left it, in words; the update that follows repairs it."""
    way = contact_ways.get_contact_way(client, job.config_id)
    if way is None or not job.pushed:
        return ""
    ours = job.pushed
    found = []
    if set(way.users) != set(_texts(ours.get("users"))) or way.parties:
        found.append(_("staff: %(found)s") % {"found": listed(way.users) or "–"})
    if way.skip_verify != ours.get("skip_verify") or way.exclusive != ours.get("exclusive"):
        found.append(_("how customers are added"))
    if way.state != job.state:
        found.append(_("the source"))
    if way.remark != ours.get("remark"):
        found.append(_("the name"))
    return _("Changed at WeCom and put right: %(what)s.") % {"what": listed(found)} if found else ""


def _texts(values: object) -> list[str]:
    return [str(one) for one in values] if isinstance(values, list) else []


def _find(client: WeComClient, job: Job) -> Made | None:
    """The way with our state, when an earlier attempt made it and its answer was lost."""
    since, until = job.since - CLOCKS, timezone.now() + CLOCKS
    listed = contact_ways.list_contact_ways(
        client, since=int(since.timestamp()), until=int(until.timestamp())
    )
    for config_id in listed:
        if config_id in job.known:
            continue
        way = contact_ways.get_contact_way(client, config_id)
        if way is not None and way.state == job.state:
            return Made(config_id, qr_pictures.text_of(way.qr_code, job.attempt))
    return None


def _delete(client: WeComClient, job: Job) -> Made:
    found = Made(job.config_id) if job.config_id else _find(client, job)
    if found:
        try:
            contact_ways.del_contact_way(client, found.config_id)
        except Terminal as error:
            if error.errcode != GONE:
                raise
    return Made()
