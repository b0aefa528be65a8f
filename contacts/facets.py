"""What do upper apps add to the contacts resource? Fields, filters, orderings, from their apps.py.

Contacts know nothing of stages, scores or reports; `journeys` and `analytics` register here how a
page of contacts gets those values, and how a list is narrowed or ordered by them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection

from contacts import arrays
from tenants.rest.filters import Filter
from tenants.rest.pages import Ordering
from tenants.scope import current_tenant_id

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from rest_framework.fields import Field

    from contacts.models import Contact

Load = Callable[[Sequence[int]], Mapping[int, object]]


@dataclass(frozen=True, eq=False)
class Query:
    """Values that one SELECT answers: `contact_id`, and the value as JSON. All queries of a page go
    to Postgres as one statement.

    `sql` asks of the contacts %(contacts)s::bigint[] of the tenant %(tenant)s, and may use names of
    its own out of `params()`. `read` makes of the answer what Facet.load answers.
    """

    sql: str
    read: Callable[[Mapping[int, Any]], Mapping[int, object]] = dict
    params: Callable[[], Mapping[str, Any]] = dict


@dataclass(frozen=True)
class Facet:
    """A read-only field of a contact. `load` answers the values of a page: contact id → value.

    A contact that `load` leaves out shows `absent`. Values are what JSON shows (or what
    `shown_as.to_representation` takes): numbers, strings, lists; money already as text. Where
    several fields are parts of one thing, `load` answers that thing and `part` names its attribute.
    """

    name: str
    shown_as: Field[Any, Any, Any, Any]
    load: Load | Query
    absent: object = None
    part: str = ""

    def value(self, loaded: Mapping[int, object], pk: int) -> object:
        """What the field shows of this contact; `loaded` is the answer of `load`."""
        if pk not in loaded:
            return self.absent
        return getattr(loaded[pk], self.part) if self.part else loaded[pk]


fields: dict[str, Facet] = {}
filters: dict[str, Filter] = {}
orderings: dict[str, Ordering] = {}


def field(
    name: str,
    shown_as: Field[Any, Any, Any, Any],
    load: Load | Query,
    *,
    absent: object = None,
    part: str = "",
) -> None:
    """Add a field to every contact that the API shows. Fields with one `load` share its call."""
    fields[name] = Facet(name, shown_as, load, absent, part)


def values(
    contact_ids: Sequence[int], names: Collection[str] | None = None
) -> dict[int, dict[str, object]]:
    """Contact → what its fields show, or those of these names."""
    found: dict[int, dict[str, object]] = {pk: {} for pk in contact_ids}
    asked = [facet for name, facet in fields.items() if names is None or name in names]
    if not found or not asked:
        return found
    loads = dict.fromkeys(facet.load for facet in asked)
    loaded = _answers([load for load in loads if isinstance(load, Query)], contact_ids)
    loaded |= {load: load(contact_ids) for load in loads if not isinstance(load, Query)}
    for facet in asked:
        of_page = loaded[facet.load]
        for pk, shown in found.items():
            shown[facet.name] = facet.value(of_page, pk)
    return found


def _answers(
    queries: Sequence[Query], contact_ids: Sequence[int]
) -> dict[Load | Query, Mapping[int, object]]:
    if not queries:
        return {}
    params: dict[str, Any] = {}
    for query in queries:
        params |= query.params()
    params |= {"tenant": current_tenant_id(), "contacts": arrays.literal(contact_ids)}
    rows: list[dict[int, Any]] = [{} for _query in queries]
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT {number}, * FROM ({query.sql}) q"  # noqa: S608 - our own statements
                for number, query in enumerate(queries)
            ),
            params,
        )
        for number, pk, value in cursor.fetchall():
            rows[number][pk] = value
    return {query: query.read(found) for query, found in zip(queries, rows, strict=True)}


def filter(
    name: str,
    parsed_by: Field[Any, Any, Any, Any],
    apply: Callable[[QuerySet[Contact], Any], QuerySet[Contact]],
) -> None:
    """Add a query parameter to the contact list; `parsed_by` validates its text, or 400."""
    filters[name] = Filter(parsed_by, apply)


def ordering(
    name: str, rows: Callable[[], QuerySet[Model]], key: str, *, same_direction: bool = True
) -> None:
    """Add `?ordering=name` and `-name`, walked along an index of another table.

    `rows()` answers that table's queryset; it has a `contact` key and the column `key` (never
    null). Contacts without a row come last. `same_direction` says whether its index has the contact
    in the direction of the key: True for (tenant, key, contact), False for (tenant, key DESC,
    contact).
    """
    orderings[name] = Ordering(key=key, rows=rows, tie=1 if same_direction else -1)
