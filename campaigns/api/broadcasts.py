"""`broadcasts`: one message to many, whom it reaches, what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.exceptions import ValidationError as Refused
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api import broadcast_fields as fields_
from campaigns.api.broadcast_fields import (
    BroadcastPartSerializer,
    BroadcastPreviewSerializer,
    BroadcastRecipientSerializer,
    BroadcastSerializer,
)
from campaigns.broadcasts import audience, personal, starting
from campaigns.models import Broadcast, BroadcastRecipient, BroadcastShare
from contacts.api.contacts import visible
from contacts.models import Contact
from contacts.transfers import plan
from tenants import audit
from tenants.models import User, WeChatAccount
from tenants.rest.errors import Conflict, invalid
from tenants.rest.filters import Filter, one_of
from tenants.rest.permissions import staff_to_limit_by
from tenants.rest.views import Listed
from tenants.roles import Can


class Broadcasts(Listed):
    """Drafts are written and started; members of staff confirm in WeCom, then it is sent. What was
    made at WeCom itself is listed, too: see `origin`."""

    queryset = Broadcast.objects.select_related("account", "maker")
    serializer_class = BroadcastSerializer
    abilities: ClassVar[Mapping[str, Can]] = {
        "GET": Can.READ, "POST": Can.CONFIGURE, "PATCH": Can.CONFIGURE, "DELETE": Can.CONFIGURE,
    }  # fmt: skip
    filters: ClassVar[Mapping[str, Filter]] = {
        "state": one_of("state", Broadcast.State.choices),
        "route": one_of("route", Broadcast.Route.choices),
        "origin": one_of("origin", Broadcast.Origin.choices),
    }
    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "recipients": {"state": one_of("state", BroadcastRecipient.State.choices)},
        "parts": {"state": one_of("state", BroadcastShare.State.choices)},
    }

    def paged_actions(self) -> set[str]:
        return {"list", "recipients", "parts"}

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(fields_.shown(page))

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._answer(self.get_object())

    def create(self, request: Request) -> Response:
        """A draft: nothing is sent before it is started."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        broadcast = Broadcast(account=_account())
        fields_.write(broadcast, body.validated_data)
        audit.record("broadcast.created", broadcast, request=request)
        return Response(fields_.shown([broadcast])[0], status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, id: str) -> Response:
        broadcast = self._draft()
        body = self.get_serializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        fields_.write(broadcast, body.validated_data)
        fields = sorted(body.validated_data)
        audit.record("broadcast.changed", broadcast, request=request, detail={"fields": fields})
        return self._answer(broadcast)

    def destroy(self, request: Request, id: str) -> Response:
        broadcast = self._draft()
        audit.record("broadcast.deleted", broadcast, request=request)
        broadcast.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=BroadcastSerializer, responses=BroadcastPreviewSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """Whom it would reach now, and whether each gets words of their own; nothing is stored.
        Personal words that its route cannot carry, or that lead to nothing, are refused."""
        body = BroadcastSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        said = fields_.unstored(body.validated_data)
        wrong = personal.faults(said)
        if wrong:
            raise ValidationError(wrong)
        found = audience.count(fields_.wish(body.validated_data, _account()))
        return Response(fields_.shown_count(found, own=personal.is_personal(said)))

    @extend_schema(request=None, responses=BroadcastSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, id: str) -> Response:
        """On its way, now or at `send_at`; whom it reaches is settled then."""
        broadcast: Broadcast = self.get_object()
        user = request.user if isinstance(request.user, User) else None
        try:
            starting.start(broadcast, user)
        except Refused as error:
            raise _refused(error) from None
        audit.record("broadcast.started", broadcast, request=request)
        return self._answer(broadcast)

    @extend_schema(request=None, responses=BroadcastSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """Who has not got it by now does not get it; what members confirmed already is sent."""
        broadcast: Broadcast = self.get_object()
        try:
            starting.cancel(broadcast)
        except Refused as error:
            raise _refused(error) from None
        audit.record("broadcast.cancelled", broadcast, request=request)
        return self._answer(broadcast)

    @extend_schema(request=None, responses=BroadcastSerializer)
    @action(detail=True, methods=["post"])
    def remind(self, request: Request, id: str) -> Response:
        """Members who have not confirmed are told once more; three times in 24 hours."""
        broadcast: Broadcast = self.get_object()
        try:
            count = starting.remind(broadcast)
        except Refused as error:
            raise _refused(error) from None
        audit.record("broadcast.reminded", broadcast, request=request, detail={"count": count})
        return self._answer(broadcast)

    @extend_schema(responses=BroadcastRecipientSerializer(many=True))
    @action(detail=True, methods=["get"])
    def recipients(self, request: Request, id: str) -> Response:
        """Whom it was for when it began, and what became of it with each."""
        rows: QuerySet[BroadcastRecipient] = BroadcastRecipient.objects.filter(
            broadcast=self.get_object()
        )
        if staff_to_limit_by(request)[0]:
            rows = rows.filter(contact__in=visible(request, Contact.objects.all()))
        page = self.paginate_queryset(self.filter_queryset(rows.select_related("staff"))) or []
        return self.get_paginated_response([fields_.shown_recipient(row) for row in page])

    @extend_schema(responses=BroadcastPartSerializer(many=True))
    @action(detail=True, methods=["get"])
    def parts(self, request: Request, id: str) -> Response:
        """What each member has to confirm, and who has."""
        rows: QuerySet[BroadcastShare] = BroadcastShare.objects.filter(
            batch__broadcast=self.get_object()
        )
        rows = rows.select_related("staff", "batch")
        page = self.paginate_queryset(self.filter_queryset(rows)) or []
        return self.get_paginated_response([fields_.shown_part(row) for row in page])

    def _draft(self) -> Broadcast:
        broadcast: Broadcast = self.get_object()
        if broadcast.started:
            raise Conflict(_("It was started: copy it to change it."))
        return broadcast

    def _answer(self, broadcast: Broadcast) -> Response:
        return Response(fields_.shown([broadcast])[0])


def _account() -> WeChatAccount:
    account = plan.account_for_transfers()
    if account is None:
        raise invalid(account=fields_.no_account())
    return account


def _refused(error: Refused) -> Exception:
    """By field where fields are wrong; else the state of things does not allow it."""
    if hasattr(error, "error_dict"):
        return ValidationError(error.message_dict)
    return Conflict(" ".join(error.messages))
