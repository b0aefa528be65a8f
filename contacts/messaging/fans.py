"""Under which openid does an official account reach a contact?

The openid is the contact's by callback; that it belongs to the same person as a WeCom customer is
known by their unionid (contacts/details.py), which makes the two records one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from contacts.messaging.routes import NoRoute, accounts
from contacts.models import Identity, ReachSpell
from tenants.models import WeChatAccount
from tenants.wechat import official
from tenants.wechat.errors import Terminal


@dataclass(frozen=True)
class Fan:
    """`left`: the fan is known to follow no more."""

    account: WeChatAccount
    openid: str
    left: bool

    def frozen(self) -> dict[str, object]:
        """What every request to a fan names."""
        return {"account": self.account.pk, "app": self.account.app_id, "openid": self.openid}


def fan_of(contact_id: int, account_id: int | None = None) -> Fan:
    """Inside a scope: the contact as a fan of this account, or of one that they follow.

    Raises NoRoute.
    """
    found = {account.app_id: account for account in accounts(WeChatAccount.Kind.OFFICIAL)}
    if account_id is not None:
        found = {app: account for app, account in found.items() if account.pk == account_id}
    if not found:
        raise NoRoute("no_account")
    rows = Identity.objects.filter(
        contact_id=contact_id, kind=Identity.Kind.OPENID, account__in=found
    )
    openids = dict(rows.order_by("-id").values_list("account", "value"))
    if not openids:
        raise NoRoute("no_openid")
    spells = ReachSpell.objects.filter(contact_id=contact_id, account__in=openids)
    ever = dict(spells.order_by("opened_at").values_list("account", "ended_at"))
    left = {app for app, ended_at in ever.items() if ended_at is not None}
    best = min(openids, key=lambda app: (app in left, app not in ever, found[app].pk))
    return Fan(found[best], openids[best], left=best in left)


def known_fans(contact_ids: Collection[int]) -> set[int]:
    """Inside a scope: those of them who have an openid at an account that may call."""
    apps = [account.app_id for account in accounts(WeChatAccount.Kind.OFFICIAL)]
    if not apps:
        return set()
    rows = Identity.objects.filter(
        contact_id__in=list(contact_ids), kind=Identity.Kind.OPENID, account__in=apps
    )
    return set(rows.values_list("contact_id", flat=True))


@contextmanager
def no_way_when_refused() -> Iterator[None]:
    """Around a call: what the platform refuses because this fan cannot be written to is NoRoute."""
    try:
        yield
    except Terminal as error:
        why = _NO_WAY.get(error.errcode or 0)
        if why is None:
            raise
        raise NoRoute(why) from None


_NO_WAY: Final = {
    official.WINDOW_CLOSED: "window_closed",
    official.WINDOW_USED_UP: "window_used_up",
    official.NOT_FOLLOWING: "not_following",
    official.NOT_ACCEPTED: "not_accepted",
}
