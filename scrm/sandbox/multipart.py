"""Which parts does a multipart/form-data body have?"""

from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser

from scrm.sandbox.errors import BadFieldError

MOST_PARTS = 20


@dataclass(frozen=True)
class Part:
    """`filename` is empty for a plain field."""

    name: str
    filename: str
    content_type: str
    content: bytes


def parts(content_type: str, raw: bytes) -> list[Part]:
    """The parts in their order. Header text is UTF-8, as clients send Chinese file names."""
    boundary = _boundary(content_type)
    # Each delimiter begins with the line break that ends what is before it.
    pieces = (b"\r\n" + raw).split(b"\r\n--" + boundary.encode())
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise BadFieldError("the multipart body has no end")
    if len(pieces) - 2 > MOST_PARTS:
        raise BadFieldError(f"the multipart body has more than {MOST_PARTS} parts")
    return [_part(piece) for piece in pieces[1:-1]]


def _headers(text: str) -> Message:
    return HeaderParser().parsestr(text)


def _boundary(content_type: str) -> str:
    header = _headers(f"Content-Type: {content_type}\n\n")
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        raise BadFieldError("the body is not multipart/form-data")
    return boundary


def _part(piece: bytes) -> Part:
    head, found, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if not found:
        raise BadFieldError("a part of the multipart body has no headers")
    header = _headers(head.decode(errors="replace") + "\r\n\r\n")
    name = header.get_param("name", "", header="content-disposition")
    return Part(
        name=str(name),
        filename=header.get_filename("") or "",
        content_type=header.get_content_type(),
        content=content,
    )
