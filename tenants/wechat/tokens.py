"""Which access token do all workers of one app share, and who may fetch the next one?"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Callable
from contextlib import suppress

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from redis import Redis
from redis.exceptions import LockError
from redis.lock import Lock

from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import Retryable, Unauthorised

# Fetched early enough that a token in hand outlives the call it is used for.
EARLY_S = 300
LOCK_LIFE_S = 30
LOCK_WAIT_S = 15
# About 2,000 failing fetches an hour lock an app out: wrong credentials are tried rarely.
REFUSED_LIFE_S = 30

# fetch(failed) asks the provider: `failed` is the token that no longer works, if any.
Fetch = Callable[[str | None], tuple[str, int]]


class TokenStore:
    """One token per (tenant, app) in Redis, encrypted under a key drawn from the app's secret;
    likewise, under another `name`, a ticket that is fetched with it.

    Expiry lives in Redis alone, so no process trusts a memory of its own; whoever changes the
    secret finds the stored token unreadable and fetches a new one.
    """

    def __init__(
        self, redis: Redis, credentials: Credentials, fetch: Fetch, name: str = "token"
    ) -> None:
        self._redis = redis
        self._fetch = fetch
        self._name = name
        self._key = f"{credentials.redis_prefix}:{name}"
        refused = "refused" if name == "token" else f"{name}:refused"
        self._refused_key = f"{credentials.redis_prefix}:{refused}"
        seed = hashlib.sha256(b"scrm.wechat.token\0" + credentials.secret.encode()).digest()
        self._cipher = AESGCM(seed)
        self.fingerprint = hmac.digest(seed, b"refused", "sha256").hex()[:32]

    def current(self) -> str:
        return self._stored() or self._fetch_locked(failed=None)

    def renew(self, failed: str) -> str:
        """A token other than `failed`, fetched by at most one worker."""
        return self._fetch_locked(failed=failed)

    def forget(self) -> None:
        self._redis.delete(self._key, self._refused_key)

    def _fetch_locked(self, failed: str | None) -> str:
        lock = self._redis.lock(
            f"{self._key}:lock",
            timeout=LOCK_LIFE_S,
            blocking_timeout=LOCK_WAIT_S,
            sleep=0.05,
        )
        try:
            acquired = lock.acquire()
        except LockError:
            acquired = False
        if not acquired:
            raise Retryable("another worker is still fetching it", api=self._name)
        try:
            stored = self._stored()
            if stored and stored != failed:
                return stored
            return self._fetch_new(failed)
        finally:
            _release(lock)

    def _fetch_new(self, failed: str | None) -> str:
        marker = self._redis.get(self._refused_key)
        if isinstance(marker, bytes | str) and _text(marker).startswith(self.fingerprint):
            code = int(_text(marker).rpartition(":")[2])
            raise Unauthorised(
                "credentials were refused a moment ago", errcode=code, api=self._name
            )
        refused: Unauthorised
        try:
            token, expires_in = self._fetch(failed)
        except Unauthorised as error:
            refused = error
        else:
            self._redis.set(self._key, self._seal(token), ex=max(expires_in - EARLY_S, 30))
            return token
        marker = f"{self.fingerprint}:{refused.errcode or 0}"
        self._redis.set(self._refused_key, marker, ex=REFUSED_LIFE_S)
        raise refused

    def _stored(self) -> str | None:
        sealed = self._redis.get(self._key)
        return self._open(sealed) if isinstance(sealed, bytes | str) else None

    def _seal(self, token: str) -> str:
        nonce = os.urandom(12)
        sealed = nonce + self._cipher.encrypt(nonce, token.encode(), self._key.encode())
        return base64.b64encode(sealed).decode()

    def _open(self, text: bytes | str) -> str | None:
        try:
            sealed = base64.b64decode(text, validate=True)
            return self._cipher.decrypt(sealed[:12], sealed[12:], self._key.encode()).decode()
        except (InvalidTag, ValueError, binascii.Error):
            return None


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _release(lock: Lock) -> None:
    # A lock that ran out while we fetched belongs to someone else by now.
    with suppress(LockError):
        lock.release()
