"""How guessing passwords is stopped without locking out the owner for long."""

import hashlib
import logging

from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

WINDOW_SECONDS = 15 * 60
ATTEMPTS = 10


def _key(email: str) -> str:
    return "guess:" + hashlib.sha256(email.encode()).hexdigest()[:32]


def count_attempt(email: str) -> None:
    """Count an attempt before it is judged: ten an account within 15 minutes, then refuse.

    Raises ValidationError over the limit, and also while nobody can count (Redis away): sign-in is
    never without a limit.
    """
    try:
        cache.add(_key(email), 0, WINDOW_SECONDS)
        attempts = cache.incr(_key(email))
    except (RedisError, ValueError) as error:
        log.warning("sign-in attempts cannot be counted: %s", type(error).__name__)
        raise ValidationError(
            _("Sign-in is briefly not possible. Try again in a minute.")
        ) from None
    if attempts > ATTEMPTS:
        raise ValidationError(_("Too many wrong passwords. Wait 15 minutes, then try again."))


def forget(email: str) -> None:
    """The right password was given."""
    cache.delete(_key(email))
