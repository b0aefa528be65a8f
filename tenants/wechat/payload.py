"""How is XML from outside read without letting it hurt us?"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

MAX_DEPTH: Final = 12
MAX_ELEMENTS: Final = 5000


class BadPayload(ValueError):  # noqa: N818 - reads as what happened
    """`reason` is a short code without any content of the payload."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(slots=True)
class Node:
    name: str
    text: str = ""
    children: "list[Node]" = field(default_factory=list)
    quoted: bool = False  # the text came as CDATA and is kept to the letter

    def named(self, name: str) -> "Iterator[Node]":
        return (child for child in self.children if child.name == name)


def read(body: bytes) -> Node:
    """The root element; DTDs, entities, deep nesting and anything but UTF-8 are refused."""
    _require_utf8(body)
    reader = _Reader()
    parser = expat.ParserCreate(encoding="UTF-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.refuse_dtd
    parser.EntityDeclHandler = reader.refuse_dtd
    parser.StartElementHandler = reader.open
    parser.EndElementHandler = reader.close
    parser.CharacterDataHandler = reader.write
    parser.StartCdataSectionHandler = reader.open_cdata
    parser.EndCdataSectionHandler = reader.close_cdata
    try:
        parser.Parse(body, True)  # noqa: FBT003 - expat takes no keywords
    except (expat.ExpatError, ValueError) as error:
        reason = error.reason if isinstance(error, BadPayload) else "malformed"
        raise BadPayload(reason) from None
    return reader.root


def _require_utf8(body: bytes) -> None:
    # expat follows a UTF-16 mark whatever encoding it was told.
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadPayload("malformed") from None
    if b"\0" in body:
        raise BadPayload("malformed")


class _Reader:
    def __init__(self) -> None:
        self.root = Node("")
        self._path: list[Node] = []
        self._count = 0
        self._in_cdata = False

    def refuse_dtd(self, *_: object) -> None:
        raise BadPayload("dtd")

    def open(self, name: str, _attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._path) >= MAX_DEPTH or self._count > MAX_ELEMENTS:
            raise BadPayload("too_deep" if len(self._path) >= MAX_DEPTH else "too_many_elements")
        node = Node(name)
        if self._path:
            self._path[-1].children.append(node)
        else:
            self.root = node
        self._path.append(node)

    def close(self, _name: str) -> None:
        node = self._path.pop()
        if not node.quoted or node.children:
            node.text = node.text.strip()

    def open_cdata(self) -> None:
        self._in_cdata = True
        node = self._path[-1]
        if not node.quoted:
            node.quoted, node.text = True, node.text.lstrip()

    def close_cdata(self) -> None:
        self._in_cdata = False

    def write(self, text: str) -> None:
        node = self._path[-1]
        # Layout around CDATA is no content.
        if self._in_cdata or not (node.quoted and text.isspace()):
            node.text += text
