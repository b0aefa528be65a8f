"""Secrets and personal data at rest: AES-256-GCM under a key per tenant, wrapped by a master key.

Each ciphertext is bound to its table, column, tenant and row, so it opens nowhere else. What must
be found by its value has a blind index beside it: a keyed hash, which nobody can guess phones from.
"""

import base64
import hmac
import os
from dataclasses import dataclass
from functools import partial

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import transaction

from tenants.scope import current_tenant_id

_NONCE = 12


class Unreadable(ValueError):  # noqa: N818 - reads as what happened
    """The ciphertext is not of this row, or the master key is another."""


def _master() -> AESGCM:
    return AESGCM(base64.b64decode(settings.MASTER_KEY))


def wrap_new_key(tenant_id: int) -> bytes:
    """A fresh data key for a tenant, wrapped by the master key."""
    nonce = os.urandom(_NONCE)
    return nonce + _master().encrypt(nonce, AESGCM.generate_key(256), b"tenant:%d" % tenant_id)


@dataclass(frozen=True, eq=False)
class Keys:
    """A tenant's: one opens and seals, the other makes blind indexes. For use outside its scope."""

    tenant_id: int
    data: AESGCM
    index: bytes

    def blind(self, text: str, purpose: str) -> bytes:
        """16 bytes: the same for the same text of the tenant, they say nothing else about it."""
        return hmac.digest(self.index, f"{purpose}:{text}".encode(), "sha256")[:16]

    def seal(self, text: str, bound_to: str) -> str:
        nonce = os.urandom(_NONCE)
        sealed = self.data.encrypt(nonce, text.encode(), self._binding(bound_to))
        return "v1:" + base64.b64encode(nonce + sealed).decode()

    def unseal(self, sealed: str, bound_to: str) -> str:
        raw = base64.b64decode(sealed.removeprefix("v1:"))
        try:
            return self.data.decrypt(raw[:_NONCE], raw[_NONCE:], self._binding(bound_to)).decode()
        except InvalidTag:
            raise Unreadable(f"This secret was not sealed for {bound_to}.") from None

    def _binding(self, bound_to: str) -> bytes:
        return f"{self.tenant_id}:{bound_to}".encode()


# Unwrapped keys of tenants that this process has met; they never change.
_met: dict[int, Keys] = {}
# Tenants whose key was made here, in a transaction that may yet be undone.
_making: set[int] = set()


def _unwrapped(tenant_id: int, wrapped: bytes) -> Keys:
    try:
        key = _master().decrypt(wrapped[:_NONCE], wrapped[_NONCE:], b"tenant:%d" % tenant_id)
    except InvalidTag:
        raise Unreadable(
            "The tenant's key does not open: is SCRM_MASTER_KEY the right one?"
        ) from None
    return Keys(tenant_id, AESGCM(key), hmac.digest(key, b"blind index", "sha256"))


def keys() -> Keys:
    """Inside a scope: its tenant's, made if there are none yet. Ask before many rows, in a scope of
    its own: keys are remembered only once the transaction that made them is over.
    """
    tenant_id = current_tenant_id()
    known = _met.get(tenant_id)
    if known is None:
        known = _unwrapped(tenant_id, _wrapped_key(tenant_id))
        if tenant_id in _making:
            transaction.on_commit(partial(_met.setdefault, tenant_id, known))
        else:
            _met[tenant_id] = known
    return known


def _wrapped_key(tenant_id: int) -> bytes:
    from tenants.models import TenantKey  # noqa: PLC0415 - the models use this module's fields

    wrapped = TenantKey.objects.values_list("wrapped", flat=True).first()
    if wrapped is None:
        _making.add(tenant_id)
        TenantKey.objects.bulk_create(
            [TenantKey(wrapped=wrap_new_key(tenant_id))], ignore_conflicts=True
        )
        wrapped = TenantKey.objects.values_list("wrapped", flat=True).get()
    return bytes(wrapped)


def blind(text: str, purpose: str) -> bytes:
    """As Keys.blind, of the scope's tenant."""
    return keys().blind(text, purpose)


def seal(text: str, bound_to: str) -> str:
    return keys().seal(text, bound_to)


def unseal(sealed: str, bound_to: str) -> str:
    return keys().unseal(sealed, bound_to)
