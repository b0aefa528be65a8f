"""Which page of a list, and which comes next? Keyset cursors: flat in depth, never OFFSET.

A cursor says where its page begins: the sort key and id of a row. The next page is read in up to
three steps, each a plain range of an index: the rows that share the key, the rows beyond it, the
rows without a key (null, or no row in the table that the key is in), which come last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core import signing
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.scope import current_tenant_id

if TYPE_CHECKING:
    from rest_framework.views import APIView

DEFAULT, MOST = 50, 200
PARAMETERS = {"cursor", "limit"}


@dataclass(frozen=True)
class Ordering:
    """A column to sort by; None is the order of arrival (id).

    `nullable`: rows without a value come last in both directions. Its index is declared with
    NULLS LAST when descending, unless it is `plain`. `rows` answers another table's queryset with
    the column (never null there) and a `contact` key (see contacts/facets.py). `tie` is the
    direction of the id among equal keys in the index: 1 as the key, -1 against it.
    """

    key: str | None = None
    nullable: bool = False
    plain: bool = False
    rows: Callable[[], QuerySet[Any]] | None = None
    tie: int = 1


@dataclass(frozen=True)
class _Position:
    """A row in the order. Rows without a key are `keyed=False`."""

    keyed: bool
    key: Any
    row: int


class _Walk:
    """The steps along one order from a position, forward or backward."""

    def __init__(
        self, queryset: QuerySet[Any], ordering: Ordering, *, descending: bool, whole: bool
    ) -> None:
        self.ordering = ordering
        self.descending = descending
        self.whole = whole  # rows, or their ids only
        self.all = queryset.order_by()
        self.id = "id"
        self.keyed = self.all
        self.rows = ordering.rows() if ordering.rows is not None else None
        if self.rows is not None:
            self.id = "contact_id"
            # Unfiltered, the semi-join would only cost: every row's contact is of the tenant.
            narrowed = len(self.all.query.where.children) > 1
            within = {"contact_id__in": self.all.values("id")} if narrowed else {}
            self.keyed = self.rows.filter(**within)
        elif ordering.nullable:
            self.keyed = self.all.filter(**{f"{ordering.key}__isnull": False})

    @cached_property
    def rest(self) -> QuerySet[Any] | None:
        """The rows without a key, where there may be such."""
        if self.rows is not None:
            return self.all.filter(~Exists(self.rows.filter(contact_id=OuterRef("id"))))
        if self.ordering.nullable:
            return self.all.filter(**{f"{self.ordering.key}__isnull": True})
        return None

    def page(
        self, at: _Position | None, count: int, *, backward: bool
    ) -> list[tuple[_Position, Any]]:
        found: list[tuple[_Position, Any]] = []
        for keyed, rows in self._steps(at, backward=backward):
            found.extend(self._read(rows[: count - len(found)], keyed=keyed))
            if len(found) >= count:
                break
        return self._load(found) if self.whole else found

    def _read(self, rows: QuerySet[Any], *, keyed: bool) -> Iterator[tuple[_Position, Any]]:
        key = self.ordering.key if keyed else None
        if key and (self.rows is not None or not self.whole):
            for value, pk in rows.values_list(key, self.id):
                yield _Position(keyed=True, key=value, row=pk), None
        elif not self.whole:
            for pk in rows.values_list("id", flat=True):
                yield _Position(keyed=keyed, key=None, row=pk), None
        else:
            for row in rows:
                value = getattr(row, key) if key else None
                yield _Position(keyed=keyed, key=value, row=row.pk), row

    def _load(self, found: list[tuple[_Position, Any]]) -> list[tuple[_Position, Any]]:
        missing = [at.row for at, row in found if row is None]
        if not missing:
            return found
        rows = self.all.in_bulk(missing)
        return [(at, row or rows.get(at.row)) for at, row in found if row or at.row in rows]

    def _steps(
        self, at: _Position | None, *, backward: bool
    ) -> Iterator[tuple[bool, QuerySet[Any]]]:
        if backward and at is not None and not at.keyed and self.rest is not None:
            yield False, self._by_id(self.rest, at, backward=True, keyed=False)
            yield True, self._by_key(self.keyed, backward=True)
            return
        if at is None or at.keyed:
            yield from self._along(at, backward=backward)
        if self.rest is not None and not backward:
            after = at if at is not None and not at.keyed else None
            yield False, self._by_id(self.rest, after, backward=False, keyed=False)

    def _along(
        self, at: _Position | None, *, backward: bool
    ) -> Iterator[tuple[bool, QuerySet[Any]]]:
        if self.ordering.key is None:
            yield True, self._by_id(self.keyed, at, backward=backward, keyed=True)
            return
        if at is None:
            yield True, self._by_key(self.keyed, backward=backward)
            return
        same = self.keyed.filter(**{self.ordering.key: at.key})
        yield True, self._by_id(same, at, backward=backward, keyed=True)
        beyond = "lt" if self.descending != backward else "gt"
        rows = self.keyed.filter(**{f"{self.ordering.key}__{beyond}": at.key})
        yield True, self._by_key(rows, backward=backward)

    def _by_id(
        self, rows: QuerySet[Any], at: _Position | None, *, backward: bool, keyed: bool
    ) -> QuerySet[Any]:
        name = self.id if keyed else "id"
        down = self._id_descends() != backward
        if at is not None:
            rows = rows.filter(**{f"{name}__{'lt' if down else 'gt'}": at.row})
        columns = [F(name).desc() if down else F(name).asc()]
        if not keyed and self.ordering.nullable:
            # The index has the nulls in order of id: name its columns, and the planner sees it.
            columns.insert(0, self._key_order(down=self.descending != backward))
        return rows.order_by(*columns)

    def _by_key(self, rows: QuerySet[Any], *, backward: bool) -> QuerySet[Any]:
        if self.ordering.key is None:
            return self._by_id(rows, None, backward=backward, keyed=True)
        down = self._id_descends() != backward
        key = self._key_order(down=self.descending != backward)
        return rows.order_by(key, F(self.id).desc() if down else F(self.id).asc())

    def _key_order(self, *, down: bool) -> Any:
        key = F(str(self.ordering.key))
        if not self.ordering.nullable or self.ordering.plain:
            return key.desc() if down else key.asc()
        return key.desc(nulls_last=True) if down else key.asc(nulls_first=True)

    def _id_descends(self) -> bool:
        return self.descending == (self.ordering.tie > 0)


class Cursor(BasePagination):
    """`{"results", "next", "previous"}`; `?cursor=`, `?limit=`, and `?ordering=` of the view's."""

    next: str | None = None
    previous: str | None = None

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        return self.page(queryset, request, view)

    def page(self, queryset: QuerySet[Any], request: Request, view: object) -> list[Any]:
        """The rows of the page; `view` has `orderings` and `default_ordering`."""
        return [row for _at, row in self._found(queryset, request, view, whole=True)]

    def ids(self, queryset: QuerySet[Any], request: Request, view: object) -> list[int]:
        """As `page`, but the ids of the rows only: for those who read the rows in their own way."""
        return [at.row for at, _row in self._found(queryset, request, view, whole=False)]

    def _found(
        self, queryset: QuerySet[Any], request: Request, view: object, *, whole: bool
    ) -> list[tuple[_Position, Any]]:
        limit = _limit(request)
        name, ordering = _ordering(request, view)
        walk = _Walk(queryset, ordering, descending=name.startswith("-"), whole=whole)
        at, backward = _decode(request.query_params.get("cursor"), name, walk)
        found = walk.page(at, limit + 1, backward=backward)
        more = len(found) > limit
        found = found[:limit]
        if backward:
            found.reverse()
        if found and (more or backward):
            self.next = _encode(name, found[-1][0], backward=False)
        if found and at is not None and (more or not backward):
            self.previous = _encode(name, found[0][0], backward=True)
        return found

    def get_paginated_response(self, data: Sequence[object]) -> Response:
        return Response({"results": data, "next": self.next, "previous": self.previous})

    def get_paginated_response_schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        cursor = {"type": "string", "nullable": True}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {
                "results": {"type": "array", "items": schema.get("items", schema)},
                "next": cursor | {"description": "Cursor of the next page; null on the last."},
                "previous": cursor | {"description": "Cursor of the page before."},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = [
            {"name": "cursor", "in": "query", "schema": {"type": "string"}},
            {
                "name": "limit",
                "in": "query",
                "description": f"Rows of a page; more than {MOST} count as {MOST}.",
                "schema": {"type": "integer", "minimum": 1, "default": DEFAULT},
            },
        ]
        names = choices(view)
        if names:
            schema = {"type": "string", "enum": names, "default": view.default_ordering}
            parameters.append({"name": "ordering", "in": "query", "schema": schema})
        return parameters


def choices(view: Any) -> list[str]:
    """The values of `?ordering=`."""
    return [sign + name for name in getattr(view, "orderings", {}) for sign in ("", "-")]


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(DEFAULT))
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= 1):
        raise ValidationError({"limit": [_("Write a whole number from 1.")]})
    return min(int(text), MOST)


