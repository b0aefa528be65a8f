"""`follows`: the friendships of staff and contacts, their episodes, and handing them over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import handover, masking, search, validation
from contacts.api.events import OF_CONTACT, limited
from contacts.api.naming import UNKNOWN, contact_ids, userids
from contacts.api.shown import may_reveal, moment
from contacts.models import Follow, ReachSpell
from contacts.sync import remarks
from tenants import audit, ids
from tenants.models import Staff
from tenants.rest.errors import invalid
from tenants.rest.fields import Moment, Text
from tenants.rest.filters import Filter, one_of, since, until
from tenants.rest.serializers import StrictSerializer
from tenants.rest.views import Resource
from tenants.roles import Can


class SpellSerializer(serializers.Serializer):
    """One episode. `ended_by` empty while it is open."""

    opened_at = serializers.DateTimeField()
    opened_by = serializers.CharField()
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_by = serializers.CharField()

    class Meta:
        ref_name = "FollowEpisode"


class FollowSerializer(StrictSerializer):
    """A friendship; `ended_at` null while it is open. Opened, ended and state are of the latest of
    its `episodes`, which the answer about one Follow has.
    """

    id = serializers.CharField(read_only=True)
    contact = serializers.CharField(read_only=True)
    staff = serializers.CharField(read_only=True, help_text="userid")
    opened_at = serializers.DateTimeField(read_only=True)
    ended_at = serializers.DateTimeField(read_only=True, allow_null=True)
    ended_by = serializers.CharField(read_only=True)
    add_way = serializers.IntegerField(read_only=True, allow_null=True)
    state = serializers.CharField(read_only=True)
    remark = Text(
        lambda text: validation.text(text, 100), max_length=100, required=False, allow_blank=True
    )
    description = Text(
        lambda text: validation.text(text, 500, breaks=True),
        max_length=500,
        required=False,
        allow_blank=True,
    )
    remark_company = serializers.CharField(read_only=True)
    live_code = serializers.CharField(read_only=True, allow_null=True)
    episodes = SpellSerializer(many=True, read_only=True, required=False)

    class Meta:
        ref_name = "Follow"


class TransferSerializer(StrictSerializer):
    """Either `contacts` or `all: true`. `to` must be active."""

    giver = serializers.CharField(max_length=64, help_text="userid or id")
    to = serializers.CharField(max_length=64, help_text="userid or id")
    contacts = serializers.ListField(
        child=serializers.CharField(max_length=64), max_length=1000, required=False,
        allow_empty=False, help_text="external_ids or ids",
    )  # fmt: skip
    all = serializers.BooleanField(required=False, default=False)

    class Meta:
        ref_name = "FollowTransfer"

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of the language."""
        fields = super().get_fields()
        return {"from": fields.pop("giver"), **fields}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["all"] == ("contacts" in attrs):
            raise serializers.ValidationError(
                {"contacts": [_("Name the contacts, or say all: true; not both.")]}
            )
        return attrs


class TransferredSerializer(serializers.Serializer):
    moved = serializers.IntegerField()
    left = serializers.IntegerField(help_text="Still to be handed over: call again.")

    class Meta:
        ref_name = "FollowsTransferred"


def shown(follow: Follow, *, whole: bool) -> dict[str, object]:
    """What staff wrote may hold a number: it is masked like one."""
    hide = (lambda text: text) if whole else masking.text
    return {
        "id": ids.encode(follow.pk),
        "contact": ids.encode(follow.contact_id),
        "staff": follow.staff.userid,
        "opened_at": moment(follow.opened_at),
        "ended_at": moment(follow.ended_at),
        "ended_by": follow.ended_by,
        "add_way": follow.add_way,
        "state": follow.state,
        "remark": hide(follow.remark),
        "description": hide(follow.description),
        "remark_company": follow.remark_company,
        "live_code": ids.encode(follow.live_code_id) if follow.live_code_id else None,
    }


def episodes(follows: Sequence[Follow]) -> Mapping[tuple[int, int], list[ReachSpell]]:
    """The spells of each pair, the latest first."""
    found: dict[tuple[int, int], list[ReachSpell]] = defaultdict(list)
    rows = ReachSpell.objects.filter(
        contact_id__in={follow.contact_id for follow in follows},
        staff_id__in={follow.staff_id for follow in follows},
    )
    for row in rows.order_by("-opened_at"):
        found[row.contact_id, row.staff_id or 0].append(row)
    return found


