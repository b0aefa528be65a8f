"""What does a QR code look like?"""

import io
from typing import Final

import segno

MODULE_PIXELS: Final = 10


def png(text: str) -> bytes:
    drawn = io.BytesIO()
    segno.make_qr(text).save(drawn, kind="png", scale=MODULE_PIXELS)
    return drawn.getvalue()
