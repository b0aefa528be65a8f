"""How is the connection of one account, right now? For the page and the API; nothing secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Q
from django.utils import timezone
from redis import Redis
from redis.exceptions import RedisError

from tenants.models import AccountProbe, Callback, WeChatAccount
from tenants.wechat import breaker, counting, pacing, permissions
from tenants.wechat.accounts import shared_redis
from tenants.wechat.breaker import Standing
from tenants.wechat.counting import SILENCE, Calls
from tenants.wechat.tokens import EARLY_S

MOST: Final = 10_000  # of the latest callbacks are looked at for the hour and the day


@dataclass(frozen=True)
class Refused:
    """`reaction`: what we do about it, a sentence in the reader's language."""

    errcode: int | None  # None: nobody answered
    count: int
    reaction: str


@dataclass(frozen=True)
class Api:
    """`blocked_until`: the platform or our own caution lets no call through before."""

    calls: Calls
    refused: tuple[Refused, ...]
    blocked_until: datetime | None


@dataclass(frozen=True)
class Inbox:
    """Callbacks. `hour` and `day` are at most MOST together."""

    last_at: datetime | None
    hour: int
    day: int
    open: int
    dead: int


@dataclass(frozen=True)
class Line:
    """What Redis knows. `token_until`: the end of the shared token, None when there is none."""

    token_until: datetime | None
    breaker: Standing
    breaker_until: datetime | None
    apis: tuple[Api, ...]


@dataclass(frozen=True)
class Condition:
    """`line` is None while Redis is away."""

    account: WeChatAccount
    inbox: Inbox
    line: Line | None
    missing: tuple[str, ...]  # names of permissions

    @property
    def status(self) -> str:
        """off, problem, silent (no callback yet) or good."""
        if not self.account.active:
            return "off"
        if self.account.problem or (self.line and self.line.breaker.wait):
            return "problem"
        return "good" if self.inbox.last_at else "silent"


def condition_of(account: WeChatAccount) -> Condition:
    """Inside the account's scope."""
    missing = AccountProbe.objects.filter(account=account, state=AccountProbe.State.MISSING)
    return Condition(
        account=account,
        inbox=_inbox(account),
        line=_line(account),
        missing=tuple(missing.order_by("id").values_list("name", flat=True)),
    )


def dead_letters() -> Q:
    """Callbacks that were given up."""
    return ~Q(problem="") & Q(handled_at__isnull=False)


def _inbox(account: WeChatAccount) -> Inbox:
    now = timezone.now()
    rows = Callback.objects.filter(account=account)
    latest = Callback.objects.order_by("-id").values("id")[:MOST]
    lately = rows.filter(id__in=latest, received_at__gt=now - timedelta(days=1)).aggregate(
        hour=Count("id", filter=Q(received_at__gt=now - timedelta(hours=1))), day=Count("id")
    )
    return Inbox(
        last_at=account.last_callback_at,
        hour=lately["hour"],
        day=lately["day"],
        open=rows.filter(handled_at=None).count(),
        dead=rows.filter(dead_letters()).count(),
    )


def _line(account: WeChatAccount) -> Line | None:
    redis = shared_redis()
    prefix = f"scrm:t{account.tenant_id}:wechat:{account.pk}"
    now = timezone.now()
    try:
        left = redis.ttl(f"{prefix}:token")
        standing = breaker.look(redis, breaker.key(account.tenant_id, account.pk), now)
        calls = counting.read(redis, prefix, now)
        apis = tuple(_api(redis, account, each, now) for each in calls)
    except RedisError:
        return None
    life = int(str(left))
    return Line(
        token_until=now + timedelta(seconds=life + EARLY_S) if life > 0 else None,
        breaker=standing,
        breaker_until=now + timedelta(seconds=standing.wait) if standing.wait else None,
        apis=apis,
    )


def _api(redis: Redis, account: WeChatAccount, calls: Calls, now: datetime) -> Api:
    wait = pacing.blocked_for(redis, pacing.key(account.tenant_id, account.pk, calls.api))
    refused = [
        Refused(
            errcode=None if code == SILENCE else code,
            count=count,
            reaction="" if code == SILENCE else permissions.reaction_to(code, calls.api),
        )
        for code, count in calls.refused.most_common()
    ]
    return Api(calls, tuple(refused), now + timedelta(seconds=wait) if wait else None)
