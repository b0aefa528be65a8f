"""Many in one request: `{"items": […]}` in, 207 with a status per item out. None stops another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import ids
from tenants.rest import errors

MOST = 1000


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one item: created, updated, unchanged or rejected (then `error` says why)."""

    status: str
    row: int | None = None
    error: dict[str, object] | None = None


def rejected(code: str, message: object, field: str = "") -> Result:
    text = str(message)
    return Result("rejected", None, errors.error_of(code, text, {field: [text]} if field else None))


def items(request: Request) -> list[Any]:
    """The items of the request; 400 when there is no such list or it is too long."""
    body = request.data
    if not isinstance(body, dict):
        raise errors.invalid(items=_("Write an object with a list of items."))
    unknown = sorted(set(body) - {"items"})
    if unknown:
        raise serializers.ValidationError({name: [_("Unknown field.")] for name in unknown})
    found = body.get("items")
    if not isinstance(found, list):
        raise errors.invalid(items=_("Write a list of items."))
    if len(found) > MOST:
        raise errors.invalid(items=_("At most %(most)s items.") % {"most": MOST})
    return found


def answer(results: Iterable[Result]) -> Response:
    return Response({"results": rows(results)}, status=status.HTTP_207_MULTI_STATUS)


def all_created(row_ids: Iterable[int]) -> Response:
    """The answer when every item made a row: `answer` for the most frequent case."""
    found = [
        {"index": index, "status": "created", "id": ids.encode(row_id), "error": None}
        for index, row_id in enumerate(row_ids)
    ]
    return Response({"results": found}, status=status.HTTP_207_MULTI_STATUS)


def rows(results: Iterable[Result]) -> list[dict[str, object]]:
    return [
        {
            "index": index,
            "status": each.status,
            "id": ids.encode(each.row) if each.row is not None else None,
            "error": each.error,
        }
        for index, each in enumerate(results)
    ]


class ItemErrorSerializer(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField()
    fields = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))  # type: ignore[assignment] # the contract's name


class ResultSerializer(serializers.Serializer):
    index = serializers.IntegerField()
    status = serializers.ChoiceField(["created", "updated", "unchanged", "rejected"])
    id = serializers.CharField(allow_null=True)
    error = ItemErrorSerializer(allow_null=True)


class ResultsSerializer(serializers.Serializer):
    results = ResultSerializer(many=True)


View = TypeVar("View", bound=Callable[..., Response])


def described(item: type[serializers.BaseSerializer[Any]], name: str) -> Callable[[View], View]:
    """Decorator: the OpenAPI description of a bulk action over items of this serializer."""
    body = inline_serializer(f"{name}Bulk", {"items": item(many=True)})
    decorate: Callable[[View], View] = extend_schema(
        request=body, responses={207: ResultsSerializer}
    )
    return decorate