class Follows(mixins.ListModelMixin, Resource):
    """Friendships of staff and contacts, open and ended; never deleted."""

    queryset = Follow.objects.all()
    serializer_class = FollowSerializer
    abilities: ClassVar[Mapping[str, Can]] = {
        "GET": Can.READ, "PATCH": Can.WRITE, "POST": Can.CONFIGURE,
    }  # fmt: skip
    filters: ClassVar[Mapping[str, Filter]] = {
        "contact": OF_CONTACT,
        "staff": Filter(
            serializers.CharField(max_length=64),
            lambda rows, text: rows.filter(staff__userid=userids([text])[text] or ""),
            help="userid or id",
        ),
        "open": Filter(
            serializers.BooleanField(), lambda rows, value: rows.filter(ended_at__isnull=value)
        ),
        "ended_by": one_of("ended_by", Follow.EndedBy.choices),
        "opened_after": since("opened_at", Moment(clean=validation.moment)),
        "opened_before": until("opened_at", Moment(clean=validation.moment)),
        "ended_after": since("ended_at", Moment(clean=validation.moment)),
        "ended_before": until("ended_at", Moment(clean=validation.moment)),
    }

    def get_queryset(self) -> QuerySet[Follow]:
        return limited(self.request, Follow.objects.select_related("staff"))

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        whole = may_reveal(request, asked=False)
        return self.get_paginated_response([shown(follow, whole=whole) for follow in page])

    def retrieve(self, request: Request, id: str) -> Response:
        return self._shown(self.get_object())

    def partial_update(self, request: Request, id: str) -> Response:
        """What the member wrote about the customer."""
        follow: Follow = self.get_object()
        body = self.get_serializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        changed = [
            name for name, text in body.validated_data.items() if getattr(follow, name) != text
        ]
        if changed:
            for name in changed:
                setattr(follow, name, body.validated_data[name])
            follow.save(update_fields=changed)
            search.reindex([follow.contact_id])
            remarks.ask(follow)
            audit.record("follow.changed", follow, request=request, detail={"fields": changed})
        return self._shown(follow)

    @extend_schema(request=TransferSerializer, responses=TransferredSerializer)
    @action(detail=False, methods=["post"])
    def transfer(self, request: Request) -> Response:
        """Hand customers of one member of staff to another; nobody counts as lost. At most 5,000 a
        call: repeat while `left` is not 0.
        """
        body = TransferSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        names = {name: _member(name, given[name]) for name in ("from", "to")}
        people = None
        if not given["all"]:
            known = contact_ids(given["contacts"])
            unknown = [text for text in given["contacts"] if text not in known]
            if unknown:
                raise invalid(contacts=f"{UNKNOWN} ({unknown[0][:64]})")
            people = set(known.values())
        try:
            handed = handover.hand_over(names["from"], names["to"], people)
        except handover.Refused as refusal:
            raise invalid(**{refusal.field: str(refusal)}) from None
        note(request, names["from"], names["to"], handed)
        return Response({"moved": handed.moved, "left": handed.left})

    def _shown(self, follow: Follow) -> Response:
        spells = episodes([follow])[follow.contact_id, follow.staff_id]
        answer = shown(follow, whole=may_reveal(self.request, asked=False))
        answer["episodes"] = [
            {
                "opened_at": moment(spell.opened_at),
                "opened_by": spell.opened_by,
                "ended_at": moment(spell.ended_at),
                "ended_by": spell.ended_by,
            }
            for spell in spells
        ]
        return Response(answer)


def _member(field: str, text: str) -> Staff:
    found = Staff.objects.filter(userid=userids([text])[text] or "").first()
    if found is None:
        raise invalid(**{field: UNKNOWN})
    return found


def note(request: Any, giver: Staff, taker: Staff, handed: handover.Handed) -> None:
    """In the audit log: who handed how many customers of whom to whom."""
    audit.record(
        "follow.transferred", giver, request=request,
        detail={"to": audit.reference(taker), "moved": handed.moved},
    )  # fmt: skip
