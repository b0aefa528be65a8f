"""How is a list narrowed? Views declare their query parameters; any other is 400, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView


@dataclass(frozen=True)
class Filter:
    """One query parameter: `field` parses its text, `apply` narrows the queryset by the value.

    With `many` the parameter may be repeated, or hold several values separated by commas; `apply`
    then gets a list. `apply` is None for parameters that the view reads itself (`self.given`).
    """

    field: serializers.Field[Any, Any, Any, Any]
    apply: Callable[[QuerySet[Any], Any], QuerySet[Any]] | None = None
    many: bool = False
    help: str = ""


def equals(column: str, longest: int = 64) -> Filter:
    """`?x=text`: the column is exactly that."""
    field = serializers.CharField(max_length=longest, trim_whitespace=False)
    return Filter(field, lambda rows, text: rows.filter(**{column: text}))


def one_of(column: str, choices: Sequence[Any]) -> Filter:
    """`?x=word`, out of a few."""
    field = serializers.ChoiceField(choices)
    return Filter(field, lambda rows, word: rows.filter(**{column: word}))


def flag(column: str) -> Filter:
    """`?x=true`."""
    field = serializers.BooleanField()
    return Filter(field, lambda rows, value: rows.filter(**{column: value}))


def since(column: str, field: serializers.Field[Any, Any, Any, Any]) -> Filter:
    """`?x_after=`: from that moment or day on."""
    return Filter(field, lambda rows, at: rows.filter(**{f"{column}__gte": at}), help="Inclusive.")


def until(column: str, field: serializers.Field[Any, Any, Any, Any]) -> Filter:
    """`?x_before=`: up to that moment or day, which is not in."""
    return Filter(field, lambda rows, at: rows.filter(**{f"{column}__lt": at}), help="Exclusive.")


class Filters(BaseFilterBackend):
    """Applies the view's filters, in the order of their declaration."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        values = given(request, view)
        for name, declared in declared_filters(view).items():
            if name in values and declared.apply is not None:
                queryset = declared.apply(queryset, values[name])
        return queryset

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return list(schema_parameters(view))


def declared_filters(view: Any) -> Mapping[str, Filter]:
    """The parameters of the action asked: `filters` of a list, `parameters` of any action."""
    action = getattr(view, "action", None)
    of_actions: Mapping[str, Mapping[str, Filter]] = getattr(view, "parameters", {})
    own = of_actions.get(str(action), {})
    return {**getattr(view, "filters", {}), **own} if action == "list" else own


def given(request: Request, view: Any) -> dict[str, Any]:
    """The values of the declared parameters that the request has."""
    values: dict[str, Any] = {}
    wrong: dict[str, list[str]] = {}
    for name, declared in declared_filters(view).items():
        texts = request.query_params.getlist(name)
        if not texts:
            continue
        try:
            values[name] = _parse(declared, texts)
        except ValidationError as error:
            wrong[name] = [str(each) for each in _flat(error.detail)]
    if wrong:
        raise ValidationError(wrong)
    return values


def _parse(declared: Filter, texts: list[str]) -> Any:
    if any("\x00" in text for text in texts):
        raise ValidationError(_("NUL characters are not allowed."))
    if declared.many:
        parts = [part for text in texts for part in text.split(",") if part]
        return [declared.field.run_validation(part) for part in parts]
    if len(texts) > 1:
        raise ValidationError(_("Give this once."))
    return declared.field.run_validation(texts[0])


def _flat(detail: Any) -> Iterator[object]:
    if isinstance(detail, dict):
        detail = list(detail.values())
    if isinstance(detail, list):
        for each in detail:
            yield from _flat(each)
    else:
        yield detail


def refuse_unknown(request: Request, known: set[str]) -> None:
    """400 that names every query parameter that the view does not know."""
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        raise ValidationError({name[:100]: [_("Unknown parameter.")] for name in unknown})


def schema_parameters(view: Any) -> Iterator[dict[str, Any]]:
    """The OpenAPI description of the declared parameters."""
    for name, declared in declared_filters(view).items():
        schema = view.schema._map_serializer_field(declared.field, "request")  # noqa: SLF001 - no public way
        parameter: dict[str, Any] = {"name": name, "in": "query", "schema": schema}
        if declared.many:
            parameter |= {"schema": {"type": "array", "items": schema}, "explode": True}
        if declared.help:
            parameter["description"] = declared.help
        yield parameter
