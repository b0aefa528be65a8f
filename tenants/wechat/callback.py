"""Did WeChat itself send this, to this account, just now, and what is inside?"""

import base64
import binascii
import hashlib
import hmac
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tenants.wechat.credentials import Kind
from tenants.wechat.payload import BadPayload, Node, read

MAX_BODY: Final = 256 * 1024
WINDOW_S: Final = 600

Reason = Literal[
    "oversized", "malformed", "unsigned", "bad_signature", "stale", "undecryptable", "misconfigured"
]

_PADDING_BLOCK = 32
_KEY_TEXT = re.compile(r"[A-Za-z0-9+/]{43}")
_STATUS: Final[dict[Reason, int]] = {"oversized": 413, "malformed": 400}


class CallbackRefused(Exception):  # noqa: N818 - reads as what happened
    """`reason` is for our log alone; `status` shows no difference between the 403s."""

    def __init__(self, reason: Reason) -> None:
        self.reason: Reason = reason
        super().__init__(reason)

    @property
    def status(self) -> int:
        return _STATUS.get(self.reason, 403)


@dataclass(frozen=True, slots=True)
class CallbackKeys:
    """`receive_id`: the corpid or appid that every envelope must name."""

    kind: Kind
    token: str = field(repr=False)
    aes_key: str = field(repr=False)  # empty: an official account in plain mode
    receive_id: str


@dataclass(frozen=True, slots=True)
class OpenedCallback:
    body: bytes = field(repr=False)
    digest: bytes  # SHA-256 of the body: retries carry a new envelope around the same bytes


Query = Mapping[str, str]


def open_envelope(
    keys: CallbackKeys, query: Query, raw_body: bytes, *, now: float, window: float = WINDOW_S
) -> OpenedCallback:
    """The verified, decrypted and well-formed body; raises CallbackRefused and nothing else."""
    if len(raw_body) > MAX_BODY:
        raise CallbackRefused("oversized")
    envelope = _read(raw_body)
    if keys.aes_key:
        # Plain bodies are not covered by any signature: with a key set they are never accepted,
        # else a captured address would let anyone post what they like.
        encrypted = _only(envelope, "Encrypt")
        _verify(query.get("msg_signature", ""), keys.token, query, encrypted)
        _check_time(query, now, window)
        body = _decrypt(keys, encrypted)
        _read(body)
    else:
        _require_plain(keys)
        _verify(query.get("signature", ""), keys.token, query)
        _check_time(query, now, window)
        body = raw_body
    return OpenedCallback(body=body, digest=hashlib.sha256(body).digest())


def answer_echo(keys: CallbackKeys, query: Query, *, now: float, window: float = WINDOW_S) -> bytes:
    """What the address check wants to hear back, to the byte; raises CallbackRefused."""
    echo = query.get("echostr", "")
    if not echo or len(echo) > 4096:
        raise CallbackRefused("malformed")
    if keys.kind == "wecom":
        _verify(query.get("msg_signature", ""), keys.token, query, echo)
        _check_time(query, now, window)
        return _decrypt(keys, echo)
    # Official accounts send the text in clear, whatever the mode.
    _verify(query.get("signature", ""), keys.token, query)
    _check_time(query, now, window)
    return echo.encode()


def signature(token: str, *parts: str) -> str:
    joined = "".join(sorted((token, *parts)))
    return hashlib.sha1(joined.encode("utf-8", "replace")).hexdigest()  # noqa: S324 - the protocol


def _verify(claimed: str, token: str, query: Query, *content: str) -> None:
    if not token:
        raise CallbackRefused("misconfigured")
    if not claimed:
        raise CallbackRefused("unsigned")
    expected = signature(token, query.get("timestamp", ""), query.get("nonce", ""), *content)
    if not hmac.compare_digest(expected.encode(), claimed.encode("utf-8", "replace")):
        raise CallbackRefused("bad_signature")


def _check_time(query: Query, now: float, window: float) -> None:
    """After the signature, so that strangers learn nothing about our clock."""
    stamp = query.get("timestamp", "")
    if not re.fullmatch(r"[0-9]{1,12}", stamp) or abs(now - int(stamp)) > window:
        raise CallbackRefused("stale")


def _require_plain(keys: CallbackKeys) -> None:
    if keys.kind == "wecom":  # WeCom knows no plain mode
        raise CallbackRefused("misconfigured")


def _read(body: bytes) -> Node:
    try:
        return read(body)
    except BadPayload:
        failure = CallbackRefused("malformed")
    raise failure


def _only(envelope: Node, name: str) -> str:
    found = [child.text for child in envelope.named(name)]
    if len(found) != 1 or not found[0]:
        raise CallbackRefused("malformed")
    return found[0]


def _decrypt(keys: CallbackKeys, text: str) -> bytes:
    """16 random bytes, length, message, receive id; PKCS7 over blocks of 32."""
    if not _KEY_TEXT.fullmatch(keys.aes_key):
        raise CallbackRefused("misconfigured")
    key = base64.b64decode(keys.aes_key + "=")
    try:
        sealed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        sealed = b""
    if not sealed or len(sealed) % 16:
        raise CallbackRefused("undecryptable")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    message = _unpack(decryptor.update(sealed) + decryptor.finalize(), keys.receive_id)
    if message is None:
        raise CallbackRefused("undecryptable")
    return message


def _unpack(padded: bytes, receive_id: str) -> bytes | None:
    """One answer for every fault: which of them it was is nobody's business."""
    pad = padded[-1]
    padding_fits = 1 <= pad <= _PADDING_BLOCK and padded.endswith(bytes([pad]) * pad)
    content = padded[16:-pad] if padding_fits else b""
    if len(content) < 4:
        return None
    (length,) = struct.unpack(">I", content[:4])
    message, owner = content[4 : 4 + length], content[4 + length :]
    owned = hmac.compare_digest(owner, receive_id.encode())
    return message if owned and receive_id and len(message) == length else None
