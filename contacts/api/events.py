"""`events`: list, get, tell one, tell many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import events, validation
from contacts.api.contacts import visible
from contacts.api.event_fields import EventSerializer, FieldInvalid, read, read_all, shown
from contacts.api.naming import contact_ids
from contacts.api.results import as_results
from contacts.api.shown import may_reveal
from contacts.models import Contact, Event
from contacts.upserts import Outcome, Status, refused
from contacts.validation import Invalid
from tenants.rest import bulk
from tenants.rest.errors import Conflict
from tenants.rest.fields import Moment
from tenants.rest.filters import Filter, since, until
from tenants.rest.permissions import staff_to_limit_by
from tenants.rest.views import Resource
from tenants.roles import Can


def of_contact(rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Filter by a contact's external_id or id."""
    return rows.filter(contact_id=contact_ids([text]).get(text, 0))


OF_CONTACT = Filter(
    serializers.CharField(max_length=64), of_contact, help="external_id or id of a contact."
)


def limited(request: Request, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Rows about contacts, for those who see only their own."""
    if not staff_to_limit_by(request)[0]:
        return rows
    return rows.filter(contact_id__in=visible(request, Contact.objects.all()).values("id"))


class Events(mixins.ListModelMixin, Resource):
    """What happened to contacts, in the order in which we heard of it."""

    queryset = Event.objects.all()
    serializer_class = EventSerializer
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.READ, "POST": Can.WRITE}
    filters: ClassVar[Mapping[str, Filter]] = {
        "contact": OF_CONTACT,
        "kind": Filter(
            serializers.CharField(max_length=64),
            lambda rows, names: rows.filter(kind__in=names),
            many=True,
        ),
        "event_id": Filter(
            serializers.CharField(max_length=64),
            lambda rows, text: rows.filter(source=events.SOURCE, key=text),
        ),
        "after": since("at", Moment(clean=validation.moment)),
        "before": until("at", Moment(clean=validation.moment)),
    }

    def get_queryset(self) -> QuerySet[Event]:
        return limited(self.request, Event.objects.all())

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        whole = may_reveal(request, asked=False)
        return self.get_paginated_response([shown(event, whole=whole) for event in page])

    def retrieve(self, request: Request, id: str) -> Response:
        return Response(shown(self.get_object(), whole=may_reveal(request, asked=False)))

    def create(self, request: Request) -> Response:
        """Tell one event. The same again answers 200, other content under its id 409."""
        outcome = told([request.data])[0]
        if outcome.error is not None:
            if outcome.error.code == "conflict":
                raise Conflict(str(outcome.error))
            raise serializers.ValidationError(
                {outcome.field or "non_field_errors": [str(outcome.error)]}
            )
        created = outcome.status == Status.CREATED
        event = Event.objects.get(pk=outcome.row_id or 0)
        answer = shown(event, whole=may_reveal(request, asked=False))
        return Response(answer, status.HTTP_201_CREATED if created else status.HTTP_200_OK)

    @bulk.described(EventSerializer, "Event")
    @action(detail=False, methods=["POST"], url_path="bulk")
    def bulk(self, request: Request) -> Response:
        """Tell many events: created, unchanged (told before) or rejected."""
        named = _plain(request)
        if named is None:
            return bulk.answer(as_results(told(bulk.items(request))))
        known = contact_ids([contact for contact, _row in named])
        rows = [row for contact, row in named if _of(known, contact, row)]
        if len(rows) < len(named):
            return bulk.answer(as_results(_tell(dict(enumerate(named)), known, {})))
        new = events.store(rows)
        if len(new) < len(rows):
            return bulk.answer(as_results(events.outcomes(rows, new)))
        return bulk.all_created(new)


def _plain(request: Request) -> list[tuple[str, events.Row]] | None:
    """The request's events when none of them needs a closer look; else None."""
    if str(request.content_type).partition(";")[0].strip().lower() != "application/json":
        return None
    return read_all(request._request.body, timezone.now())  # noqa: SLF001 - the bytes as they came


def _of(known: Mapping[str, int], contact: str, row: events.Row) -> bool:
    """Give the row its contact; False when there is no such contact."""
    row.contact_id = known.get(contact, 0)
    return row.contact_id != 0


def told(items: Sequence[object]) -> list[Outcome]:
    """Check and store events; one outcome each, in their order."""
    zone, now = timezone.get_current_timezone(), timezone.now()
    outcomes: dict[int, Outcome] = {}
    named: dict[int, tuple[str, events.Row]] = {}
    for place, item in enumerate(items):
        try:
            named[place] = read(item, zone, now)
        except FieldInvalid as refusal:
            outcomes[place] = refused(refusal.error, refusal.field)
    known = contact_ids([contact for contact, _row in named.values()])
    return _tell(named, known, outcomes)


def _tell(
    named: Mapping[int, tuple[str, events.Row]],
    known: Mapping[str, int],
    outcomes: dict[int, Outcome],
) -> list[Outcome]:
    """Store what is of a known contact; the outcomes of all, those of refused items included."""
    rows: dict[int, events.Row] = {}
    for place, (contact, row) in named.items():
        if _of(known, contact, row):
            rows[place] = row
        else:
            error = Invalid("unknown_contact", _("There is no such contact."))
            outcomes[place] = refused(error, "contact")
    outcomes |= dict(zip(rows, events.append(list(rows.values())), strict=True))
    return [outcome for _place, outcome in sorted(outcomes.items())]
