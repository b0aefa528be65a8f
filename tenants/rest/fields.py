"""How values look in the API: opaque ids, references, money, times, text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tenants import ids, money
from tenants.rest.filters import Filter

# Rows are numbered from 1 by the database: ids beyond this are names that happen to look like one.
_PLAUSIBLE = 2**40


def row_id(text: object) -> int | None:
    """The row that an opaque id names, or None when `text` is none of our ids."""
    number = ids.decode(text) if isinstance(text, str) and len(text) <= 32 else None
    return number if number is not None and 0 < number < _PLAUSIBLE else None


@extend_schema_field({"type": "string", "example": "Uk3G7QAe51"})
class IdField(serializers.Field):
    """A row's own id: read-only, opaque."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("read_only", True)
        kwargs.setdefault("source", "pk")
        super().__init__(**kwargs)

    def to_representation(self, value: int) -> str:
        return ids.encode(value)


@extend_schema_field({"type": "string", "example": "Uk3G7QAe51"})
class Reference(serializers.Field):
    """A row of another table by its opaque id, looked up inside the tenant.

    `rows` answers a scoped queryset. Another tenant's id and an unknown one get the same answer.
    """

    default_error_messages = {"does_not_exist": _("There is no such thing.")}

    def __init__(self, rows: Callable[[], QuerySet[Any]], **kwargs: Any) -> None:
        self.rows = rows
        super().__init__(**kwargs)

    def to_internal_value(self, data: object) -> Model:
        number = row_id(data)
        found = self.rows().filter(pk=number).first() if number is not None else None
        if not isinstance(found, Model):
            self.fail("does_not_exist")
        return found

    def use_pk_only_optimization(self) -> bool:
        return True

    def get_attribute(self, instance: Any) -> Any:
        """The key column, without loading the row it names."""
        *path, last = self.source_attrs
        for name in path:
            instance = getattr(instance, name)
        return getattr(instance, f"{last}_id", None)

    def to_representation(self, value: int) -> str:
        return ids.encode(value)


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class References(serializers.Field):
    """Rows of another table by their opaque ids; all must exist."""

    default_error_messages = {
        "not_a_list": _("Write a list of ids."),
        "does_not_exist": _("There is no such thing."),
    }

    def __init__(self, rows: Callable[[], QuerySet[Any]], **kwargs: Any) -> None:
        self.rows = rows
        super().__init__(**kwargs)

    def to_internal_value(self, data: object) -> list[Model]:
        if not isinstance(data, list) or len(data) > 1000:
            self.fail("not_a_list")
        wanted = [row_id(each) for each in data]
        found = self.rows().in_bulk([each for each in wanted if each is not None])
        if any(each not in found for each in wanted):
            self.fail("does_not_exist")
        return [found[each] for each in dict.fromkeys(wanted)]

    def to_representation(self, value: Any) -> list[str]:
        rows: Iterable[Model] = value.all() if hasattr(value, "all") else value
        return [ids.encode(row.pk) for row in rows]


@extend_schema_field({"type": "string", "pattern": r"^\d{1,10}(\.\d{1,2})?$", "example": "1299.00"})
class Money(serializers.Field):
    """A decimal string outside, whole fen inside."""

    default_error_messages = {"invalid": _('Write an amount such as "1299" or "12.50".')}

    def to_internal_value(self, data: object) -> int:
        if not isinstance(data, str) or len(data) > 20:
            self.fail("invalid")
        try:
            return money.to_fen(data)
        except ValueError:
            self.fail("invalid")

    def to_representation(self, value: int) -> str | None:
        return money.text(value)


class Moment(serializers.DateTimeField):
    """RFC 3339 with offset out; in, a time without offset is of the tenant's zone."""

    def __init__(self, clean: Callable[..., datetime] | None = None, **kwargs: Any) -> None:
        self.clean = clean
        super().__init__(**kwargs)

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or len(value) > 40:
            self.fail("invalid", format="YYYY-MM-DDThh:mm:ss+hh:mm")
        if self.clean is None:
            return super().to_internal_value(value)
        try:
            return self.clean(value, timezone.get_current_timezone(), timezone.now())
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="invalid") from None


class Text(serializers.CharField):
    """Text as typed; `clean` (contacts/validation.py) checks and normalises it."""

    default_error_messages = {"invalid": _("Write text.")}

    def __init__(self, clean: Callable[[str], Any] | None = None, **kwargs: Any) -> None:
        self.clean = clean
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: object) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")
        if self.clean is None:
            return data
        try:
            return self.clean(data)
        except ValueError as error:
            raise serializers.ValidationError(
                str(error), code=getattr(error, "code", "invalid")
            ) from None


class StrictBoolean(serializers.BooleanField):
    """true or false, not "yes" or 1."""

    def to_internal_value(self, data: object) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError(_("Write true or false."), code="invalid")
        return data


class Words(serializers.ListField):
    """A list of short texts."""

    def __init__(self, longest: int = 64, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 100)
        kwargs["child"] = serializers.CharField(max_length=longest)
        super().__init__(**kwargs)


def of(column: str) -> Filter:
    """`?x=id`: a filter for rows that belong to the one with this opaque id."""
    field = serializers.CharField(max_length=32)
    return Filter(field, lambda rows, text: rows.filter(**{column: row_id(text) or 0}))
