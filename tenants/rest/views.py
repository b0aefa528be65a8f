"""The base of every resource: abilities, filters, pages, idempotency, headers, opaque ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import Model
from django.http import HttpResponseBase
from rest_framework import mixins
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from tenants.rest import filters, idempotency, pages
from tenants.rest.fields import row_id
from tenants.rest.filters import Filter
from tenants.rest.limits import Rate
from tenants.rest.pages import Ordering
from tenants.rest.schema import ResourceSchema
from tenants.roles import Can


class Resource(GenericViewSet):
    """Declare `queryset`, `serializer_class`, `abilities`; and what the list may be narrowed by.

    `filters` are the query parameters of the list, `parameters[action]` those of other actions,
    `orderings` the columns of `?ordering=`. Ids in paths are opaque and looked up inside the
    tenant. Every POST honours Idempotency-Key.
    """

    abilities: ClassVar[Mapping[str, Can]] = {}
    filters: ClassVar[Mapping[str, Filter]] = {}
    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {}
    orderings: ClassVar[Mapping[str, Ordering]] = {}
    default_ordering = "-id"

    http_method_names = ["get", "head", "post", "patch", "delete"]
    lookup_url_kwarg = "id"
    lookup_value_regex = "[^/.]+"
    schema = ResourceSchema()
    claim: idempotency.Claim | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        filters.refuse_unknown(request, self.known_parameters())
        self.claim = idempotency.begin(request)

    def known_parameters(self) -> set[str]:
        known = set(filters.declared_filters(self))
        if self.action in self.paged_actions():
            known |= pages.PARAMETERS | {"ordering"}
        return known

    def paged_actions(self) -> set[str]:
        """Actions that answer pages; a resource with another one adds its name."""
        return {"list"}

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        found: HttpResponseBase = super().finalize_response(request, response, *args, **kwargs)
        rate = getattr(request, "rate", None)
        if isinstance(rate, Rate):
            found["RateLimit-Limit"] = str(rate.limit)
            found["RateLimit-Remaining"] = str(rate.remaining)
            found["RateLimit-Reset"] = str(max(1, round(rate.reset)))
        if self.claim is not None and not getattr(found, "exception", False):
            idempotency.keep(self.claim, found)
        return found

    def given(self) -> dict[str, Any]:
        """The parsed query parameters of this action."""
        return filters.given(self.request, self)

    def get_object(self) -> Any:
        """The row that the path names, inside the tenant and what the caller may see; or 404."""
        number = row_id(self.kwargs["id"])
        found: Model | None = None
        if number is not None:
            found = self.get_queryset().filter(pk=number).first()
        if found is None:
            raise NotFound
        self.check_object_permissions(self.request, found)
        return found


class Listed(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Read only."""


class Editable(mixins.CreateModelMixin, mixins.UpdateModelMixin, mixins.DestroyModelMixin, Listed):
    """List, get, create, patch, delete."""
