"""What does a failed call mean for the one who asked: again, later, never, or nobody knows?"""

import random
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

Scope = Literal["pace", "minute", "hour", "day", "month", "concurrency"]

CHINA = timezone(timedelta(hours=8))
MINUTE_BLOCK_S = 60.0
HOUR_BLOCK_S = 3600.0
MONTH_BLOCK_S = 30 * 86400.0


class WeChatError(Exception):
    """`message` is safe to log and to store: no token, no secret, no egress address."""

    def __init__(self, message: str, *, errcode: int | None = None, api: str = "") -> None:
        self.message = message
        self.errcode = errcode
        self.api = api
        code = "" if errcode is None else f" {errcode}"
        super().__init__(f"{api or 'wechat'}{code}: {message}")


class Retryable(WeChatError):  # noqa: N818 - a state, not a bug
    """Certainly not done, or harmless when repeated. `retry_after` in seconds."""

    def __init__(
        self, message: str, *, errcode: int | None = None, api: str = "", retry_after: float = 5.0
    ) -> None:
        super().__init__(message, errcode=errcode, api=api)
        self.retry_after = retry_after


class RateLimited(WeChatError):  # noqa: N818 - a state, not a bug
    """Not done: too many calls. `retry_after` in seconds, `scope` says which limit was hit."""

    def __init__(
        self,
        message: str,
        *,
        errcode: int | None = None,
        api: str = "",
        retry_after: float = MINUTE_BLOCK_S,
        scope: Scope = "minute",
    ) -> None:
        super().__init__(message, errcode=errcode, api=api)
        self.retry_after = retry_after
        self.scope: Scope = scope


class Terminal(WeChatError):  # noqa: N818 - a state, not a bug
    """Refused, and the same request will be refused again."""


class NotACustomer(Terminal):
    """84061: no relation with this person, or none yet: details lag behind events."""


class Forbidden(Terminal):
    """The app lacks a permission for this one API: an administrator must act."""


class Unauthorised(WeChatError):  # noqa: N818 - a state, not a bug
    """The account as a whole cannot call: wrong secret, wrong id, address not allowed.

    `retry_after`: seconds until somebody may ask again whether it still is so.
    """

    def __init__(
        self, message: str, *, errcode: int | None = None, api: str = "", retry_after: float = 0.0
    ) -> None:
        super().__init__(message, errcode=errcode, api=api)
        self.retry_after = retry_after


class Unknown(WeChatError):  # noqa: N818 - a state, not a bug
    """The provider may have done it: settle by look-up or hold; never repeat blindly."""


# A token that is not or no longer good: one refresh, one retry.
TOKEN_ERRORS = frozenset({40001, 40014, 41001, 42001})

# Of these a fresh token may be refused for a moment; 40001 says that the secret is wrong.
PASSING_ERRORS = frozenset({40014, 42001})

NOT_A_CUSTOMER = 84061
WELCOME_CODE_INVALID = 41050
WELCOME_ALREADY_CHATTING = 41051
WELCOME_IN_DISTRIBUTION = 41096

_RETRY_AFTER = {
    -1: 5.0,  # busy
    6000: 2.0,  # version conflict
    61450: 5.0,  # official account: system error
    41063: 60.0,  # the task is still being dispatched
    WELCOME_IN_DISTRIBUTION: 1.0,  # another app is sending; may still fail within the 20 s
}
_ACCOUNT_CODES = frozenset({40001, 40013, 40014, 40091, 40125, 40164, 41001, 41002, 41004, 42001})
_ADDRESS_CODES = frozenset({60020})
_PERMISSION_CODES = frozenset({48001, 48002, 48004, 50002, 301002})
_LICENCE_CODES = range(701000, 702000)
_RATE_CODES = frozenset({45009, 45011, 45033})


def classify(errcode: int) -> type[WeChatError]:
    """The class of a business error; codes not in the table are refusals."""
    if errcode in _RETRY_AFTER:
        return Retryable
    if errcode in _RATE_CODES:
        return RateLimited
    if errcode in _ACCOUNT_CODES or errcode in _ADDRESS_CODES:
        return Unauthorised
    if errcode in _PERMISSION_CODES or errcode in _LICENCE_CODES:
        return Forbidden
    return NotACustomer if errcode == NOT_A_CUSTOMER else Terminal


def refusal(errcode: int, errmsg: str, *, api: str, secrets: Iterable[str] = ()) -> WeChatError:
    """The exception for an answer whose errcode is not 0."""
    message = safe_text(errmsg, secrets)
    kind = classify(errcode)
    if kind is Retryable:
        return Retryable(message, errcode=errcode, api=api, retry_after=_RETRY_AFTER[errcode])
    if kind is RateLimited:
        scope = _scope(errcode, errmsg)
        wait = _block_seconds(scope)
        return RateLimited(message, errcode=errcode, api=api, retry_after=wait, scope=scope)
    return kind(message, errcode=errcode, api=api)


_PRIVATE_TAIL = re.compile(r",?\s*(hint:|from ip:|more info at|rid:).*", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def safe_text(errmsg: str, secrets: Iterable[str] = ()) -> str:
    """The provider's words without the trace id, our egress address or anything secret."""
    text = _CONTROL.sub(" ", _PRIVATE_TAIL.sub("", errmsg))
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text[:200].strip() or "no message"


def _scope(errcode: int, errmsg: str) -> Scope:
    # One code serves all limits; only the words differ.
    words = errmsg.lower()
    if errcode == 45033:
        return "concurrency"
    if "month" in words:
        return "month"
    if "daily" in words or "day" in words:
        return "day"
    return "hour" if "hour" in words else "minute"


def _block_seconds(scope: Scope) -> float:
    if scope == "concurrency":
        return random.uniform(1.0, 3.0)  # noqa: S311 - spreads the workers, hides nothing
    if scope == "hour":
        return HOUR_BLOCK_S
    if scope == "day":
        # Quotas are counted by the natural day in China.
        now = datetime.now(UTC).astimezone(CHINA)
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight - now).total_seconds()
    return MONTH_BLOCK_S if scope == "month" else MINUTE_BLOCK_S
