"""`contacts`: list, get, create, change, delete, upsert in bulk, timeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import cascade, changes, costs, facets, people, profile
from contacts.api import contact_bulk, contact_filters
from contacts.api.contact_fields import ContactItemSerializer, ContactSerializer
from contacts.api.event_fields import TimelineSerializer, shown_on_timeline
from contacts.api.forwarding import Forwarding
from contacts.api.shown import may_reveal, shown
from contacts.models import Contact, Event
from contacts.models.person import ContactQuerySet
from tenants import audit
from tenants.rest import bulk
from tenants.rest.filters import Filter
from tenants.rest.pages import Cursor, Ordering
from tenants.rest.permissions import staff_to_limit_by
from tenants.rest.views import Resource
from tenants.roles import Can

_REVEAL = Filter(
    serializers.BooleanField(), help="Whole phone numbers, if your role may see them; audited."
)
_RELATIONS = {"tags", "consent", "owner", "channel"}


def visible(request: Request, contacts: ContactQuerySet) -> ContactQuerySet:
    """Sales see their own customers; everybody else all of the tenant's."""
    limited, staff_id = staff_to_limit_by(request)
    return contacts.visible_to(staff_id) if limited else contacts


def actor(request: Request) -> str:
    """Who did it, as tags remember it."""
    return f"user:{request.user.pk}" if request.user and request.user.pk else "api"


class Contacts(Forwarding, mixins.ListModelMixin, Resource):
    """People known to the tenant."""

    queryset = Contact.objects.all()
    serializer_class = ContactSerializer
    abilities: ClassVar[Mapping[str, Can]] = {
        "GET": Can.READ, "POST": Can.WRITE, "PATCH": Can.WRITE, "DELETE": Can.WRITE,
    }  # fmt: skip
    default_ordering = "-acquired_at"
    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "list": {"reveal": _REVEAL},
        "retrieve": {"reveal": _REVEAL},
        "timeline": {"kind": contact_filters.KIND},
    }

    @property
    def filters(self) -> Mapping[str, Filter]:  # type: ignore[override] # grows while apps start
        return {**contact_filters.OWN, **facets.filters, **contact_filters.custom(self.request)}

    @property
    def orderings(self) -> Mapping[str, Ordering]:  # type: ignore[override] # grows while apps start
        return {**contact_filters.ORDERINGS, **facets.orderings}

    def get_queryset(self) -> QuerySet[Contact]:
        return visible(self.request, cast("ContactQuerySet", super().get_queryset()))

    def paged_actions(self) -> set[str]:
        return {"list", "timeline"}

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        pages = Cursor()
        found = pages.ids(self.filter_queryset(self.get_queryset()), request, self)
        asked = self.given().get("reveal", False)
        return pages.get_paginated_response([*shown(request, found, asked=asked).values()])

    def retrieve(self, request: Request, id: str) -> Response:
        return self._shown(self.get_object())

    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        opened = None
        if values.get("owner") and values.get("acquired_at"):
            opened = (values["owner"], values["acquired_at"])
        contact = profile.create(
            {**_columns(values), "sourced_at": values.get("acquired_at")},
            tags=values.get("tags", ()),
            consent=values.get("consent", ()),
            opened=opened,
            by=actor(request),
        )
        return self._shown(contact, status.HTTP_201_CREATED)

    def partial_update(self, request: Request, id: str) -> Response:
        contact = self.get_object()
        Contact.objects.select_for_update().filter(pk=contact.pk).first()
        serializer = self.get_serializer(contact, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        if "custom" in values:
            values["custom"] = _patched(contact.custom, values["custom"])
        profile.change(contact, _columns(values))
        if "tags" in values:
            profile.set_tags(contact, values["tags"], by=actor(request))
        profile.agree(contact, values.get("consent", ()), actor(request))
        return self._shown(contact)

    def destroy(self, request: Request, id: str) -> Response:
        contact: Contact = self.get_object()
        touched = [pk for pk in (contact.pk, contact.referrer_id) if pk]
        audit.record("contact.deleted", contact, request=request)
        cascade.delete(Contact, [contact.pk])
        changes.note(touched)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @bulk.described(ContactItemSerializer, "Contact")
    @action(detail=False, methods=["POST"], url_path="bulk")
    def bulk(self, request: Request) -> Response:
        """Upsert by external_id."""
        return bulk.answer(contact_bulk.bring(bulk.items(request), actor(request)))

    @extend_schema(responses=TimelineSerializer(many=True))
    @action(detail=True, methods=["GET"])
    def timeline(self, request: Request, id: str) -> Response:
        """What happened to the contact, newest first."""
        contact = self.get_object()
        events = Event.objects.filter(contact_id=contact.pk)
        if "kind" in self.given():
            events = events.filter(kind__in=self.given()["kind"])
        pages = Cursor()
        page = pages.page(events, request, _Timeline)
        whole = may_reveal(request, asked=False)
        return pages.get_paginated_response([shown_on_timeline(e, whole=whole) for e in page])

    def _shown(self, contact: Contact, number: int = status.HTTP_200_OK) -> Response:
        asked = self.given().get("reveal", False)
        found = shown(self.request, [contact.pk], asked=asked)
        if contact.pk not in found:
            raise NotFound
        return Response(found[contact.pk], status=number)


class _Timeline:
    """The order of a timeline, for the paginator."""

    orderings: ClassVar[Mapping[str, Ordering]] = {"at": Ordering("at")}
    default_ordering = "-at"


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """Validated values as columns of the contact; names become ids, unknown ones are made."""
    found = {
        name: value for name, value in values.items() if name not in _RELATIONS | {"acquired_at"}
    }
    if "owner" in values:
        owner = values["owner"]
        found["owner_id"] = people.staff_named([owner])[owner] if owner else None
    if values.get("channel"):
        found["channel_id"] = costs.channels_named([values["channel"]])[values["channel"]]
    return found


def _patched(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """JSON merge patch, one level: null removes a field."""
    return {name: value for name, value in {**stored, **given}.items() if value is not None}
