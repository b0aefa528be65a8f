"""The provider's side of a callback, written from the protocol and not from the adapter."""

import base64
import hashlib
import os
import struct
import time
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

AES_KEY = base64.b64encode(bytes(range(7, 39))).decode().rstrip("=")
TOKEN = "callback-token"


def sign(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 - the protocol


def pad(content: bytes) -> bytes:
    count = 32 - len(content) % 32
    return content + bytes([count]) * count


def seal_padded(padded: bytes, aes_key: str = AES_KEY) -> str:
    key = base64.b64decode(aes_key + "=")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def seal(message: bytes, owner: str, aes_key: str = AES_KEY) -> str:
    content = os.urandom(16) + struct.pack(">I", len(message)) + message + owner.encode()
    return seal_padded(pad(content), aes_key)


def wrapped(encrypted: str) -> bytes:
    return f"<xml><ToUserName>x</ToUserName><Encrypt>{encrypted}</Encrypt></xml>".encode()


@dataclass
class Post:
    """A signed delivery of `encrypted`; `query` may be spoiled afterwards."""

    encrypted: str
    stamp: str = field(default_factory=lambda: str(int(time.time())))
    token: str = TOKEN

    @property
    def query(self) -> dict[str, str]:
        return {
            "msg_signature": sign(self.token, self.stamp, "nonce", self.encrypted),
            "timestamp": self.stamp,
            "nonce": "nonce",
        }

    @property
    def body(self) -> bytes:
        return wrapped(self.encrypted)
