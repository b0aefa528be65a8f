"""Only the provider is heard, and a refusal tells nothing about its reason."""

import hashlib
import os
import struct
import time

import pytest
from wechatpy.enterprise.crypto import WeChatCrypto

from tenants.wechat.callback import (
    MAX_BODY,
    CallbackKeys,
    CallbackRefused,
    OpenedCallback,
    answer_echo,
    open_envelope,
)

from .envelopes import AES_KEY, TOKEN, Post, pad, seal, seal_padded, sign, wrapped

CORP = "wwcorp"
EVENT = "<xml><MsgType>event</MsgType><Event>enter_agent</Event><Name>张三</Name></xml>".encode()
KEYS = CallbackKeys("wecom", TOKEN, AES_KEY, CORP)
OA_SAFE = CallbackKeys("oa", TOKEN, AES_KEY, "wxapp")
OA_PLAIN = CallbackKeys("oa", TOKEN, "", "wxapp")


def open_post(post: Post, keys: CallbackKeys = KEYS) -> OpenedCallback:
    return open_envelope(keys, post.query, post.body, now=time.time())


def refused(
    query: dict[str, str], body: bytes, keys: CallbackKeys = KEYS, now: float | None = None
) -> tuple[str, int]:
    with pytest.raises(CallbackRefused) as caught:
        open_envelope(keys, query, body, now=time.time() if now is None else now)
    return caught.value.reason, caught.value.status


def test_a_delivery_opens_and_its_digest_is_of_the_body() -> None:
    first, second = open_post(Post(seal(EVENT, CORP))), open_post(Post(seal(EVENT, CORP)))

    assert first.body == EVENT
    assert first.digest == second.digest == hashlib.sha256(EVENT).digest()


def test_what_wechatpy_seals_opens_too() -> None:
    stamp = str(int(time.time()))
    crypto = WeChatCrypto(TOKEN, AES_KEY, CORP)
    envelope = crypto.encrypt_message(EVENT.decode(), "n", stamp)
    encrypted = envelope.partition("<Encrypt><![CDATA[")[2].partition("]]>")[0]
    query = {"timestamp": stamp, "nonce": "n", "msg_signature": sign(TOKEN, stamp, "n", encrypted)}

    assert open_envelope(KEYS, query, envelope.encode(), now=time.time()).body == EVENT


def test_a_message_that_ends_in_padding_like_bytes_keeps_them() -> None:
    for size in range(40):
        message = b"<xml><A>" + b"x" * size + b"</A></xml>"
        assert open_post(Post(seal(message, CORP))).body == message


def test_bad_signatures() -> None:
    post = Post(seal(EVENT, CORP))
    other = Post(seal(EVENT, CORP))

    assert refused(post.query | {"msg_signature": "0" * 40}, post.body) == ("bad_signature", 403)
    assert refused(post.query | {"msg_signature": "签"}, post.body) == ("bad_signature", 403)
    assert refused(post.query | {"nonce": "other"}, post.body) == ("bad_signature", 403)
    assert refused(post.query, other.body) == ("bad_signature", 403)
    assert refused({}, post.body) == ("unsigned", 403)


def test_another_tenants_token_key_and_id() -> None:
    other_key = AES_KEY[::-1]

    stranger = Post(seal(EVENT, CORP), token="other-token")
    assert refused(stranger.query, stranger.body) == ("bad_signature", 403)
    for post in (
        Post(seal(EVENT, "wwother")),
        Post(seal(EVENT, "")),
        Post(seal(EVENT, CORP + "x")),
        Post(seal(EVENT, CORP, other_key)),
    ):
        assert refused(post.query, post.body) == ("undecryptable", 403)


def test_spoiled_ciphertexts_are_all_refused_alike() -> None:
    good = seal(EVENT, CORP)
    wrong_length = os.urandom(16) + struct.pack(">I", 2**31) + EVENT + CORP.encode()
    for encrypted in (
        "!!!not base64!!!",
        good[:-1],
        good[:40],
        good[:64],
        good + "====",
        "QUJD",
        "é" * 64,
        seal_padded(b"\x00" * 64),
        seal_padded(os.urandom(63) + b"\x21"),
        seal_padded(pad(EVENT)[:-2] + b"\x01\x02"),
        seal_padded(b"\x20" * 32),
        seal_padded(pad(b"short")),
        seal_padded(pad(wrong_length)),
    ):
        post = Post(encrypted)
        assert refused(post.query, post.body) == ("undecryptable", 403)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<xml>",
        b"<xml></xml>",
        b"<xml><Encrypt></Encrypt></xml>",
        b"<xml><Encrypt>a</Encrypt><Encrypt>b</Encrypt></xml>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><xml><Encrypt>&a;</Encrypt></xml>',
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1/x"><xml><Encrypt>a</Encrypt></xml>',
        b"<a>" * 50_000,
        b"<xml>" + b"<a/>" * 20_000 + b"</xml>",
        "<xml><Encrypt>a</Encrypt></xml>".encode("utf-16"),
        b"<xml><Encrypt>\x00</Encrypt></xml>",
        b"<xml><Encrypt>\xed\xa0\x80</Encrypt></xml>",
        b"{}",
    ],
)
def test_malformed_bodies(body: bytes) -> None:
    assert refused({}, body) == ("malformed", 400)


