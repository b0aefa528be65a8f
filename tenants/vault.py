"""Secrets at rest: AES-256-GCM under a key per tenant, which a master key wraps.

Each ciphertext is bound to its table, column, tenant and row, so it opens nowhere else.
"""

import base64
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

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


@lru_cache(maxsize=1024)
def _data_key(tenant_id: int, wrapped: bytes) -> AESGCM:
    try:
        key = _master().decrypt(wrapped[:_NONCE], wrapped[_NONCE:], b"tenant:%d" % tenant_id)
    except InvalidTag:
        raise Unreadable(
            "The tenant's key does not open: is SCRM_MASTER_KEY the right one?"
        ) from None
    return AESGCM(key)


def _key_of_scope() -> AESGCM:
    from tenants.models import TenantKey  # noqa: PLC0415 - the models use this module's fields

    tenant_id = current_tenant_id()
    wrapped = TenantKey.objects.values_list("wrapped", flat=True).first()
    if wrapped is None:
        TenantKey.objects.bulk_create(
            [TenantKey(wrapped=wrap_new_key(tenant_id))], ignore_conflicts=True
        )
        wrapped = TenantKey.objects.values_list("wrapped", flat=True).get()
    return _data_key(tenant_id, bytes(wrapped))


def seal(text: str, bound_to: str) -> str:
    nonce = os.urandom(_NONCE)
    sealed = _key_of_scope().encrypt(nonce, text.encode(), _binding(bound_to))
    return "v1:" + base64.b64encode(nonce + sealed).decode()


def unseal(sealed: str, bound_to: str) -> str:
    raw = base64.b64decode(sealed.removeprefix("v1:"))
    try:
        return _key_of_scope().decrypt(raw[:_NONCE], raw[_NONCE:], _binding(bound_to)).decode()
    except InvalidTag:
        raise Unreadable(f"This secret was not sealed for {bound_to}.") from None


def _binding(bound_to: str) -> bytes:
    return f"{current_tenant_id()}:{bound_to}".encode()
