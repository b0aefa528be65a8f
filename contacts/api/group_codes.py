"""`group-codes` and `group-welcomes`: QR codes into groups, and what greets new members."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import costs, tagging, validation
from contacts.api.contact_fields import Tags
from contacts.api.naming import UNKNOWN, Named
from contacts.api.shown import moment
from contacts.groups import code_days, join_codes, keeping, welcomes
from contacts.groups import people as group_people
from contacts.models import (
    Channel,
    Group,
    GroupJoinCode,
    GroupJoinCodeGroup,
    GroupJoinCodeTag,
    GroupWelcome,
)
from contacts.models.group_codes import Status
from contacts.transfers import plan
from tenants import audit, ids
from tenants.rest.errors import invalid
from tenants.rest.fields import Text
from tenants.rest.filters import Filter, one_of
from tenants.rest.serializers import StrictSerializer
from tenants.rest.views import Listed
from tenants.roles import Can
from tenants.wechat.groups import GROUPS_OF_A_WAY, NAME_LIMIT

_SET_UP: Mapping[str, Can] = {
    "GET": Can.READ, "POST": Can.CONFIGURE, "PATCH": Can.CONFIGURE, "DELETE": Can.CONFIGURE,
}  # fmt: skip
DAYS = 30


class GroupCodeSerializer(StrictSerializer):
    """A QR code into the first of some groups that has room. `qr_url` is there once WeCom has made
    it (`status` active); `unknown`: the answer was lost, have it made anew.
    """

    id = serializers.CharField(read_only=True)
    name = Text(validation.name, max_length=100)
    groups = serializers.ListField(
        child=serializers.CharField(max_length=64), max_length=GROUPS_OF_A_WAY, allow_empty=False,
        help_text="chat ids or ids",
    )  # fmt: skip
    channel = Named(
        Channel.objects.all, "name", validation.channel, required=False, allow_null=True,
        allow_blank=True,
    )  # fmt: skip
    tags = Tags(required=False)
    makes_more = serializers.BooleanField(required=False)
    base_name = Text(
        lambda text: validation.text(text, NAME_LIMIT), max_length=NAME_LIMIT, required=False,
        allow_blank=True,
    )  # fmt: skip
    base_number = serializers.IntegerField(required=False, min_value=1, max_value=100_000)
    status = serializers.ChoiceField(Status.choices, read_only=True)
    problem = serializers.CharField(read_only=True)
    qr_url = serializers.CharField(read_only=True)
    state = serializers.CharField(read_only=True, help_text="In the stays of those who came by it.")
    joined = serializers.IntegerField(read_only=True)
    left = serializers.IntegerField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)

    class Meta:
        ref_name = "GroupCode"

    def validate_groups(self, texts: list[str]) -> list[Group]:
        known = group_people.by_name(texts)
        unknown = [text for text in texts if text not in known]
        if unknown:
            raise serializers.ValidationError(f"{UNKNOWN} ({unknown[0][:64]})")
        found = list({group.pk: group for group in known.values()}.values())
        if any(group.dismissed_at or not group.chat_id for group in found):
            raise serializers.ValidationError(_("A group of these is not at WeCom any more."))
        return found


class GroupCodeDaySerializer(serializers.Serializer):
    day = serializers.DateField()
    joined = serializers.IntegerField()
    left = serializers.IntegerField()

    class Meta:
        ref_name = "GroupCodeDay"


class GroupCodes(Listed):
    """Changes reach WeCom a moment later; a deleted one is retired there."""

    queryset = GroupJoinCode.objects.select_related("channel", "account")
    serializer_class = GroupCodeSerializer
    abilities: ClassVar[Mapping[str, Can]] = _SET_UP
    filters: ClassVar[Mapping[str, Filter]] = {"status": one_of("status", Status.choices)}

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(_shown_codes(page))

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(_shown_codes([self.get_object()])[0])

    def create(self, request: Request) -> Response:
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        account = plan.account_for_transfers()
        if account is None:
            raise invalid(name=_("No WeCom account is connected."))
        code = GroupJoinCode(account=account)
        _write(code, body.validated_data)
        audit.record("group_code.created", code, request=request)
        return Response(_shown_codes([code])[0], status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, id: str) -> Response:
        code: GroupJoinCode = self.get_object()
        _refuse_retired(code)
        body = self.get_serializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        _write(code, body.validated_data)
        fields = sorted(body.validated_data)
        audit.record("group_code.changed", code, request=request, detail={"fields": fields})
        return Response(_shown_codes([code])[0])

    def destroy(self, request: Request, id: str) -> Response:
        code: GroupJoinCode = self.get_object()
        join_codes.retire(code)
        audit.record("group_code.retired", code, request=request)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=GroupCodeSerializer)
    @action(detail=True, methods=["post"], url_path="make-anew")
    def make_anew(self, request: Request, id: str) -> Response:
        """Where WeCom's answer was lost (`status` unknown): make it once more."""
        code: GroupJoinCode = self.get_object()
        join_codes.make_anew(code)
        audit.record("group_code.queued", code, request=request)
        return Response(_shown_codes([code])[0])

    @extend_schema(responses=GroupCodeDaySerializer(many=True))
    @action(detail=True, methods=["get"])
    def days(self, request: Request, id: str) -> Response:
        """The last 30 days: customers who came in by it, and of these who left."""
        end = timezone.localdate() + datetime.timedelta(days=1)
        rows = code_days.by_day(self.get_object(), end - datetime.timedelta(days=DAYS), end)
        found = [{"day": row.day, "joined": row.joined, "left": row.left} for row in rows]
        return Response(found)


