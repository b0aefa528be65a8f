"""JSON as it must be: one meaning for every reader, or 400.

Refused: duplicate keys, NaN and Infinity, NUL characters, lone surrogates, numbers without end,
anything that is not UTF-8. Bodies over the limit of the settings are 413 before they are read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

# Only these escapes smuggle in what UTF-8 forbids; bodies without them need no second look.
_SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class StrictJSONParser(JSONParser):
    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        request: Request = (parser_context or {})["request"]
        return decode(request._request.body)  # noqa: SLF001 - `.body` is what checks the size limit


def decode(body: bytes) -> Any:
    """The document in `body`; ParseError says what is wrong with it."""
    try:
        document = json.loads(
            body.decode(),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_number,
        )
        if _SUSPICIOUS.search(body):
            _check_text(json.dumps(document, ensure_ascii=False))
    except UnicodeError:
        raise ParseError(_("The body is not valid UTF-8.")) from None
    except RecursionError:
        raise ParseError(_("The document is nested too deeply.")) from None
    except ValueError as error:
        raise ParseError(_("The body is not valid JSON: %(why)s") % {"why": error}) from None
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(_("a key appears twice in one object"))
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(_("%(name)s is no JSON number") % {"name": name})


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(_("a number is too large"))
    return number


def _check_text(text: str) -> None:
    text.encode()  # a lone surrogate has no UTF-8 form
    if re.search(r"(?<!\\)(?:\\\\)*\\u0000", text):
        raise ValueError(_("NUL characters are not allowed"))
