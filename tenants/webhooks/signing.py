"""Who sent this, and is it unchanged? Secrets and signatures as Standard Webhooks has them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

_PREFIX: Final = "whsec_"


def new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(
    event_id: str, at: datetime, body: str, with_secrets: Iterable[str]
) -> Mapping[str, str]:
    """`webhook-signature` has one signature for each secret: two while a secret is replaced."""
    stamp = str(int(at.timestamp()))
    signed = f"{event_id}.{stamp}.{body}".encode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in with_secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"
