"""Do our cipher and the library's read each other?"""

import base64
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from wechatpy.enterprise.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidSignatureException

from scrm.sandbox import cipher

TOKEN = "QDG6eK"
AES_KEY = base64.b64encode(bytes(range(32))).decode().rstrip("=")
CORP = "wx5823bf96d3bd56c7"
MESSAGE = "<xml><Content><![CDATA[你好, wörld 🎈]]></Content></xml>"


@dataclass(frozen=True)
class Published:
    """One of the platform's documented examples, for the token and the corp above."""

    timestamp: str
    nonce: str
    signature: str
    encrypted: str
    message: str


PUBLISHED_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
PUBLISHED = (
    Published(
        "1409659589",
        "263014780",
        "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3",
        "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==",
        "1616140317555161061",
    ),
    Published(
        "1409659813",
        "1372623149",
        "477715d11cdb4164915debcba66cb864d751f3e6",
        "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3Qczc"
        "dCUpj911L3vg3W/sYYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLj"
        "vd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMn"
        "vw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k"
        "22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2Yoy"
        "yH2uyPIGHBZZIs2pDBS8R07+qN+E7Q==",
        "<xml><ToUserName><![CDATA[wx5823bf96d3bd56c7]]></ToUserName>\n"
        "<FromUserName><![CDATA[mycreate]]></FromUserName>\n"
        "<CreateTime>1409659813</CreateTime>\n"
        "<MsgType><![CDATA[text]]></MsgType>\n"
        "<Content><![CDATA[hello]]></Content>\n"
        "<MsgId>4561255354251345929</MsgId>\n"
        "<AgentID>218</AgentID>\n"
        "</xml>",
    ),
)


@pytest.mark.parametrize("example", PUBLISHED)
def test_published_example_comes_out_and_can_be_made_again(example: Published) -> None:
    """To the byte, with the random start that the platform had drawn."""
    key = cipher.key_from(PUBLISHED_KEY)
    raw = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    drawn = raw.update(base64.b64decode(example.encrypted))[:16]
    signed = cipher.signature(TOKEN, example.timestamp, example.nonce, example.encrypted)

    assert signed == example.signature
    assert cipher.decrypt(example.encrypted, CORP, key) == example.message
    assert cipher.encrypt(example.message, CORP, key, drawn) == example.encrypted


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
