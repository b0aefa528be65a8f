"""Which permissions has an account at the platform? Tried one by one, by calls that change nothing.

probing.ask(account, names)   # inside a scope: rows that a worker takes, one after the other
probing.work(tenant_id)       # the worker
probing.results(account)      # inside a scope, for pages
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Min
from django.utils import timezone

from tenants import doorbell
from tenants.models import AccountProbe, WeChatAccount
from tenants.scope import scope
from tenants.wechat import accounts, answers
from tenants.wechat.client import Client
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import Forbidden, Terminal, Unauthorised, WeChatError

QUEUE = "probes"
LEASE: Final = timedelta(seconds=60)
TOKEN: Final = "token"  # noqa: S105 - the name of a check
# The platform reached the app and found the one asked about wanting: the permission is there.
_NOBODY = "scrm-permission-check"
S = AccountProbe.State


class Empty(Exception):  # noqa: N818 - reads as what happened
    """The call is allowed, and shows nobody."""


@dataclass(frozen=True, slots=True)
class Job:
    probe_id: int
    name: str
    leased_until: datetime
    credentials: Credentials


@dataclass(frozen=True, slots=True)
class Result:
    state: str
    errcode: int | None = None


# --- what is tried ---


def _token(client: Client, _agent: str) -> None:
    client.check_credentials()


def _address(client: Client, _agent: str) -> None:
    client.call("get", "getcallbackip", repeatable=True)


def _members(client: Client) -> list[str]:
    answer = client.call("get", "externalcontact/get_follow_user_list", repeatable=True)
    return list(answers.texts(answer, "follow_user"))


def _customer_contact(client: Client, _agent: str) -> None:
    _members(client)


def _visible(client: Client, _agent: str) -> None:
    members = _members(client)
    if not members:
        raise Empty
    client.call("get", "user/get", params={"userid": members[0]}, repeatable=True)


def _customers(client: Client, _agent: str) -> None:
    members = _members(client)
    if not members:
        raise Empty
    params = {"userid": members[0]}
    client.call("get", "externalcontact/list", params=params, repeatable=True)


def _app_message(client: Client, agent: str) -> None:
    """To a member who does not exist: nobody is disturbed."""
    if not agent:
        raise Empty
    body = {"touser": _NOBODY, "msgtype": "text", "agentid": int(agent), "text": {"content": "-"}}
    client.call("post", "message/send", data=body, repeatable=False)


def _reads(method: str, api: str, **body: object) -> Callable[[Client, str], None]:
    def probe(client: Client, _agent: str) -> None:
        key = "params" if method == "get" else "data"
        client.call(method, api, **{key: body}, repeatable=True)  # type: ignore[arg-type]

    return probe


def _lately(api: str, **body: object) -> Callable[[Client, str], None]:
    """A list of what was made on the last day."""

    def probe(client: Client, _agent: str) -> None:
        now = int(time.time())
        span = {"start_time": now - 86_400, "end_time": now}
        client.call("post", api, data={**body, **span, "limit": 1}, repeatable=True)

    return probe


def _qr_code(client: Client, _agent: str) -> None:
    """A code that is over after a minute and shown to nobody."""
    scene = {"scene": {"scene_str": _NOBODY}}
    body = {"expire_seconds": 60, "action_name": "QR_STR_SCENE", "action_info": scene}
    client.call("post", "qrcode/create", data=body, repeatable=True)


def _customer_message(client: Client, _agent: str) -> None:
    body = {"touser": _NOBODY, "msgtype": "text", "text": {"content": "-"}}
    client.call("post", "message/custom/send", data=body, repeatable=False)


@dataclass(frozen=True, slots=True)
class Probe:
    """`fine`: refusals that prove the permission, for they come after it was looked at."""

    run: Callable[[Client, str], None]
    fine: Collection[int] = ()


_WECOM: Final[Mapping[str, Probe]] = {
    TOKEN: Probe(_token),
    "address": Probe(_address),
    "customer_contact": Probe(_customer_contact),
    "visible": Probe(_visible),
    "customers": Probe(_customers, {84061}),
    "staff": Probe(_reads("get", "department/list")),
    "tags": Probe(_reads("post", "externalcontact/get_corp_tag_list")),
    "groups": Probe(_reads("post", "externalcontact/groupchat/list", limit=1)),
    "mass_sends": Probe(
        _lately("externalcontact/get_groupmsg_list_v2", chat_type="single", filter_type=2)
    ),
    "moments": Probe(_lately("externalcontact/get_moment_list", filter_type=2)),
    "acquisition": Probe(_reads("post", "externalcontact/customer_acquisition/list_link", limit=1)),
    "app_message": Probe(_app_message, {40003, 40031, 60111, 81013}),
}
_OFFICIAL: Final[Mapping[str, Probe]] = {
    TOKEN: Probe(_token),
    "fans": Probe(_reads("get", "user/get")),
    "qr_codes": Probe(_qr_code),
    "templates": Probe(_reads("get", "template/get_all_private_template")),
    "customer_messages": Probe(_customer_message, {40003, 45015}),
}


def probes_of(kind: str) -> Mapping[str, Probe]:
    return _WECOM if kind == WeChatAccount.Kind.WECOM else _OFFICIAL


# --- the queue ---


def ask(account: WeChatAccount, names: Collection[str] | None = None) -> None:
    """Inside a scope: have these permissions (all of this kind of account) tried now."""
    now = timezone.now()
    wanted = [name for name in probes_of(account.kind) if names is None or name in names]
    rows = [
        AccountProbe(account=account, name=name, state=S.WAITING, due_at=now) for name in wanted
    ]
    AccountProbe.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["tenant", "account", "name"],
        update_fields=["state", "due_at"],
    )
    doorbell.ring(QUEUE)


def results(account: WeChatAccount) -> list[AccountProbe]:
    """In the order in which they are tried; what was never tried is not there."""
    found = {one.name: one for one in AccountProbe.objects.filter(account=account)}
    return [found[name] for name in probes_of(account.kind) if name in found]


def next_due() -> datetime | None:
    rows = AccountProbe.objects.filter(due_at__isnull=False)
    due: datetime | None = rows.aggregate(due=Min("due_at"))["due"]
    return due


def work(tenant_id: int) -> None:
    doorbell.work_off(QUEUE, tenant_id, _claim, _try)


def _claim() -> Job | None:
    now = timezone.now()
    due = AccountProbe.objects.select_for_update(skip_locked=True, of=("self",))
    row = due.select_related("account").filter(due_at__lte=now).order_by("due_at", "id").first()
    if row is None:
        return None
    row.due_at = now + LEASE
    row.save(update_fields=["due_at"])
    return Job(row.pk, row.name, row.due_at, accounts.credentials_of(row.account))


def _try(tenant_id: int, job: Job) -> None:
    result = try_one(job.credentials, job.name)
    with scope(tenant_id):
        # Unless somebody asked anew meanwhile: then it is tried again.
        AccountProbe.objects.filter(pk=job.probe_id, due_at=job.leased_until).update(
            state=result.state, errcode=result.errcode, checked_at=timezone.now(), due_at=None
        )


def try_one(credentials: Credentials, name: str) -> Result:
    """Outside any scope."""
    probe = probes_of(credentials.kind)[name]
    try:
        with accounts.client_for(credentials, always=True) as client:
            probe.run(client, credentials.agent_id or "")
    except Empty:
        return Result(S.MISSING)
    except WeChatError as error:
        return _judged(error, probe)
    return Result(S.FINE)


def _judged(error: WeChatError, probe: Probe) -> Result:
    code = error.errcode
    if code is not None and code in probe.fine:
        return Result(S.FINE)
    if isinstance(error, Unauthorised | Forbidden | Terminal) and code is not None:
        return Result(S.MISSING, code)
    return Result(S.UNKNOWN, code)
