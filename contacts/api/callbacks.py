"""`callbacks`: what the platform sent, and the dead letters that may be replayed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import dead_letters
from tenants import audit, ids
from tenants.middleware import tenant_of
from tenants.models import Callback
from tenants.rest.errors import Conflict
from tenants.rest.fields import IdField, of
from tenants.rest.filters import Filter
from tenants.rest.serializers import StrictSerializer
from tenants.rest.views import Listed
from tenants.roles import Can
from tenants.wechat import health

STATES = ("dead", "open", "done")


def _in_state(rows: QuerySet[Callback], state: str) -> QuerySet[Callback]:
    if state == "dead":
        return rows.filter(health.dead_letters())
    if state == "open":
        return rows.filter(handled_at=None)
    return rows.filter(handled_at__isnull=False, problem="")


class CallbackSerializer(serializers.ModelSerializer):
    """One callback. `body` is decrypted, without phones, e-mails and one-time codes; it is empty
    for callbacks that were understood: their events say what they meant."""

    id = IdField()
    account = serializers.SerializerMethodField()
    event = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField()
    problem = serializers.SerializerMethodField()
    body = serializers.SerializerMethodField()

    class Meta:
        model = Callback
        fields = (
            "id", "account", "event", "state", "received_at", "handled_at", "attempts", "problem",
            "body",
        )  # fmt: skip

    def get_account(self, row: Callback) -> str:
        return ids.encode(row.account_id)

    def get_event(self, row: Callback) -> str:
        return dead_letters.what(row)

    def get_state(self, row: Callback) -> str:
        if row.handled_at is None:
            return "open"
        return "dead" if row.problem else "done"

    def get_problem(self, row: Callback) -> str:
        return dead_letters.problem(row)

    def get_body(self, row: Callback) -> str:
        return dead_letters.body(row) if row.problem else ""


class ReplayedSerializer(serializers.Serializer):
    """How many went back into the inbox; at most 10,000 at once, the oldest first."""

    replayed = serializers.IntegerField()


class ReplayRequest(StrictSerializer):
    """Nothing to say."""


class Callbacks(Listed):
    """The inbox of the platform's callbacks, for who manages the business."""

    queryset = Callback.objects.all()
    serializer_class = CallbackSerializer
    abilities: ClassVar[Mapping[str, Can]] = {
        "GET": Can.MANAGE, "replay": Can.MANAGE, "replay_all": Can.MANAGE,
    }  # fmt: skip
    filters: ClassVar[Mapping[str, Filter]] = {
        "state": Filter(serializers.ChoiceField(STATES), _in_state),
        "account": of("account_id"),
    }

    @extend_schema(request=ReplayRequest, responses=ReplayedSerializer)
    @action(detail=True, methods=["POST"])
    def replay(self, request: Request, id: str) -> Response:
        """Read a dead letter once more. 409 when it is none (any more)."""
        row: Callback = self.get_object()
        if not dead_letters.replay([row.pk]):
            raise Conflict(_("This callback is no dead letter."))
        audit.record("callback.replayed", row, request=request)
        return Response({"replayed": 1})

    @extend_schema(
        operation_id="callbacks_replay_all", request=ReplayRequest, responses=ReplayedSerializer
    )
    @action(detail=False, methods=["POST"], url_path="replay")
    def replay_all(self, request: Request) -> Response:
        """Read all dead letters once more."""
        count = dead_letters.replay()
        detail: dict[str, Any] = {"count": count}
        audit.record("callback.replayed", tenant_of(request), request=request, detail=detail)
        return Response({"replayed": count})
