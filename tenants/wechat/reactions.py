"""What do we do when a call is refused? The reaction in words, for pages and support tools."""

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tenants.wechat.errors import (
    NOT_A_CUSTOMER,
    TOKEN_ERRORS,
    WELCOME_ALREADY_CHATTING,
    WELCOME_CODE_INVALID,
    WELCOME_IN_DISTRIBUTION,
    Forbidden,
    RateLimited,
    Retryable,
    Unauthorised,
    Unknown,
    WeChatError,
)

LIST_CUSTOMERS: Final = "externalcontact/list"
_CREDENTIAL_APIS: Final = frozenset({"gettoken", "token", "stable_token"})
_SERVICE_WINDOW_CLOSED: Final = 45015
_IP_NOT_ALLOWED: Final = frozenset({60020, 40164})
_BY_CODE: Final = {
    WELCOME_CODE_INVALID: gettext_lazy("The welcome is dropped: too late, or not our code."),
    WELCOME_ALREADY_CHATTING: gettext_lazy(
        "Taken as done: the welcome was delivered, or the two are chatting already."
    ),
    WELCOME_IN_DISTRIBUTION: gettext_lazy(
        "Tried again while the 20 seconds last: another app is sending."
    ),
    NOT_A_CUSTOMER: gettext_lazy(
        "Asked once more later, for details lag behind events; then the relation counts as ended."
    ),
    _SERVICE_WINDOW_CLOSED: gettext_lazy(
        "Not sent and not tried again: the customer has not written or acted lately enough."
    ),
}


def reaction(error: WeChatError) -> str:
    """One sentence in the active language; `error.api` tells what the same code means where."""
    code = error.errcode
    if code in TOKEN_ERRORS and error.api not in _CREDENTIAL_APIS:
        return _(
            "The token is renewed once and the call made once more; refused again, the account is "
            "marked and an administrator must act."
        )
    if code == NOT_A_CUSTOMER and error.api == LIST_CUSTOMERS:
        return _("Taken as an empty list: this member has no customers.")
    if code in _BY_CODE:
        return str(_BY_CODE[code])
    if code in _IP_NOT_ALLOWED:
        return _("Not tried again: add this server's address to the app's trusted IP list.")
    return _by_class(error)


def _by_class(error: WeChatError) -> str:
    if isinstance(error, RateLimited):
        return _rate_limited(error)
    if isinstance(error, Retryable):
        return _("Tried again after %(seconds)s.") % {"seconds": _seconds(error.retry_after)}
    if isinstance(error, Unknown):
        return _("It may have been done: looked up first, never repeated blindly.")
    if isinstance(error, Unauthorised):
        return _("Not tried again: the account cannot call; check its id, secret and settings.")
    if isinstance(error, Forbidden):
        return _("Not tried again: the app lacks this permission at the platform.")
    return _("Not tried again: the same request would be refused again.")


def _rate_limited(error: RateLimited) -> str:
    if error.scope == "concurrency":
        return _("Fewer calls at the same time, and again after a moment.")
    if error.scope == "day":
        return _("This API rests until midnight in China.")
    return _("This API rests for %(seconds)s.") % {"seconds": _seconds(error.retry_after)}


def _seconds(seconds: float) -> str:
    number = max(1, round(seconds))
    return ngettext("%(number)d second", "%(number)d seconds", number) % {"number": number}
