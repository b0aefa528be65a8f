"""When is an account read again by itself? Each night at three, by the tenant's clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.utils import timezone

from contacts.models import SyncRun
from tenants.models import Tenant, WeChatAccount

HOUR: Final = 3


def last_night(now: datetime) -> datetime:
    """The latest moment at which nightly readings were due."""
    zone = ZoneInfo(Tenant.current().zone)
    local = now.astimezone(zone)
    moment = local.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    return moment if moment <= local else moment - timedelta(days=1)


def due() -> list[WeChatAccount]:
    """Inside a scope: accounts whose nightly reading is due. Only those that somebody had read
    before: what is connected but never was synchronised waits for a person's word.
    """
    night = last_night(timezone.now())
    return [
        account
        for account in _accounts()
        if not SyncRun.objects.filter(account=account, created_at__gte=night, nightly=True).exists()
        and SyncRun.objects.filter(account=account, created_at__lt=night).exists()
    ]


def next_due() -> datetime | None:
    """Now, or the coming night; None without an account that is read."""
    accounts = _accounts()
    if not accounts:
        return None
    now = timezone.now()
    return now if due() else last_night(now) + timedelta(days=1)


def _accounts() -> list[WeChatAccount]:
    read = SyncRun.objects.values("account")
    rows = WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True, id__in=read)
    return list(rows.order_by("id"))