def _ordering(request: Request, view: Any) -> tuple[str, Ordering]:
    known: Mapping[str, Ordering] = getattr(view, "orderings", {})
    given = request.query_params.get("ordering")
    name = str(given or getattr(view, "default_ordering", "-id"))
    if name.removeprefix("-") in known:
        return name, known[name.removeprefix("-")]
    if "ordering" in request.query_params:
        words = ", ".join(choices(view)) or "–"
        raise ValidationError({"ordering": [_("Write one of: %(words)s.") % {"words": words}]})
    return name, Ordering()


def _signer() -> signing.Signer:
    return signing.Signer(salt=f"cursor:{current_tenant_id()}")


def _encode(name: str, at: _Position, *, backward: bool) -> str:
    key = at.key.isoformat() if hasattr(at.key, "isoformat") else at.key
    return _signer().sign_object([name, int(backward), int(at.keyed), key, at.row])


def _decode(text: str | None, name: str, walk: _Walk) -> tuple[_Position | None, bool]:
    if text is None:
        return None, False
    try:
        ordered_by, backward, keyed, key, row = _signer().unsign_object(text)
    except (signing.BadSignature, ValueError, TypeError):
        ordered_by = None
    if ordered_by != name:
        raise ValidationError({"cursor": [_("This cursor is not of this list.")]})
    if key is not None:
        column: Any = walk.keyed.model._meta.get_field(str(walk.ordering.key))
        key = column.to_python(key)
    return _Position(bool(keyed), key, row), bool(backward)