def _write(code: GroupJoinCode, given: Mapping[str, Any]) -> None:
    for name in ("name", "makes_more", "base_name", "base_number"):
        if name in given:
            setattr(code, name, given[name])
    if "channel" in given:
        name = given["channel"] or ""
        code.channel_id = costs.channels_named([name]).get(name)
    code.save()
    if "groups" in given:
        keeping.put_groups(code, {group.pk for group in given["groups"]})
    if "tags" in given:
        keeping.put_tags(code, set(tagging.named(given["tags"]).values()))
    join_codes.changed(code)


def _refuse_retired(row: GroupJoinCode | GroupWelcome) -> None:
    if row.status == Status.RETIRED:
        raise invalid(name=_("It is retired."))


def _shown_codes(codes: list[GroupJoinCode]) -> list[dict[str, object]]:
    totals = code_days.totals(codes)
    led: dict[int, list[str]] = {}
    rows = GroupJoinCodeGroup.objects.filter(code__in=codes).order_by("id")
    for code_id, group_id in rows.values_list("code_id", "group_id"):
        led.setdefault(code_id, []).append(ids.encode(group_id))
    tags: dict[int, list[str]] = {}
    worn = GroupJoinCodeTag.objects.filter(code__in=codes).order_by("tag__name")
    for code_id, name in worn.values_list("code_id", "tag__name"):
        tags.setdefault(code_id, []).append(name)
    return [
        {
            "id": ids.encode(code.pk),
            "name": code.name,
            "groups": led.get(code.pk, []),
            "channel": code.channel.name if code.channel else None,
            "tags": tags.get(code.pk, []),
            "makes_more": code.makes_more,
            "base_name": code.base_name,
            "base_number": code.base_number,
            "status": code.status,
            "problem": code.problem,
            "qr_url": code.qr_url,
            "state": code.state,
            "joined": totals.get(code.state, (0, 0))[0],
            "left": totals.get(code.state, (0, 0))[1],
            "created_at": moment(code.created_at),
        }
        for code in codes
    ]


class GroupWelcomeSerializer(StrictSerializer):
    """A template at WeCom; owners of groups choose it in their client. %NICKNAME% becomes the name
    of whoever joins.
    """

    id = serializers.CharField(read_only=True)
    name = Text(validation.name, max_length=100)
    text = Text(lambda text: validation.text(text, 1000, breaks=True), max_length=1000)
    tells_owners = serializers.BooleanField(required=False)
    status = serializers.ChoiceField(Status.choices, read_only=True)
    problem = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)

    class Meta:
        ref_name = "GroupWelcome"


class GroupWelcomes(Listed):
    """At most a hundred at a time; a deleted one is retired at WeCom."""

    queryset = GroupWelcome.objects.select_related("account")
    serializer_class = GroupWelcomeSerializer
    abilities: ClassVar[Mapping[str, Can]] = _SET_UP
    filters: ClassVar[Mapping[str, Filter]] = {"status": one_of("status", Status.choices)}

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response([_shown_welcome(row) for row in page])

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(_shown_welcome(self.get_object()))

    def create(self, request: Request) -> Response:
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        account = plan.account_for_transfers()
        if account is None:
            raise invalid(name=_("No WeCom account is connected."))
        welcome = GroupWelcome.objects.create(account=account, **body.validated_data)
        welcomes.changed(welcome)
        audit.record("group_welcome.created", welcome, request=request)
        return Response(_shown_welcome(welcome), status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, id: str) -> Response:
        welcome: GroupWelcome = self.get_object()
        _refuse_retired(welcome)
        body = self.get_serializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        for name, value in body.validated_data.items():
            setattr(welcome, name, value)
        welcome.save()
        welcomes.changed(welcome)
        fields = sorted(body.validated_data)
        audit.record("group_welcome.changed", welcome, request=request, detail={"fields": fields})
        return Response(_shown_welcome(welcome))

    def destroy(self, request: Request, id: str) -> Response:
        welcome: GroupWelcome = self.get_object()
        welcomes.retire(welcome)
        audit.record("group_welcome.retired", welcome, request=request)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _shown_welcome(welcome: GroupWelcome) -> dict[str, object]:
    return {
        "id": ids.encode(welcome.pk),
        "name": welcome.name,
        "text": welcome.text,
        "tells_owners": welcome.tells_owners,
        "status": welcome.status,
        "problem": welcome.problem,
        "created_at": moment(welcome.created_at),
    }
