"""What does the platform's verdict on one customer or one group mean, and how does it read?"""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.models import TransferItem
from tenants.wechat import transfers as wechat

State = TransferItem.State

_STATES: Final = {wechat.TAKER_FULL: State.FULL, wechat.TOO_OFTEN: State.TOO_OFTEN}
_WORDS: Final = {
    wechat.BAD_CUSTOMER: gettext_lazy("They are no customer of this member at WeCom."),
    wechat.NOT_RESIGNED: gettext_lazy(
        "At WeCom the member has not resigned, or resigned over a year ago."
    ),
    wechat.NOT_VERIFIED: gettext_lazy(
        "The new member is not verified at WeCom, or has not signed in for long."
    ),
    wechat.TAKER_FULL: gettext_lazy("The new member has as many customers as WeCom allows."),
    wechat.UNDER_WAY: gettext_lazy("They are being handed over to somebody else already."),
    wechat.TOO_OFTEN: gettext_lazy("Two transfers in 90 days are all that WeCom allows."),
    wechat.OWNER_NOT_RESIGNED: gettext_lazy("At WeCom the owner of the group has not resigned."),
    wechat.NO_GROUP: gettext_lazy("At WeCom this is no customer group any more."),
    wechat.OWNER_RESIGNED: gettext_lazy(
        "The owner of the group resigned: hand it over as a group of a resigned member."
    ),
    wechat.GROUP_HANDED_ON: gettext_lazy("The group was handed on already."),
    wechat.FREQUENCY: gettext_lazy(
        "WeCom hands on 300 groups of one owner a day: try again tomorrow."
    ),
    60111: gettext_lazy("A member is not known at WeCom."),
    84074: gettext_lazy("The new member has no customer contact at WeCom."),
    84083: gettext_lazy("The new member is not active at WeCom."),
    50002: gettext_lazy("The app may not see this member: widen its visible range at WeCom."),
}


def state_of(code: int) -> str:
    """The final state that a verdict other than 0 leads to."""
    return _STATES.get(code, State.FAILED)


def words(code: int | None, message: str = "") -> str:
    """For the operator: why, and what to do about it where there is something."""
    known = _WORDS.get(code or 0)
    if known is not None:
        return str(known)
    return _("WeCom refused it (%(code)s: %(reason)s).") % {
        "code": code or "–",
        "reason": message or _("no reason was given"),
    }


def reason(item: TransferItem) -> str:
    """Why an item stays, in the reader's language where the platform gave a known code."""
    known = _WORDS.get(item.errcode or 0)
    return str(known) if known is not None and item.problem else item.problem


NO_RECORD: Final = gettext_lazy("WeCom knows of no such transfer any more.")
NO_ANSWER: Final = gettext_lazy("WeCom gave no result within three days.")
LOST: Final = gettext_lazy("WeCom's answers were lost again and again.")
ERASED: Final = gettext_lazy("The contact was erased.")
ELSEWHERE: Final = gettext_lazy("They are being handed over to somebody else already.")
