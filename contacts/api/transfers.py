"""`transfers`: customers and groups handed over at WeCom, how far they are, who refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import validation
from contacts.api.naming import UNKNOWN, contact_ids, userids
from contacts.api.shown import moment
from contacts.groups import people as group_people
from contacts.models import TransferBatch, TransferItem
from contacts.transfers import counting, plan, verdicts
from tenants import audit, ids
from tenants.models import Staff, User, WeChatAccount
from tenants.rest.errors import invalid
from tenants.rest.fields import Text
from tenants.rest.filters import Filter, one_of
from tenants.rest.serializers import StrictSerializer
from tenants.rest.views import Listed
from tenants.roles import Can
from tenants.wechat.transfers import MESSAGE_LIMIT


def _names(most: int, help_text: str) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=64), max_length=most, required=False,
        allow_empty=False, help_text=help_text,
    )  # fmt: skip


class TransferWishSerializer(StrictSerializer):
    """What goes from whom to whom. Several who take over share evenly."""

    giver = serializers.CharField(max_length=64, help_text="userid or id")
    to = serializers.ListField(
        child=serializers.CharField(max_length=64), max_length=plan.MOST_TAKERS, allow_empty=False,
        help_text="userids or ids",
    )  # fmt: skip
    contacts = _names(5000, "external_ids or ids of customers")
    all_contacts = serializers.BooleanField(required=False, default=False)
    groups = _names(300, "chat ids or ids")
    all_groups = serializers.BooleanField(required=False, default=False)
    message = Text(
        lambda text: validation.text(text, MESSAGE_LIMIT, breaks=True),
        max_length=MESSAGE_LIMIT, required=False, allow_blank=True, default="",
        help_text="To the customers; of a member who resigned WeCom sends none.",
    )  # fmt: skip
    resigned = serializers.BooleanField(
        required=False, allow_null=True, default=None,
        help_text="Left out: as the list of staff says.",
    )  # fmt: skip

    class Meta:
        ref_name = "TransferWish"

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of the language."""
        fields = super().get_fields()
        return {"from": fields.pop("giver"), **fields}


class TransferPreviewSerializer(serializers.Serializer):
    """Who could be handed over, and how many stay for which reason."""

    kind = serializers.ChoiceField(TransferBatch.Kind.choices)
    customers = serializers.IntegerField()
    groups = serializers.IntegerField()
    staying = serializers.DictField(child=serializers.IntegerField())

    class Meta:
        ref_name = "TransferPreview"


