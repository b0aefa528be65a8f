"""In which envelope does a callback travel, and how is a callback URL asked for its echo?

A WeCom app gets its message encrypted. An official account gets it in clear, encrypted, or both
at once (compatible mode); its address check is in clear in every mode.
"""

from dataclasses import dataclass

from scrm.sandbox import cipher, events
from scrm.sandbox.oa.state import OfficialAccount
from scrm.sandbox.state import App

Recipient = App | OfficialAccount
Query = dict[str, str]

FORGED = ("bad_signature", "other_receive_id", "dtd")
OTHER_CORP = "ww0000000000000000"


@dataclass(frozen=True)
class Stamp:
    timestamp: str
    nonce: str
    random16: bytes


def forgeries(to: Recipient) -> tuple[str, ...]:
    """In plain mode there is no receive id that could be another's."""
    plain = isinstance(to, OfficialAccount) and to.mode == "plain"
    return tuple(kind for kind in FORGED if not (plain and kind == "other_receive_id"))


def wrapped(
    to: Recipient, corpid: str, message: str, stamp: Stamp, *, kind: str
) -> tuple[Query, bytes]:
    """The query and the body of one attempt. `kind` may name a forgery."""
    token = to.token + "?" if kind == "bad_signature" else to.token
    own = _receiver(to, corpid)
    receiver = OTHER_CORP if kind == "other_receive_id" else own
    if kind == "dtd":
        message = events.with_dtd(message)
    if isinstance(to, App):
        encrypted = _encrypted(to, receiver, message, stamp)
        return _signed(token, stamp, encrypted), events.envelope(own, encrypted)
    return _for_account(to, receiver, message, token, stamp)


def echo_query(to: Recipient, corpid: str, echo: str, stamp: Stamp) -> Query:
    if isinstance(to, App):
        encrypted = _encrypted(to, _receiver(to, corpid), echo, stamp)
        return {**_signed(to.token, stamp, encrypted), "echostr": encrypted}
    return {**_signed_in_clear(to.token, stamp), "echostr": echo}


def _receiver(to: Recipient, corpid: str) -> str:
    return to.receiver(corpid) if isinstance(to, App) else corpid


def _encrypted(to: Recipient, receiver: str, message: str, stamp: Stamp) -> str:
    return cipher.encrypt(message, receiver, cipher.key_from(to.aes_key), stamp.random16)


def _signed(token: str, stamp: Stamp, encrypted: str) -> Query:
    signature = cipher.signature(token, stamp.timestamp, stamp.nonce, encrypted)
    return {"msg_signature": signature, "timestamp": stamp.timestamp, "nonce": stamp.nonce}


def _signed_in_clear(token: str, stamp: Stamp) -> Query:
    signature = cipher.signature(token, stamp.timestamp, stamp.nonce)
    return {"signature": signature, "timestamp": stamp.timestamp, "nonce": stamp.nonce}


def _for_account(
    account: OfficialAccount, receiver: str, message: str, token: str, stamp: Stamp
) -> tuple[Query, bytes]:
    query = {**_signed_in_clear(token, stamp), "openid": events.sender(message)}
    if account.mode == "plain":
        return query, message.encode()
    encrypted = _encrypted(account, receiver, message, stamp)
    query |= {"encrypt_type": "aes", **_signed(token, stamp, encrypted)}
    if account.mode == "compatible":
        return query, events.with_encrypted(message, encrypted)
    sealed = events.xml([("ToUserName", account.original_id), ("Encrypt", encrypted)])
    return query, sealed.encode()
