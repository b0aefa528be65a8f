"""Secrets and personal data at rest: AES-256-GCM under a key per tenant, wrapped by a master key.

Each ciphertext is bound to its table, column, tenant and row, so it opens nowhere else. What must
be found by its value has a blind index beside it: a keyed hash, which nobody can guess phones from.
A ciphertext begins with the version of the data key that sealed it (`v2:`): the newest version
seals, all that are stored open (key_rotation.py). The key of blind indexes has no versions.
"""

import base64
import hmac
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import transaction

from tenants.scope import current_tenant_id

# So long a process may go on sealing with the version before.
LEARNS_WITHIN_S: Final = 60.0
_NONCE = 12
_SIZE = 32  # bytes of a key


class Unreadable(ValueError):  # noqa: N818 - reads as what happened
    """The ciphertext is not of this row, or its key is not there."""


# --- the master key ---


def _masters() -> list[AESGCM]:
    """The one that wraps first; the others open what they wrapped."""
    return [
        AESGCM(base64.b64decode(key)) for key in (settings.MASTER_KEY, *settings.OTHER_MASTER_KEYS)
    ]


def wrap(tenant_id: int, keys: bytes) -> bytes:
    """A tenant's keys, wrapped by the master key."""
    nonce = os.urandom(_NONCE)
    return nonce + _masters()[0].encrypt(nonce, keys, b"tenant:%d" % tenant_id)


def unwrap(tenant_id: int, wrapped: bytes) -> tuple[bytes, int]:
    """A tenant's keys, and which master key opened them: 0 is the one that wraps."""
    for number, master in enumerate(_masters()):
        try:
            keys = master.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], b"tenant:%d" % tenant_id)
        except InvalidTag:
            continue
        return keys, number
    raise Unreadable(
        "The tenant's key does not open: is SCRM_MASTER_KEY the right one, or the one before it "
        "among SCRM_OTHER_MASTER_KEYS?"
    )


# --- a tenant's keys ---


@dataclass(frozen=True, eq=False)
class Keys:
    """A tenant's: they open and seal, and make blind indexes. For use outside its scope, too, but
    not for long: rotation waits for those who might still seal with an old version.
    """

    tenant_id: int
    version: int  # seals
    versions: Mapping[int, AESGCM]
    index: bytes

    @property
    def data(self) -> AESGCM:
        """The data key that seals."""
        return self.versions[self.version]

    def of(self, version: int) -> AESGCM:
        """The data key of that version; raises Unreadable when there is none (any more)."""
        key = self.versions.get(version)
        if key is None:
            raise Unreadable(f"The tenant has no version {version} of its key.")
        return key

    def blind(self, text: str, purpose: str) -> bytes:
        """16 bytes: the same for the same text of the tenant, they say nothing else about it."""
        return hmac.digest(self.index, f"{purpose}:{text}".encode(), "sha256")[:16]

    def seal(self, text: str, bound_to: str) -> str:
        nonce = os.urandom(_NONCE)
        sealed = self.data.encrypt(nonce, text.encode(), self._binding(bound_to))
        return f"v{self.version}:" + base64.b64encode(nonce + sealed).decode()

    def unseal(self, sealed: str, bound_to: str) -> str:
        key = self.of(version_of(sealed))
        raw = base64.b64decode(sealed.partition(":")[2])
        try:
            return key.decrypt(raw[:_NONCE], raw[_NONCE:], self._binding(bound_to)).decode()
        except InvalidTag:
            raise Unreadable(f"This secret was not sealed for {bound_to}.") from None

    def _binding(self, bound_to: str) -> bytes:
        return f"{self.tenant_id}:{bound_to}".encode()


def version_of(sealed: str) -> int:
    """The version of the data key that sealed it; raises Unreadable for what is no ciphertext."""
    mark = sealed.partition(":")[0]
    if not (mark.startswith("v") and mark[1:].isdecimal()):
        raise Unreadable("This text is not sealed.")
    return int(mark[1:])


# Unwrapped keys of tenants that this process has met, and when they were read.
_met: dict[int, tuple[Keys, float]] = {}
# Tenants whose key was made here, in a transaction that may yet be undone.
_making: set[int] = set()


def keys() -> Keys:
    """Inside a scope: its tenant's, made if there are none yet. Ask before many rows, in a scope of
    its own: keys are remembered only once the transaction that made them is over.
    """
    tenant_id = current_tenant_id()
    known, read_at = _met.get(tenant_id, (None, 0.0))
    if known is None or time.monotonic() - read_at > LEARNS_WITHIN_S:
        read_at = time.monotonic()
        known = _unwrapped(tenant_id, _stored(tenant_id))
        if tenant_id in _making:
            transaction.on_commit(partial(_remember, known, read_at))
        else:
            _remember(known, read_at)
    return known


def _remember(known: Keys, read_at: float) -> None:
    _met[known.tenant_id] = known, read_at
    _making.discard(known.tenant_id)


def forget() -> None:
    """Read the keys of the scope's tenant anew when they are wanted next."""
    _met.pop(current_tenant_id(), None)


def new_keys(index: bytes | None = None) -> bytes:
    """A fresh data key, followed by the key of blind indexes: that of the versions before."""
    return AESGCM.generate_key(256) + (index or AESGCM.generate_key(256))


def _unwrapped(tenant_id: int, stored: Mapping[int, bytes]) -> Keys:
    """By version."""
    opened = {version: unwrap(tenant_id, wrapped)[0] for version, wrapped in stored.items()}
    newest = max(opened)
    return Keys(
        tenant_id,
        newest,
        {version: AESGCM(key[:_SIZE]) for version, key in opened.items()},
        index_of(opened[newest]),
    )


def index_of(opened: bytes) -> bytes:
    """The key of blind indexes. The first data keys were stored alone: it was derived from them."""
    return opened[_SIZE:] or hmac.digest(opened, b"blind index", "sha256")


def _stored(tenant_id: int) -> dict[int, bytes]:
    from tenants.models import TenantKey  # noqa: PLC0415 - the models use this module's fields

    rows = TenantKey.objects.values_list("version", "wrapped")
    stored = list(rows)
    if not stored:
        _making.add(tenant_id)
        TenantKey.objects.bulk_create(
            [TenantKey(wrapped=wrap(tenant_id, new_keys()))], ignore_conflicts=True
        )
        stored = list(rows.all())
    return {version: bytes(wrapped) for version, wrapped in stored}


# --- in the scope's tenant ---


def blind(text: str, purpose: str) -> bytes:
    """As Keys.blind."""
    return keys().blind(text, purpose)


def seal(text: str, bound_to: str) -> str:
    return keys().seal(text, bound_to)


def unseal(sealed: str, bound_to: str) -> str:
    """As Keys.unseal. A version that this process has not met was made a moment ago."""
    if version_of(sealed) not in keys().versions:
        forget()
    return keys().unseal(sealed, bound_to)


def renewed(sealed: str, bound_to: str) -> str:
    """The same, sealed with the newest version: what is written back never needs an old one."""
    if version_of(sealed) == keys().version:
        return sealed
    return seal(unseal(sealed, bound_to), bound_to)