class TransferSerializer(serializers.Serializer):
    """A transfer. `counts` says how many customers and groups are in which state."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(TransferBatch.Kind.choices)
    giver = serializers.CharField(help_text="userid")
    message = serializers.CharField()
    problem = serializers.CharField()
    counts = serializers.DictField(child=serializers.IntegerField())
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "Transfer"

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        return {"id": fields.pop("id"), "from": fields.pop("giver"), **fields}


class TransferItemSerializer(serializers.Serializer):
    """One customer or one group of a transfer; the other is null."""

    id = serializers.CharField()
    contact = serializers.CharField(allow_null=True)
    group = serializers.CharField(allow_null=True)
    to = serializers.CharField(help_text="userid")
    state = serializers.ChoiceField(TransferItem.State.choices)
    errcode = serializers.IntegerField(allow_null=True)
    problem = serializers.CharField()
    asked_at = serializers.DateTimeField(allow_null=True)
    takes_effect_at = serializers.DateTimeField(allow_null=True)
    settled_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "TransferItem"


class Transfers(Listed):
    """Handing over at WeCom itself; `follows/transfer` changes only our own books."""

    queryset = TransferBatch.objects.select_related("giver")
    serializer_class = TransferSerializer
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.REPORT, "POST": Can.CONFIGURE}
    filters: ClassVar[Mapping[str, Filter]] = {
        "finished": Filter(
            serializers.BooleanField(),
            lambda rows, value: rows.filter(finished_at__isnull=not value),
        ),
        "kind": one_of("kind", TransferBatch.Kind.choices),
    }
    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "items": {"state": one_of("state", TransferItem.State.choices)}
    }

    def paged_actions(self) -> set[str]:
        return {"list", "items"}

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(_shown(page))

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(_shown([self.get_object()])[0])

    @extend_schema(request=TransferWishSerializer, responses={201: TransferSerializer})
    def create(self, request: Request) -> Response:
        """Put it on the way: WeCom asks each customer, who goes over after 24 hours unless they
        refuse.
        """
        found = _looked(request)
        try:
            user = request.user if isinstance(request.user, User) else None
            batch = plan.start(found, user)
        except plan.Refused as refusal:
            raise invalid(**{refusal.field: str(refusal)}) from None
        note(request, batch, found)
        return Response(_shown([batch])[0], status=status.HTTP_201_CREATED)

    @extend_schema(request=TransferWishSerializer, responses=TransferPreviewSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What would be asked, and who stays; nothing is done."""
        found = _looked(request)
        return Response(
            {
                "kind": found.wish.kind,
                "customers": len(found.customers),
                "groups": len(found.groups),
                "staying": {str(why.value): len(them) for why, them in found.stay.items()},
            }
        )

    @extend_schema(responses=TransferItemSerializer(many=True))
    @action(detail=True, methods=["get"])
    def items(self, request: Request, id: str) -> Response:
        """The customers and groups of a transfer."""
        rows: QuerySet[TransferItem] = TransferItem.objects.filter(batch=self.get_object())
        page = self.paginate_queryset(self.filter_queryset(rows.select_related("taker"))) or []
        return self.get_paginated_response([_shown_item(item) for item in page])

    @extend_schema(request=None, responses=TransferSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """What WeCom was not asked for yet is not asked; the rest goes on."""
        batch: TransferBatch = self.get_object()
        count = plan.cancel(batch)
        audit.record("transfer.cancelled", batch, request=request, detail={"count": count})
        return Response(_shown([batch])[0])


def note(request: Any, batch: TransferBatch, found: plan.Plan) -> None:
    """In the audit log: who put how many on the way to whom."""
    audit.record(
        "transfer.started", batch, request=request,
        detail={
            "from": audit.reference(batch.giver), "customers": len(found.customers),
            "groups": len(found.groups),
            "to": [audit.reference(taker) for taker in found.wish.takers],
        },
    )  # fmt: skip


def _looked(request: Request) -> plan.Plan:
    body = TransferWishSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    given = body.validated_data
    account = plan.account_for_transfers()
    if account is None:
        raise invalid(**{"from": _("No WeCom account is connected.")})
    if not any(given.get(k) for k in ("contacts", "all_contacts", "groups", "all_groups")):
        raise invalid(contacts=_("Name the contacts or groups, or say all."))
    try:
        return plan.look(_wish(account, given))
    except plan.Refused as refusal:
        raise invalid(**{refusal.field: str(refusal)}) from None


def _wish(account: WeChatAccount, given: Mapping[str, Any]) -> plan.Wish:
    (giver,) = _members("from", [given["from"]])
    return plan.Wish(
        account=account,
        giver=giver,
        takers=_members("to", given["to"]),
        contact_ids=None if given["all_contacts"] else _contacts(given.get("contacts", [])),
        group_ids=None if given["all_groups"] else _groups(given.get("groups", [])),
        message=given["message"],
        resigned=given["resigned"],
    )


def _members(field: str, texts: Sequence[str]) -> list[Staff]:
    names = userids(texts)
    rows = Staff.objects.filter(userid__in=[name for name in names.values() if name])
    found = {row.userid: row for row in rows}
    unknown = [text for text in texts if str(names[text]) not in found]
    if unknown:
        raise invalid(**{field: f"{UNKNOWN} ({unknown[0][:64]})"})
    return [found[str(names[text])] for text in dict.fromkeys(texts)]


def _contacts(texts: Sequence[str]) -> set[int]:
    known = contact_ids(texts) if texts else {}
    unknown = [text for text in texts if text not in known]
    if unknown:
        raise invalid(contacts=f"{UNKNOWN} ({unknown[0][:64]})")
    return set(known.values())


def _groups(texts: Sequence[str]) -> set[int]:
    known = group_people.by_name(texts) if texts else {}
    unknown = [text for text in texts if text not in known]
    if unknown:
        raise invalid(groups=f"{UNKNOWN} ({unknown[0][:64]})")
    return {group.pk for group in known.values()}


def _shown(batches: Sequence[TransferBatch]) -> list[dict[str, object]]:
    progress = counting.of([batch.pk for batch in batches])
    return [
        {
            "id": ids.encode(batch.pk),
            "from": batch.giver.userid,
            "kind": batch.kind,
            "message": batch.message,
            "problem": batch.problem,
            "counts": progress[batch.pk].counts,
            "created_at": moment(batch.created_at),
            "finished_at": moment(batch.finished_at),
        }
        for batch in batches
    ]


def _shown_item(item: TransferItem) -> dict[str, object]:
    return {
        "id": ids.encode(item.pk),
        "contact": ids.encode(item.contact_id) if item.contact_id else None,
        "group": ids.encode(item.group_id) if item.group_id else None,
        "to": item.taker.userid,
        "state": item.state,
        "errcode": item.errcode,
        "problem": verdicts.reason(item),
        "asked_at": moment(item.asked_at),
        "takes_effect_at": moment(item.takes_effect_at),
        "settled_at": moment(item.settled_at),
    }
