"""A live code to be printed: title, QR with a logo in it, subtitle; as PNG or PDF.

Colours that scanners cannot tell apart are refused. With a logo the QR carries the strongest error
correction, and the logo covers less than a tenth of it.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Final

import pylopdf_fonts_zh_cn
import segno
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

DPI: Final = 300
# Pixels at 300 dpi; the square has 17 cm.
SIZES: Final = {"a4": (2480, 3508), "a5": (1748, 2480), "square": (2008, 2008)}
QUIET: Final = 4  # modules around the QR
LOGO_SHARE: Final = 0.22  # of the QR's width
LEAST_CONTRAST: Final = 4.5
MOST_LOGO_BYTES: Final = 5 * 1024 * 1024
MOST_LOGO_PIXELS: Final = 6000
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Poster:
    """What is on it. `ink` and `paper` are #rrggbb; `logo` a picture file's bytes."""

    address: str
    title: str = ""
    subtitle: str = ""
    size: str = "a4"
    ink: str = "#000000"
    paper: str = "#ffffff"
    logo: bytes | None = None


def png(poster: Poster, *, width: int | None = None) -> bytes:
    """Raises ValidationError. `width` in pixels makes a smaller one, for a screen."""
    picture = draw(poster)
    if width is not None:
        height = round(picture.height * width / picture.width)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    return _file(picture, "PNG")


def pdf(poster: Poster) -> bytes:
    """One page of the chosen size. Raises ValidationError."""
    return _file(draw(poster), "PDF")


def _file(picture: Image.Image, kind: str) -> bytes:
    stored = io.BytesIO()
    if kind == "PDF":
        picture.save(stored, kind, resolution=float(DPI))
    else:
        picture.save(stored, kind, dpi=(DPI, DPI), optimize=True)
    return stored.getvalue()


def draw(poster: Poster) -> Image.Image:
    ink, paper = check_colours(poster.ink, poster.paper)
    width, height = SIZES[poster.size]
    picture = Image.new("RGB", (width, height), paper)
    code = qr(poster.address, ink, paper, _qr_width(width, height), poster.logo)
    left, top = (width - code.width) // 2, (height - code.height) // 2
    picture.paste(code, (left, top))
    margin = width // 12
    box = width - 2 * margin
    title = _text(poster.title, box, top - margin, width // 11, ink)
    if title is not None:
        above = max(margin // 2, (top - title.height) // 2)
        picture.paste(title, ((width - title.width) // 2, above), title)
    below = top + code.height
    subtitle = _text(poster.subtitle, box, height - below - margin, width // 20, ink)
    if subtitle is not None:
        picture.paste(subtitle, ((width - subtitle.width) // 2, below + margin // 4), subtitle)
    return picture


def check_colours(ink: str, paper: str) -> tuple[Colour, Colour]:
    """Dark on light, with enough contrast for a cheap camera. Raises ValidationError."""
    if not (_COLOUR.fullmatch(ink) and _COLOUR.fullmatch(paper)):
        raise ValidationError(_("A colour is written as #rrggbb."))
    dark, light = _rgb(ink), _rgb(paper)
    contrast = (_luminance(light) + 0.05) / (_luminance(dark) + 0.05)
    if contrast < LEAST_CONTRAST:
        raise ValidationError(
            _(
                "These colours cannot be scanned: the QR must be much darker than the paper "
                "(contrast %(found).1f, at least %(least).1f)."
            )
            % {"found": contrast, "least": LEAST_CONTRAST}
        )
    return dark, light


def qr(
    address: str, ink: Colour, paper: Colour, width: int, logo: bytes | None = None
) -> Image.Image:
    """At most `width` pixels wide, quiet zone included; every module is a whole square."""
    matrix = tuple(segno.make_qr(address, error="h" if logo else "m", boost_error=False).matrix)
    modules = len(matrix) + 2 * QUIET
    scale = max(1, width // modules)
    picture = Image.new("RGB", (modules * scale, modules * scale), paper)
    brush = ImageDraw.Draw(picture)
    for y, line in enumerate(matrix):
        for x, dark in enumerate(line):
            if dark:
                left, top = (x + QUIET) * scale, (y + QUIET) * scale
                brush.rectangle((left, top, left + scale - 1, top + scale - 1), fill=ink)
    if logo:
        _put_logo(picture, _logo(logo), paper, round(len(matrix) * scale * LOGO_SHARE))
    return picture


def _put_logo(picture: Image.Image, logo: Image.Image, paper: Colour, side: int) -> None:
    edge = max(2, side // 12)
    ground = Image.new("RGBA", (side + 2 * edge, side + 2 * edge), (*paper, 255))
    logo.thumbnail((side, side), Image.Resampling.LANCZOS)
    ground.alpha_composite(
        logo, ((ground.width - logo.width) // 2, (ground.height - logo.height) // 2)
    )
    at = (picture.width - ground.width) // 2
    picture.paste(ground.convert("RGB"), (at, at))


def _logo(content: bytes) -> Image.Image:
    if len(content) > MOST_LOGO_BYTES:
        raise ValidationError(_("A logo has at most 5 MB."))
    try:
        found = Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP"))
        if max(found.size) > MOST_LOGO_PIXELS:
            raise ValidationError(_("A logo has at most 6,000 pixels a side."))
        return found.convert("RGBA")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ValidationError(_("This logo is no PNG, JPEG or WebP picture.")) from error


def _qr_width(width: int, height: int) -> int:
    return round(min(width * 0.72, height * 0.58))


def _text(text: str, width: int, height: int, size: int, ink: Colour) -> Image.Image | None:
    """The text in lines that fit the box, smaller where it must be; on nothing."""
    text = " ".join(text.split())
    if not text:
        return None
    while True:
        font = ImageFont.truetype(str(pylopdf_fonts_zh_cn.sans_path()), size)
        lines = _lines(text, font, width)
        line_height = round(size * 1.4)
        if len(lines) * line_height <= height or size <= 24:
            break
        size = round(size * 0.85)
    picture = Image.new("RGBA", (width, line_height * len(lines)), (0, 0, 0, 0))
    brush = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        left = (width - font.getlength(line)) / 2
        brush.text((left, number * line_height), line, font=font, fill=(*ink, 255))
    return picture


def _lines(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Broken between words where there are any, else between characters, as Chinese is."""
    lines, line = [], ""
    for part in re.findall(r"[\x21-\u024f]+|\s|.", text):
        if font.getlength(line + part) > width and line.strip():
            lines.append(line.strip())
            line = ""
        while font.getlength(line + part) > width and len(part) > 1:
            fits = max(1, int(len(part) * width / font.getlength(part)) - 1)
            lines.append(part[:fits])
            part = part[fits:]
        line += part
    return [*lines, line.strip()] if line.strip() else lines


def _rgb(colour: str) -> Colour:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: Colour) -> float:
    """Relative luminance, as WCAG defines it."""
    parts = [each / 255 for each in colour]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
