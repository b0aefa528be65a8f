"""What do we make of one recorded callback or API answer? For support tools and tests."""

import json
from collections.abc import Mapping

from tenants.wechat import calls
from tenants.wechat.errors import RateLimited, Retryable, refusal
from tenants.wechat.event_types import Event
from tenants.wechat.reactions import reaction

_STATUS = frozenset({"errcode", "errmsg"})


class NotAnAnswerError(ValueError):
    """The bytes are no API answer: not JSON, not an object, or without a readable errcode."""


def callback_words(event: Event) -> dict[str, object]:
    """`dedupe` is equal for two deliveries of one event and differs for two events."""
    by, _colon, value = event.dedupe.partition(":")
    words = {"msgid": "MsgId", "sha256": "all fields"}
    return {
        "route": event.route,
        "fields": event.fields,
        "dedupe": {"by": words[by], "value": value},
        "scene": event.scene,
    }


def answer_words(raw: bytes, *, api: str = "") -> dict[str, object]:
    """`extract` of an answer that went well, and `has_more` where it names a cursor; else `error`.

    `extract` maps paths to values: `a.b` goes into objects, `list[].b` through a list of them; a
    list of plain values stays one. `error` is our class, `retry_after` seconds where we wait.
    """
    answer = _object(raw)
    code = calls.errcode(answer)
    if code is None:
        raise NotAnAnswerError("the errcode is not a number")
    if code:
        return _refused(code, answer, api)
    words: dict[str, object] = {"extract": _extract(answer)}
    if "next_cursor" in answer:
        words["has_more"] = bool(answer["next_cursor"])
    return words


def _object(raw: bytes) -> dict[str, object]:
    try:
        answer = json.loads(raw)
    except ValueError as error:
        raise NotAnAnswerError("this is not JSON") from error
    if not isinstance(answer, dict):
        raise NotAnAnswerError("this is not a JSON object")
    return answer


def _refused(code: int, answer: Mapping[str, object], api: str) -> dict[str, object]:
    error = refusal(code, str(answer.get("errmsg", "")), api=api)
    words: dict[str, object] = {
        "error": type(error).__name__,
        "errcode": code,
        "message": error.message,
        "reaction": reaction(error),
    }
    if isinstance(error, Retryable | RateLimited):
        words["retry_after"] = round(error.retry_after, 1)
    return words


def _extract(answer: Mapping[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in answer.items():
        if name not in _STATUS:
            _note(found, name, value, in_list=False)
    return found


def _note(found: dict[str, object], path: str, value: object, *, in_list: bool) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _note(found, f"{path}.{name}", inner, in_list=in_list)
    elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
        for one in value:
            _note(found, f"{path}[]", one, in_list=True)
    elif in_list:
        values = found.setdefault(path, [])
        if isinstance(values, list):
            values.append(value)
    else:
        found[path] = value
