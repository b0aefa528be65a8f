"""The poster: what a phone reads off it, with Chinese and a logo; colours that nobody can scan."""

from __future__ import annotations

import io

import pytest
import zxingcpp
from django.core.exceptions import ValidationError
from PIL import Image

from contacts.livecodes import poster
from contacts.livecodes.poster import Poster

ADDRESS = "https://work.weixin.qq.com/ca/cawcde123456789abcdef?x=1"


def logo() -> bytes:
    stored = io.BytesIO()
    Image.new("RGB", (300, 200), "#e11d48").save(stored, "PNG")
    return stored.getvalue()


def read(content: bytes) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(content)))]


@pytest.mark.parametrize("size", list(poster.SIZES))
def test_a_scanner_reads_the_poster_with_logo_and_chinese(size: str) -> None:
    made = Poster(
        ADDRESS, "扫码添加客户经理，领取新客专属优惠券", "Scan to add us on WeChat 每日 9:00–21:00",
        size, "#14532d", "#fef9c3", logo(),
    )  # fmt: skip

    content = poster.png(made)

    picture = Image.open(io.BytesIO(content))
    assert picture.size == poster.SIZES[size]
    assert read(content) == [ADDRESS]
    assert read(poster.png(made, width=480)) == [ADDRESS]
    title = picture.crop((0, 0, picture.width, (picture.height - picture.width * 3 // 4) // 2))
    if size != "square":
        assert len(title.convert("L").getcolors() or []) > 5  # something is written


def test_the_pdf_has_the_size_of_the_paper() -> None:
    content = poster.pdf(Poster(ADDRESS, "活码", size="a5"))

    assert content.startswith(b"%PDF")
    assert b"MediaBox [ 0 0 419.5" in content  # points: 148 mm


@pytest.mark.parametrize(
    ("ink", "paper"), [("#888888", "#ffffff"), ("#ffffff", "#000000"), ("#fde047", "#ffffff")]
)
def test_colours_that_cannot_be_scanned_are_refused(ink: str, paper: str) -> None:
    with pytest.raises(ValidationError):
        poster.png(Poster(ADDRESS, ink=ink, paper=paper))


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"0" * 50])
def test_what_is_no_picture_is_refused_as_logo(content: bytes) -> None:
    with pytest.raises(ValidationError):
        poster.qr(ADDRESS, (0, 0, 0), (255, 255, 255), 500, content or b"x")
