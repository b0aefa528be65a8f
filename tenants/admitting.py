"""Who comes in as whom, once WeCom has said which member of the corporation it is?"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum

from tenants.models import Membership, SignInSettings, Staff, User, WeChatAccount
from tenants.roles import Role


class Why(StrEnum):
    """Why somebody is not let in."""

    SWITCHED_OFF = "switched_off"  # the business wants no sign-in with WeCom
    OUTSIDER = "outsider"  # no member of the corporation
    UNKNOWN = "unknown"  # not in our list of its staff
    INACTIVE = "inactive"  # resigned or switched off there
    NO_MEMBER = "no_member"  # staff, but nobody gave them a place here
    MEMBER_OFF = "member_off"
    SEVERAL = "several"  # two members claim to be this one of staff
    OWNER = "owner"


@dataclass(frozen=True)
class Admitted:
    user: User
    membership: Membership
    new: bool


class Refused(Exception):  # noqa: N818 - reads as what happened
    def __init__(self, why: Why) -> None:
        self.why = why
        super().__init__(why)


def admit(account: WeChatAccount, userid: str) -> Admitted:
    """Inside a scope: the member behind this userid of the account's corporation. Raises Refused.

    Only today's userid counts: a former one may be somebody else's by now. Owners use their
    password: who administers the corporation's list of staff must not become one by it.
    """
    settings = SignInSettings.of_tenant()
    if not settings.wecom:
        raise Refused(Why.SWITCHED_OFF)
    if not userid:
        raise Refused(Why.OUTSIDER)
    staff = _staff(account, userid)
    places = list(Membership.objects.select_related("user").filter(staff=staff).order_by("id"))
    open_ones = [place for place in places if place.active and place.user.is_active]
    if len(open_ones) > 1:
        raise Refused(Why.SEVERAL)
    if open_ones:
        if open_ones[0].role == Role.OWNER:
            raise Refused(Why.OWNER)
        return Admitted(open_ones[0].user, open_ones[0], new=False)
    if places:
        raise Refused(Why.MEMBER_OFF)
    if not settings.new_sales:
        raise Refused(Why.NO_MEMBER)
    return _new_sales(staff)


def _staff(account: WeChatAccount, userid: str) -> Staff:
    # Locked, so that two first sign-ins at once make one member.
    rows = Staff.objects.select_for_update(of=("self",)).select_related("account")
    staff = rows.filter(userid=userid).first()
    if staff is None or not _is_of(account, staff):
        raise Refused(Why.UNKNOWN)
    if not staff.active or staff.left_at is not None:
        raise Refused(Why.INACTIVE)
    return staff


def _is_of(account: WeChatAccount, staff: Staff) -> bool:
    """Two corporations may have the same userid for two people."""
    if staff.account is not None:
        return staff.account.app_id == account.app_id
    corps = WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True)
    return set(corps.values_list("app_id", flat=True)) == {account.app_id}


def _new_sales(staff: Staff) -> Admitted:
    """No e-mail is known of them: a random address that can receive nothing stands in for it."""
    user = User.objects.create_user(
        f"wecom-{secrets.token_hex(8)}@staff.invalid", None, name=str(staff)[:100]
    )
    place = Membership.objects.create(user=user, role=Role.SALES, staff=staff)
    return Admitted(user, place, new=True)
