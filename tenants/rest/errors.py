"""What does a refused request look like? One envelope for every error of the API.

`{"error": {"code", "message", "request_id", "fields"}}`. Whatever fails, the request's transaction
is rolled back: an error leaves nothing behind.
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from django.core.exceptions import (
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models.deletion import ProtectedError, RestrictedError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template import loader
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response

if TYPE_CHECKING:
    from django.utils.functional import Promise

log = logging.getLogger(__name__)

# Codes of ours that say more than the class of the exception.
_CODES: dict[type[exceptions.APIException], str] = {
    exceptions.ValidationError: "invalid",
    exceptions.ParseError: "malformed",
    exceptions.NotAuthenticated: "unauthenticated",
    exceptions.AuthenticationFailed: "unauthenticated",
    exceptions.PermissionDenied: "forbidden",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.Throttled: "rate_limited",
}


class Conflict(exceptions.APIException):
    """409: the state of things does not allow it (a lost race, a taken name)."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = gettext_lazy("This conflicts with what is stored.")
    default_code = "conflict"


class Gone(exceptions.APIException):
    """410: it was here, and is no longer kept."""

    status_code = status.HTTP_410_GONE
    default_detail = gettext_lazy("This is no longer kept.")
    default_code = "gone"


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = gettext_lazy("The request is too large.")
    default_code = "too_large"


