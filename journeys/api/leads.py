"""`leads`: the queue of sales; claiming, following up, closing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import masking
from contacts.api.naming import userids
from contacts.api.shown import may_reveal
from contacts.models import Contact
from journeys import leads, scoring
from journeys.models import ContactStage, FollowUp, Lead
from tenants import ids
from tenants.models import Staff, User
from tenants.rest.errors import Conflict, invalid
from tenants.rest.fields import IdField, Moment, Reference, StrictBoolean
from tenants.rest.filters import Filter
from tenants.rest.pages import Ordering
from tenants.rest.permissions import staff_to_limit_by
from tenants.rest.serializers import StrictSerializer
from tenants.rest.views import Listed
from tenants.roles import Can


class StaffField(serializers.CharField):
    """A staff member by userid or id; shown as userid."""

    default_error_messages = {"does_not_exist": _("There is no such thing.")}

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        found = Staff.objects.filter(userid=userids([text])[text] or "", active=True).first()
        if found is None:
            self.fail("does_not_exist")
        return found

    def to_representation(self, value: Any) -> str:
        return str(value.userid)


class LeadContactSerializer(serializers.Serializer):
    """Enough of the contact to decide whom to call."""

    id = serializers.CharField()
    external_id = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    phone = serializers.CharField(allow_null=True, help_text="Masked unless the scope reveals.")
    stage = serializers.CharField(allow_null=True)


class LeadSerializer(serializers.Serializer):
    id = IdField()
    contact = serializers.CharField()
    customer = LeadContactSerializer()
    state = serializers.ChoiceField(choices=Lead.State.choices)
    owner = serializers.CharField(allow_null=True, help_text="The userid of who works on it.")
    score = serializers.FloatField(help_text="Now; of a closed lead as it would be now.")
    fit = serializers.CharField()
    engagement = serializers.FloatField()
    score_at_start = serializers.FloatField()
    reason = serializers.CharField()
    created_at = Moment()
    claimed_at = Moment(allow_null=True)
    closed_at = Moment(allow_null=True)
    next_at = Moment(allow_null=True)


class FollowUpSerializer(StrictSerializer):
    id = IdField()
    kind = serializers.ChoiceField(choices=FollowUp.Kind.choices, default=FollowUp.Kind.NOTE)
    note = serializers.CharField(max_length=2000, allow_blank=True, default="")
    need_confirmed = StrictBoolean(default=False)
    next_at = Moment(allow_null=True, default=None)
    at = Moment(read_only=True)
    staff = serializers.SerializerMethodField()

    def get_staff(self, follow_up: FollowUp) -> str | None:
        return follow_up.staff.userid if follow_up.staff else None


class WorkerSerializer(StrictSerializer):
    staff = StaffField(required=False, help_text="Who works on it; by default the caller.")


class TransferSerializer(StrictSerializer):
    staff = StaffField()


class OutcomeSerializer(StrictSerializer):
    outcome = serializers.ChoiceField(choices=["won", "lost", "invalid"])
    reason = serializers.CharField(max_length=200, allow_blank=True, default="")


class NothingSerializer(StrictSerializer):
    """No fields."""


# The index has the highest key first, and among equal keys the older lead.
_ORDERINGS = {"score": Ordering("key", tie=-1), "created_at": Ordering()}


class Leads(Listed):
    """Contacts that are ripe for sales. A salesperson sees those that wait and their own."""

    queryset = Lead.objects.all()
    serializer_class = LeadSerializer
    abilities: ClassVar = {"GET": Can.READ, "POST": Can.WORK_LEADS}
    filters: ClassVar = {
        "state": Filter(
            serializers.ChoiceField(choices=Lead.State.choices),
            lambda rows, states: (
                rows.filter(state__in=states) if len(states) != 1 else rows.filter(state=states[0])
            ),
            many=True,
        ),
        "owner": Filter(StaffField(), lambda rows, staff: rows.filter(owner=staff)),
        "contact": Filter(
            Reference(Contact.objects.all), lambda rows, contact: rows.filter(contact=contact)
        ),
        "next_before": Filter(Moment(), lambda rows, at: rows.filter(next_at__lt=at)),
    }

    @property
    def orderings(self) -> Mapping[str, Ordering]:  # type: ignore[override] # by action
        return _ORDERINGS if self.action == "list" else {}

    @property
    def default_ordering(self) -> str:  # type: ignore[override] # by action
        return "-score" if self.action == "list" else "-id"

    def paged_actions(self) -> set[str]:
        return {"list", "follow_ups"} if self.request.method == "GET" else set()

    def get_queryset(self) -> Any:
        limited, staff_id = staff_to_limit_by(self.request)
        rows = Lead.objects.select_related("contact", "owner")
        return rows.visible_to(staff_id) if limited else rows

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(_shown(request, page))

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._answer(self.get_object())

    def _answer(self, lead: Lead, status: int = 200) -> Response:
        return Response(_shown(self.request, [lead])[0], status=status)

    def _body(self, serializer: type[StrictSerializer]) -> dict[str, Any]:
        body = serializer(data=self.request.data)
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)

    def _worker(self) -> Staff:
        """The caller, or the staff member named; sales work for themselves only."""
        named = self._body(WorkerSerializer).get("staff")
        limited, own_id = staff_to_limit_by(self.request)
        if limited and named is not None and named.pk != own_id:
            raise PermissionDenied
        user = self.request.user
        membership = user.membership if isinstance(user, User) else None
        found = named or (membership.staff if membership else None)
        if found is None:
            raise invalid(staff=_("Say which staff member works on it."))
        return found

    @extend_schema(request=WorkerSerializer, responses=LeadSerializer)
    @action(detail=False, methods=["post"], url_path="claim-next")
    def claim_next(self, request: Request) -> Response:
        """Take the best lead that waits; 404 when none does."""
        lead = leads.claim_next(self._worker())
        if lead is None:
            raise NotFound
        return self._answer(lead)

    @extend_schema(request=WorkerSerializer, responses=LeadSerializer)
    @action(detail=True, methods=["post"], url_path="claim")
    def claim_one(self, request: Request, id: str) -> Response:
        """Take this lead; 409 when another was quicker."""
        # A lead that another took a moment ago is a lost race, not an unknown lead.
        lead = self._any_object()
        return self._answer(_or_conflict(lambda: leads.claim(lead, self._worker())))

    def _any_object(self) -> Lead:
        rows = Lead.objects.select_related("contact", "owner")
        number = ids.decode(self.kwargs["id"])
        found = rows.filter(pk=number).first() if number is not None else None
        if found is None:
            raise NotFound
        return found

    @extend_schema(request=NothingSerializer, responses=LeadSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, id: str) -> Response:
        """Put it back into the queue."""
        lead = self.get_object()
        self._body(NothingSerializer)
        return self._answer(_or_conflict(lambda: leads.release(lead, self._user())))

    @extend_schema(request=TransferSerializer, responses=LeadSerializer)
    @action(detail=True, methods=["post"])
    def transfer(self, request: Request, id: str) -> Response:
        """Hand it to another staff member."""
        lead = self._own()
        staff = self._body(TransferSerializer)["staff"]
        return self._answer(_or_conflict(lambda: leads.transfer(lead, staff, self._user())))

    @extend_schema(methods=["GET"], responses=FollowUpSerializer(many=True))
    @extend_schema(
        methods=["POST"], request=FollowUpSerializer, responses={201: FollowUpSerializer}
    )
    @action(detail=True, methods=["get", "post"], url_path="follow-ups")
    def follow_ups(self, request: Request, id: str) -> Response:
        """What was done about it, the newest first; note what you did."""
        if request.method == "GET":
            page = self.paginate_queryset(leads.follow_ups_of(self.get_object()))
            return self.get_paginated_response([_noted(request, each) for each in page or []])
        lead = self._own()
        data = self._body(FollowUpSerializer)
        user = self._user()
        membership = user.membership if user else None
        staff = (membership.staff if membership else None) or lead.owner
        done = _or_conflict(lambda: leads.follow_up(lead, staff=staff, user=user, **data))
        return Response(_noted(request, done), status=201)

    @extend_schema(request=OutcomeSerializer, responses=LeadSerializer)
    @action(detail=True, methods=["post"])
    def outcome(self, request: Request, id: str) -> Response:
        """Close it: won, lost or invalid."""
        lead = self._own()
        data = self._body(OutcomeSerializer)
        state = Lead.State(data["outcome"])
        return self._answer(
            _or_conflict(lambda: leads.close(lead, state, data["reason"], self._user()))
        )

    def _own(self) -> Lead:
        """Sales act on leads that they claimed."""
        lead: Lead = self.get_object()
        limited, staff_id = staff_to_limit_by(self.request)
        if limited and (staff_id is None or lead.owner_id != staff_id):
            raise Conflict(_("Claim the lead first."), "not_claimed")
        return lead

    def _user(self) -> User | None:
        return self.request.user if isinstance(self.request.user, User) else None


def _or_conflict(verb: Any) -> Any:
    try:
        return verb()
    except leads.Taken as error:
        raise Conflict(_("Another was quicker, or the lead is closed."), "taken") from error


def _noted(request: Request, follow_up: FollowUp) -> dict[str, Any]:
    """A note may hold a number: it is masked like one."""
    found = dict(FollowUpSerializer(follow_up).data)
    if not may_reveal(request, asked=False):
        found["note"] = masking.text(found["note"])
    return found


def _shown(request: Request, page: Sequence[Lead]) -> list[dict[str, Any]]:
    """A page of leads, in three queries."""
    contact_ids = [lead.contact_id for lead in page]
    standings = scoring.standings(contact_ids)
    stages = dict(
        ContactStage.objects.filter(contact_id__in=contact_ids).values_list(
            "contact_id", "stage__key"
        )
    )
    reveal = may_reveal(request, asked=False)
    shown = []
    for lead in page:
        contact, standing = lead.contact, standings[lead.contact_id]
        row = LeadSerializer(
            {
                "pk": lead.pk,
                "contact": ids.encode(contact.pk),
                "customer": {
                    "id": ids.encode(contact.pk),
                    "external_id": contact.external_id,
                    "name": contact.name,
                    "phone": contact.phone if reveal else masking.phone(contact.phone),
                    "stage": stages.get(contact.pk),
                },
                "state": lead.state,
                "owner": lead.owner.userid if lead.owner else None,
                "score": standing.score,
                "fit": standing.grade,
                "engagement": standing.engagement,
                "score_at_start": round(lead.score_at_start, scoring.PLACES),
                "reason": lead.reason,
                "created_at": lead.created_at,
                "claimed_at": lead.claimed_at,
                "closed_at": lead.closed_at,
                "next_at": lead.next_at,
            }
        ).data
        shown.append(dict(row))
    return shown
