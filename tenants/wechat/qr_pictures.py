"""What does a QR code say that the platform gave as a picture?

`qr_code` of contact ways and of ways into groups is the address of a picture. A poster that encodes
that address leads to the picture instead of to the member, so the picture is read once.
"""

from __future__ import annotations

import io
import time
from typing import Final
from urllib.parse import urlsplit

import requests
import zxingcpp
from django.conf import settings
from PIL import Image, UnidentifiedImageError

from tenants.wechat.errors import Retryable

TIMEOUT_S: Final = (5.0, 10.0)  # until connected, between two pieces
DEADLINE_S: Final = 20.0
MOST_BYTES: Final = 2 * 1024 * 1024
MOST_PIXELS: Final = 4000  # a side
OURS: Final = (".qpic.cn", ".qlogo.cn", ".open.work.weixin.qq.com")
TEXT_LIMIT: Final = 500
_QR: Final = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])
API: Final = "picture of a QR code"
ATTEMPTS: Final = 4


def text_of(address: str, attempt: int = ATTEMPTS) -> str:
    """The text in the QR code of the picture at `address`; `address` itself where there is no
    picture of the platform's with one QR code in it. Outside any scope: one request.

    Raises Retryable when the picture cannot be fetched; not at the last attempt: then its address
    must do, and whoever scans that sees the QR and can press on it.
    """
    if not _is_the_platforms(address):
        return address
    try:
        content = _fetched(address)
    except Retryable:
        if attempt < ATTEMPTS:
            raise
        return address
    return (_read(content) if content else "") or address


def _is_the_platforms(address: str) -> bool:
    """Nobody else's pictures are fetched, whatever an answer says."""
    parts = urlsplit(address)
    if settings.WECHAT_BASE_URL:
        base = urlsplit(settings.WECHAT_BASE_URL)
        return (parts.scheme, parts.netloc) == (base.scheme, base.netloc)
    host = parts.hostname or ""
    return parts.scheme in ("http", "https") and f".{host}".endswith(OURS) and parts.port is None


def _fetched(address: str) -> bytes | None:
    """None: there is something else than a picture."""
    deadline = time.monotonic() + DEADLINE_S
    try:
        with requests.get(
            address, timeout=TIMEOUT_S, stream=True, allow_redirects=False
        ) as response:
            if response.status_code >= 500:
                raise Retryable(f"HTTP {response.status_code}", api=API)
            kind = response.headers.get("Content-Type", "")
            if response.status_code != 200 or not kind.startswith("image/"):
                return None
            found = b""
            for piece in response.iter_content(65536):
                found += piece
                if len(found) > MOST_BYTES:
                    return None
                if time.monotonic() > deadline:
                    raise Retryable("no answer in time", api=API)
            return found
    except requests.RequestException:
        raise Retryable("no connection", api=API) from None


def _read(content: bytes) -> str:
    """Empty where there is not exactly one readable QR code."""
    try:
        picture = Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "GIF", "WEBP"))
        if max(picture.size) > MOST_PIXELS:
            return ""
        codes = zxingcpp.read_barcodes(picture.convert("L"), formats=_QR)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return ""
    texts = {code.text for code in codes if code.text}
    text = texts.pop() if len(texts) == 1 else ""
    return text if len(text) <= TEXT_LIMIT else ""
