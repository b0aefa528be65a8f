"""How are callbacks signed and encrypted?

Own code on purpose, not the library that the product uses: so each side checks the other.
Plaintext is 16 random bytes, 4 bytes of length (big-endian), the message, the receive id; padded
to 32-byte blocks; AES-256-CBC with the first half of the key as IV.
"""

import base64
import binascii
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 32
HEAD = 20


class UnreadableError(ValueError):
    """Not a message that was encrypted with this key for this receiver."""


def key_from(encoding_aes_key: str) -> bytes:
    if len(encoding_aes_key) != 43:
        raise ValueError("an EncodingAESKey has exactly 43 characters")
    try:
        return base64.b64decode(encoding_aes_key + "=", validate=True)
    except binascii.Error as error:
        raise ValueError("an EncodingAESKey is base64 without its padding") from error


def signature(token: str, timestamp: str, nonce: str, encrypted: str = "") -> str:
    """Without `encrypted` it is the plain one of official accounts."""
    joined = "".join(sorted((token, timestamp, nonce, encrypted)))
    return hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()


def signed_by(token: str, timestamp: str, nonce: str, encrypted: str, claimed: str) -> bool:
    return hmac.compare_digest(signature(token, timestamp, nonce, encrypted), claimed)


def encrypt(message: str, receive_id: str, key: bytes, random16: bytes) -> str:
    content = message.encode()
    plain = random16 + struct.pack(">I", len(content)) + content + receive_id.encode()
    pad = BLOCK - len(plain) % BLOCK
    plain += bytes([pad]) * pad
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def decrypt(encrypted: str, receive_id: str, key: bytes) -> str:
    try:
        sealed = base64.b64decode(encrypted, validate=True)
        decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        plain = decryptor.update(sealed) + decryptor.finalize()
    except ValueError as error:
        raise UnreadableError("not base64 of whole cipher blocks") from error
    plain = _unpadded(plain)
    if len(plain) < HEAD:
        raise UnreadableError("too short")
    (length,) = struct.unpack(">I", plain[16:HEAD])
    if plain[HEAD + length :] != receive_id.encode():
        raise UnreadableError("meant for another receiver")
    try:
        return plain[HEAD : HEAD + length].decode()
    except UnicodeDecodeError as error:
        raise UnreadableError("not UTF-8") from error


def _unpadded(plain: bytes) -> bytes:
    pad = plain[-1] if plain else 0
    if not 1 <= pad <= BLOCK or plain[-pad:] != bytes([pad]) * pad:
        raise UnreadableError("bad padding")
    return plain[:-pad]
