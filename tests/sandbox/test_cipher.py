"""Do our cipher and the library's read each other?"""

import base64

import pytest
from wechatpy.enterprise.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidSignatureException

from scrm.sandbox import cipher

TOKEN = "QDG6eK"
AES_KEY = base64.b64encode(bytes(range(32))).decode().rstrip("=")
CORP = "wx5823bf96d3bd56c7"
MESSAGE = "<xml><Content><![CDATA[你好, wörld 🎈]]></Content></xml>"


def test_library_reads_what_we_write() -> None:
    encrypted = cipher.encrypt(MESSAGE, CORP, cipher.key_from(AES_KEY), b"0123456789abcdef")
    signed = cipher.signature(TOKEN, "1409659589", "263014780", encrypted)
    body = f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"

    crypto = WeChatCrypto(TOKEN, AES_KEY, CORP)

    assert crypto.decrypt_message(body, signed, "1409659589", "263014780") == MESSAGE
    with pytest.raises(InvalidSignatureException):
        crypto.decrypt_message(body, signed, "1409659590", "263014780")


def test_we_read_what_the_library_writes() -> None:
    reply = WeChatCrypto(TOKEN, AES_KEY, CORP).encrypt_message(MESSAGE, "nonce", "1409659589")
    encrypted = reply.split("<Encrypt><![CDATA[")[1].split("]]>")[0]
    signed = reply.split("<MsgSignature><![CDATA[")[1].split("]]>")[0]

    assert cipher.signed_by(TOKEN, "1409659589", "nonce", encrypted, signed)
    assert cipher.decrypt(encrypted, CORP, cipher.key_from(AES_KEY)) == MESSAGE


@pytest.mark.parametrize("length", [0, 1, 11, 12, 31, 32, 33, 4000])
def test_every_length_comes_back(length: int) -> None:
    key, message = cipher.key_from(AES_KEY), "x" * length

    assert cipher.decrypt(cipher.encrypt(message, CORP, key, b"r" * 16), CORP, key) == message


@pytest.mark.parametrize("broken", ["", "AAAA", "not base64!", "A" * 44, "QUFB" * 16])
def test_garbage_is_unreadable(broken: str) -> None:
    with pytest.raises(cipher.UnreadableError):
        cipher.decrypt(broken, CORP, cipher.key_from(AES_KEY))


def test_message_for_another_receiver_is_unreadable() -> None:
    key = cipher.key_from(AES_KEY)

    with pytest.raises(cipher.UnreadableError):
        cipher.decrypt(cipher.encrypt(MESSAGE, CORP, key, b"r" * 16), "wwother", key)


def test_key_has_forty_three_characters() -> None:
    with pytest.raises(ValueError, match="43"):
        cipher.key_from(AES_KEY + "A")