@pytest.mark.parametrize(
    "inner",
    [
        b"garbage",
        b"<!DOCTYPE x><xml><A>a</A></xml>",
        b"<xml>" + b"<a>" * 30 + b"</a>" * 30 + b"</xml>",
        b"\xff\xfe<\x00x\x00/\x00>\x00",
    ],
)
def test_malformed_content_inside_a_right_envelope(inner: bytes) -> None:
    post = Post(seal(inner, CORP))

    assert refused(post.query, post.body) == ("malformed", 400)


def test_an_oversized_body_is_not_even_read() -> None:
    assert refused({}, b"<" * (MAX_BODY + 1)) == ("oversized", 413)


def test_stale_deliveries() -> None:
    now = 1_790_000_000
    for shift in (-601, 601, -86_400):
        post = Post(seal(EVENT, CORP), stamp=str(now + shift))
        assert refused(post.query, post.body, now=now) == ("stale", 403)
    for stamp in ("", "-1", "1e9", "9" * 40, "１２３"):
        post = Post(seal(EVENT, CORP), stamp=stamp)
        assert refused(post.query, post.body, now=now) == ("stale", 403)
    for shift in (-599, 599):
        post = Post(seal(EVENT, CORP), stamp=str(now + shift))
        assert open_envelope(KEYS, post.query, post.body, now=now).body == EVENT


def test_an_account_without_token_or_key_hears_nobody() -> None:
    post = Post(seal(EVENT, CORP), token="")
    plain = {"timestamp": post.stamp, "nonce": "n", "signature": sign("", post.stamp, "n")}

    nothing = CallbackKeys("wecom", "", "", CORP)
    assert refused(plain, EVENT, nothing) == ("misconfigured", 403)
    assert refused(post.query, post.body, CallbackKeys("wecom", "", AES_KEY, CORP)) == (
        "misconfigured",
        403,
    )
    short = Post(seal(EVENT, CORP))
    assert refused(short.query, short.body, CallbackKeys("wecom", TOKEN, "short", CORP)) == (
        "misconfigured",
        403,
    )


def oa_query(post: Post) -> dict[str, str]:
    return {
        "timestamp": post.stamp,
        "nonce": "nonce",
        "signature": sign(TOKEN, post.stamp, "nonce"),
    }


def test_an_official_account_in_safe_mode_refuses_plain_bodies() -> None:
    post = Post(seal(EVENT, "wxapp"))
    query = oa_query(post) | post.query | {"encrypt_type": "aes"}
    both = wrapped(post.encrypted).replace(b"<Encrypt>", b"<MsgType>text</MsgType><Encrypt>")

    assert open_envelope(OA_SAFE, query, both, now=time.time()).body == EVENT
    assert refused(oa_query(post), EVENT, OA_SAFE) == ("malformed", 400)
    assert refused(oa_query(post), post.body, OA_SAFE) == ("unsigned", 403)


def test_an_official_account_in_plain_mode() -> None:
    post = Post("")
    query = oa_query(post)

    assert open_envelope(OA_PLAIN, query, EVENT, now=time.time()).body == EVENT
    assert refused(query | {"signature": "0" * 40}, EVENT, OA_PLAIN) == ("bad_signature", 403)
    assert refused(query, b"<!DOCTYPE x><xml/>", OA_PLAIN) == ("malformed", 400)


def test_the_echo_of_a_corp_is_decrypted() -> None:
    post = Post(seal(b"1616140317555161061", CORP))
    query = post.query | {"echostr": post.encrypted}

    assert answer_echo(KEYS, query, now=time.time()) == b"1616140317555161061"
    for spoiled in ({"echostr": ""}, {"echostr": "a" * 5000}, {"msg_signature": "0"}):
        with pytest.raises(CallbackRefused):
            answer_echo(KEYS, query | spoiled, now=time.time())


def test_the_echo_of_an_official_account_is_plain_in_both_modes() -> None:
    query = oa_query(Post("")) | {"echostr": "4375120948345356249"}

    for keys in (OA_PLAIN, OA_SAFE):
        assert answer_echo(keys, query, now=time.time()) == b"4375120948345356249"
    with pytest.raises(CallbackRefused):
        answer_echo(OA_PLAIN, query | {"signature": "0"}, now=time.time())


def test_keys_are_not_printed() -> None:
    assert TOKEN not in repr(KEYS)
    assert AES_KEY not in repr(KEYS)


def test_random_bodies_and_bit_flips_only_ever_raise_the_refusal() -> None:
    post = Post(seal(EVENT, CORP))
    for number in range(1500):
        body = bytearray(post.body)
        body[number % len(body)] ^= 1 << (number % 8)
        try:
            open_envelope(KEYS, post.query, bytes(body), now=time.time())
        except CallbackRefused:
            continue
        # Only parts outside the signed element may change without effect.
        assert post.encrypted.encode() in bytes(body)
