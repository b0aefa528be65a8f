"""`touches` and `staff-tasks`: what was planned or sent to whom, and what staff do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts.api.events import OF_CONTACT, limited
from contacts.api.naming import userids
from journeys import outcomes, recalls, staff_tasks
from journeys.api.contents import ContactId, StaffName
from journeys.ledger import State
from journeys.models import Enrolment, Route, Sop, StaffTask, Touch, TouchKind
from tenants import audit
from tenants.rest.errors import Conflict
from tenants.rest.fields import IdField, Moment, Reference, StrictBoolean, of
from tenants.rest.filters import Filter, one_of, since, until
from tenants.rest.pages import Ordering
from tenants.rest.permissions import staff_to_limit_by
from tenants.rest.serializers import StrictSerializer
from tenants.rest.views import Listed
from tenants.roles import Can

DUE = "due"
STATES = [*State.choices, (DUE, _("due"))]


class TouchSerializer(serializers.ModelSerializer):
    """`state` is planned until `due_at`, then due; `reason` says why it was not sent."""

    id = IdField()
    contact = ContactId(read_only=True)
    enrolment = Reference(Enrolment.objects.all, read_only=True)
    sop = Reference(Sop.objects.all, source="enrolment.sop", read_only=True)
    step = serializers.IntegerField(source="step.position", read_only=True, allow_null=True)
    staff = StaffName(read_only=True, allow_null=True)
    state = serializers.SerializerMethodField()
    task_size = serializers.IntegerField(
        source="shared.size",
        read_only=True,
        allow_null=True,
        help_text="How many customers share its mass task, which the member confirms once.",
    )

    class Meta:
        model = Touch
        fields = (
            "id", "contact", "enrolment", "sop", "step", "staff", "route", "kind", "state",
            "reason", "task_size", "due_at", "sent_at", "delivered_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_state(self, touch: Touch) -> str:
        waits = touch.state == State.PLANNED and not touch.held
        return DUE if waits and touch.due_at <= timezone.now() else touch.state


class SettlingSerializer(StrictSerializer):
    sent = StrictBoolean(help_text="Whether the contact has got it, as somebody has looked up.")


def in_state(rows: QuerySet[Touch], word: str) -> QuerySet[Touch]:
    due = {"state": State.PLANNED, "held": False, "due_at__lte": timezone.now()}
    if word == DUE:
        return rows.filter(**due)
    found = rows.filter(state=word)
    return found.exclude(**due) if word == State.PLANNED else found


class Touches(Listed):
    """The ledger of messages: one row for each that was ever planned."""

    queryset = Touch.objects.all()
    serializer_class = TouchSerializer
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.READ, "POST": Can.WRITE}
    filters: ClassVar[Mapping[str, Filter]] = {
        "contact": OF_CONTACT,
        "state": Filter(serializers.ChoiceField(STATES), in_state),
        "sop": of("enrolment__sop_id"),
        "enrolment": of("enrolment_id"),
        "route": one_of("route", Route.choices),
        "kind": one_of("kind", TouchKind.choices),
        "due_after": since("due_at", Moment()),
        "due_before": until("due_at", Moment()),
    }

    def get_queryset(self) -> QuerySet[Touch]:
        rows = Touch.objects.select_related("enrolment", "step", "staff", "shared")
        return limited(self.request, rows)

    @extend_schema(request=SettlingSerializer)
    @action(detail=True, methods=["post"])
    def settle(self, request: Request, id: str) -> Response:
        """Decide about a touch whose outcome nobody could look up: it was sent, or go again."""
        touch: Touch = self.get_object()
        body = SettlingSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        if not outcomes.settle_by_hand(touch, sent=body.validated_data["sent"]):
            raise Conflict(_("The outcome of this touch is known."), "known")
        audit.record("touch.settled", touch, request=request, detail=body.validated_data)
        return Response(self.get_serializer(self.get_object()).data)

    def _asked(self, said: str, verb: Callable[[Touch], bool]) -> Response:
        touch: Touch = self.get_object()
        if not verb(touch):
            raise Conflict(_("It waits for nobody, or was reminded three times today."), "no_wait")
        audit.record(said, touch, request=self.request)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def remind(self, request: Request, id: str) -> Response:
        """Tell the member of its mass task once more; at most three times in 24 hours, else 409."""
        return self._asked("touch.reminded", recalls.remind)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """Stop it unless its member has confirmed it; 409 when it waits for nobody. For the other
        customers of its mass task the member gets a new one."""
        return self._asked("touch.called_back", recalls.call_back)


class StaffTaskSerializer(serializers.ModelSerializer):
    """A message that a member of staff must carry out: what to say, to whom, by when."""

    id = IdField()
    touch = Reference(Touch.objects.all, read_only=True)
    contact = ContactId(read_only=True)
    contact_name = serializers.CharField(source="contact.name", read_only=True)
    staff = StaffName(read_only=True)

    class Meta:
        model = StaffTask
        fields = (
            "id", "touch", "contact", "contact_name", "staff", "text", "due_at", "state", "done_at",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class PostponingSerializer(StrictSerializer):
    due_at = Moment()

    def validate_due_at(self, value: Any) -> Any:
        if value <= timezone.now():
            raise serializers.ValidationError(_("Choose a time to come."))
        return value


class StaffTasks(Listed):
    """Tasks of staff; sales see their own."""

    queryset = StaffTask.objects.all()
    serializer_class = StaffTaskSerializer
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.READ, "POST": Can.WORK_LEADS}
    filters: ClassVar[Mapping[str, Filter]] = {
        "state": one_of("state", StaffTask.State.choices),
        "contact": OF_CONTACT,
        "staff": Filter(
            serializers.CharField(max_length=64),
            lambda rows, text: rows.filter(staff__userid=userids([text])[text] or ""),
            help="userid or id",
        ),
        "due_before": until("due_at", Moment()),
    }
    orderings: ClassVar[Mapping[str, Ordering]] = {"due_at": Ordering("due_at")}
    default_ordering = "due_at"

    def get_queryset(self) -> QuerySet[StaffTask]:
        rows = StaffTask.objects.select_related("contact", "staff")
        mine, staff_id = staff_to_limit_by(self.request)
        return rows.filter(staff_id=staff_id or 0) if mine else rows

    def _answer(self, said: str, task: StaffTask) -> Response:
        audit.record(said, task, request=self.request)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def done(self, request: Request, id: str) -> Response:
        """It was carried out; 409 when it is closed already."""
        try:
            return self._answer("staff_task.done", staff_tasks.done(self.get_object()))
        except staff_tasks.Closed as error:
            raise Conflict(str(error), "closed") from None

    @extend_schema(request=PostponingSerializer)
    @action(detail=True, methods=["post"])
    def postpone(self, request: Request, id: str) -> Response:
        """Do it later."""
        body = PostponingSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            task = staff_tasks.postpone(self.get_object(), body.validated_data["due_at"])
        except staff_tasks.Closed as error:
            raise Conflict(str(error), "closed") from None
        return self._answer("staff_task.postponed", task)