class Unprocessable(exceptions.APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = gettext_lazy("This request cannot be carried out.")
    default_code = "unprocessable"


class Unavailable(exceptions.APIException):
    """503: the database is away or starting; nothing was stored, so the request may come again."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = gettext_lazy("The database is briefly not available. Try again in a moment.")
    default_code = "unavailable"
    wait = 5


AWAY = (OperationalError, InterfaceError)  # what Django raises when the database does not answer


class Stored(Exception):  # noqa: N818 - no error: an answer given before is given again
    """Stops a request whose answer is known already (idempotency.py)."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


def invalid(**fields: str | Promise) -> exceptions.ValidationError:
    """400 that names the fields: `raise errors.invalid(phone=_("…"))`."""
    return exceptions.ValidationError({name: [str(text)] for name, text in fields.items()})


def envelope(error: Exception, context: Mapping[str, object]) -> HttpResponseBase | None:
    """DRF's exception handler. An error that nobody foresaw goes on, to `server_error`."""
    if isinstance(error, Stored):
        return error.response
    request = context.get("request")
    http_request = getattr(request, "_request", request)
    _undo()
    known = _known(error)
    if known is None:
        return None
    response = Response(_body(known, _request_id(http_request)), status=known.status_code)
    wait = getattr(known, "wait", None)
    if wait is not None:
        response["Retry-After"] = str(max(1, math.ceil(wait)))
    if isinstance(known, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        response["WWW-Authenticate"] = getattr(known, "auth_header", None) or "Bearer"
    return response


def _undo() -> None:
    if transaction.get_connection().in_atomic_block:
        transaction.set_rollback(True)


def _known(error: Exception) -> exceptions.APIException | None:
    """The answer that an exception stands for, or None."""
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, ProtectedError | RestrictedError):
        return _in_use(error)
    known = next((make() for kinds, make in _STANDS_FOR if isinstance(error, kinds)), None)
    if known is None and isinstance(error, IntegrityError):
        return _conflict(error)
    return known


def _in_use(error: Exception) -> Conflict:
    """By what, where a row that keeps another says so itself, without asking the database."""
    users = getattr(error, "protected_objects", ())
    said = [str(one.says_in_use) for one in users if hasattr(one, "says_in_use")]
    return Conflict(min(said, default=_("It is still in use.")), "in_use")


_STANDS_FOR: list[tuple[tuple[type[Exception], ...], Callable[[], exceptions.APIException]]] = [
    ((Http404, ObjectDoesNotExist), exceptions.NotFound),
    ((PermissionDenied,), exceptions.PermissionDenied),
    ((RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent), TooLarge),
    ((RecursionError,), lambda: exceptions.ParseError(_("The document is nested too deeply."))),
    (
        (DataError, SuspiciousOperation),
        lambda: exceptions.ParseError(_("A value is out of range.")),
    ),
    (AWAY, Unavailable),
]


def _conflict(error: IntegrityError) -> exceptions.APIException | None:
    """Unique and foreign keys are answers, other broken constraints are our own mistakes."""
    match getattr(error.__cause__, "pgcode", None):
        case "23505":
            return Conflict(_("There is one with these values already."), "duplicate")
        case "23503" if "is not present" in str(error):
            return Conflict(_("What this names has just gone. Send it again."), "gone")
        case "23503":
            return Conflict(_("It is still in use."), "in_use")
    return None


def _body(error: exceptions.APIException, request_id: str) -> dict[str, object]:
    fields = dict(_fields(error.detail))
    if isinstance(error, exceptions.NotFound):
        message = _("There is no such thing.")  # the same for unknown and for foreign ids
    elif fields:
        general = fields.get("")
        message = " ".join(general) if general else _("The request is not valid; see fields.")
    else:
        message = _text(error.detail)
    return {"error": error_of(_code(error), message, fields) | {"request_id": request_id}}


def error_of(
    code: str, message: str, fields: Mapping[str, list[str]] | None = None
) -> dict[str, object]:
    """The inner part of the envelope; bulk answers have one per refused item."""
    return {
        "code": code,
        "message": message,
        "fields": {name: texts for name, texts in (fields or {}).items() if name},
    }


def _code(error: exceptions.APIException) -> str:
    own = error.detail
    default = _CODES.get(type(error))
    if isinstance(own, exceptions.ErrorDetail) and own.code != error.default_code:
        return str(own.code)
    return default or str(error.default_code)


def _text(detail: object) -> str:
    return " ".join(map(_text, detail)) if isinstance(detail, list) else str(detail)


def _fields(detail: object, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """`{"items": [{}, {"sku": ["…"]}]}` → `items.1.sku`. What concerns no field has the path ""."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            part = "" if name == "non_field_errors" else str(name)
            yield from _fields(inner, ".".join(filter(None, (path, part))))
    elif isinstance(detail, list) and any(isinstance(each, dict | list) for each in detail):
        for index, inner in enumerate(detail):
            yield from _fields(inner, f"{path}.{index}".lstrip("."))
    elif isinstance(detail, list):
        if detail:
            yield path, [str(each) for each in detail]
    elif path:
        yield path, [str(detail)]


def _request_id(request: object) -> str:
    return str(getattr(request, "id", ""))


def _plain(request: HttpRequest, code: str, message: str, number: int) -> JsonResponse:
    body = {"error": error_of(code, message) | {"request_id": _request_id(request)}}
    return JsonResponse(body, status=number, json_dumps_params={"ensure_ascii": False})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """handler404: unknown paths under /api/ answer with the envelope, pages as Django does."""
    if request.path.startswith("/api/"):
        return _plain(request, "not_found", _("There is no such thing."), 404)
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """handler400."""
    if request.path.startswith("/api/"):
        return _plain(request, "malformed", _("The request is not valid."), 400)
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """handler500: says nothing about the cause; the log has it under the request id."""
    if isinstance(sys.exc_info()[1], AWAY):
        return _unavailable(request)
    if request.path.startswith("/api/"):
        return _plain(request, "server_error", _("Something went wrong on our side."), 500)
    return defaults.server_error(request)


def _unavailable(request: HttpRequest) -> HttpResponse:
    """Without the session, the user or the tenant: they are where nobody answers."""
    message, number = str(Unavailable.default_detail), Unavailable.status_code
    if request.path.startswith("/api/"):
        response: HttpResponse = _plain(request, Unavailable.default_code, message, number)
    else:
        page = loader.render_to_string("503.html", {"message": message, "wait": Unavailable.wait})
        response = HttpResponse(page, status=number)
    response["Retry-After"] = str(Unavailable.wait)
    response["Cache-Control"] = "no-store"
    log.warning("%s: the database does not answer", request.path)
    # Django would log the whole trace, for every request of an outage.
    response._has_been_logged = True  # type: ignore[attr-defined] # noqa: SLF001
    return response
