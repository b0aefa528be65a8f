"""`live-codes`: QR codes with staff behind them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError as Refused
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import costs, livecodes, tagging, validation
from contacts.api import live_code_fields as fields_
from contacts.api.contact_fields import Tags
from contacts.api.naming import UNKNOWN, Named, userids
from contacts.livecodes import adds, figures, keeping, remarks
from contacts.livecodes.keeping import Member
from contacts.models import Channel, LiveCode, LiveCodeStaff, LiveCodeTag
from tenants import audit, money
from tenants.models import Staff, WeChatAccount
from tenants.rest import errors
from tenants.rest.fields import IdField, Moment, Money, Reference, StrictBoolean, Text
from tenants.rest.filters import Filter, one_of
from tenants.rest.permissions import staff_to_limit_by
from tenants.rest.serializers import StrictModelSerializer, StrictSerializer
from tenants.rest.views import Editable
from tenants.roles import Can

DEFAULT_DAYS = 30


class StaffNames(serializers.ListField):
    """Userids or ids of staff members that exist."""

    default_error_messages = {"unknown": UNKNOWN}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=serializers.CharField(max_length=64), max_length=100, **kwargs)

    def to_internal_value(self, data: Any) -> list[Staff]:
        given: list[str] = super().to_internal_value(data)
        names = userids(given)
        found = {
            each.userid: each
            for each in Staff.objects.filter(userid__in=[n for n in names.values() if n])
        }
        if any(names[text] not in found for text in given):
            self.fail("unknown")
        return [found[str(names[text])] for text in dict.fromkeys(given)]

    def to_representation(self, data: Any) -> list[str]:
        return [row.staff.userid for row in data]


class LiveCodeSerializer(StrictModelSerializer):
    """A QR code. `qr_url` is there once the platform has made it (`status` active)."""

    id = IdField()
    name = Text(validation.name, max_length=100)
    account = Reference(WeChatAccount.objects.all, required=False)
    channel = Named(
        Channel.objects.all,
        "name",
        validation.channel,
        required=False,
        allow_null=True,
        allow_blank=True,
    )
    staff = StaffNames(allow_empty=False, required=False)
    tags = Tags(required=False)
    welcome_text = Text(
        lambda text: validation.text(text, 1300, breaks=True),
        max_length=1300,
        required=False,
        allow_blank=True,
    )
    skip_verify = StrictBoolean(required=False)
    exclusive = StrictBoolean(required=False)
    duties = fields_.DutySerializer(many=True, required=False)
    free_hours = fields_.SpanSerializer(many=True, required=False)
    welcome_attachments = fields_.Attachments(required=False)
    welcomes = fields_.VariantSerializer(many=True, required=False)
    remark_template = Text(
        lambda text: _template(text, 100), max_length=100, required=False, allow_blank=True
    )
    description_template = Text(
        lambda text: _template(text, 300), max_length=300, required=False, allow_blank=True
    )
    expires_at = Moment(clean=validation.moment, required=False, allow_null=True)
    closed_message = Text(
        lambda text: validation.text(text, 500, breaks=True),
        max_length=500, required=False, allow_blank=True,
    )  # fmt: skip

    class Meta:
        model = LiveCode
        fields = (
            "id", "name", "account", "channel", "staff", "duties", "free_hours", "tags",
            "welcome_text", "welcome_attachments", "welcomes", "skip_verify", "exclusive",
            "remark_template", "description_template", "expires_at", "closed_message", "status",
            "qr_url", "problem", "warning", "drift", "drift_at", "created_at",
        )  # fmt: skip
        read_only_fields = (
            "status", "qr_url", "problem", "warning", "drift", "drift_at", "created_at",
        )  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        self._check_duties(attrs)
        if "expires_at" in attrs:
            before = self.instance.expires_at if self.instance is not None else None
            _refusing("expires_at", keeping.check_expiry, attrs["expires_at"], before)
        if self.instance is None and "account" not in attrs:
            attrs["account"] = _only_account()
        if (
            self.instance is not None
            and attrs.get("account", self.instance.account) != self.instance.account
        ):
            raise serializers.ValidationError(
                {"account": [_("A live code stays with its account.")]}
            )
        return attrs

    def _check_duties(self, attrs: dict[str, Any]) -> None:
        """`duties` say all of the staff; `staff` alone keeps what is set for those who stay."""
        if "duties" in attrs:
            members, shifts = fields_.duties(attrs.pop("duties"))
            attrs.pop("staff", None)
            field = "duties"
        elif "staff" in attrs:
            known: dict[int, Member] = {}
            shifts = []
            if self.instance is not None:
                known = {one.staff.pk: one for one in keeping.members_of(self.instance)}
                shifts = keeping.shifts_of(self.instance)
            members = [known.get(each.pk, Member(each)) for each in attrs.pop("staff")]
            staying = {one.staff.pk for one in members}
            shifts = [each for each in shifts if each.staff.pk in staying]
            field = "staff"
        elif self.instance is None:
            raise serializers.ValidationError({"staff": [_("Say who is behind the code.")]})
        else:
            return
        _refusing(field, keeping.check_staff, members, shifts)
        attrs["members"], attrs["shifts"] = members, shifts

    def to_representation(self, instance: LiveCode) -> dict[str, Any]:
        staff = (
            LiveCodeStaff.objects.filter(live_code=instance).select_related("staff").order_by("id")
        )
        tags = LiveCodeTag.objects.filter(live_code=instance).order_by("tag__name")
        fields = {
            name: field
            for name, field in self.fields.items()
            if name not in {"staff", "tags", "channel", "duties", "free_hours", "welcomes"}
        }
        shown = {name: _shown(field, instance) for name, field in fields.items()}
        return {
            **shown,
            "channel": instance.channel.name if instance.channel else None,
            "staff": [row.staff.userid for row in staff],
            "tags": list(tags.values_list("tag__name", flat=True)),
            **fields_.shown(instance),
        }


def _template(text: str, longest: int) -> str:
    found = validation.text(text, longest)
    remarks.check(found)
    return found


def _refusing(field: str, check: Any, *given: Any) -> None:
    try:
        check(*given)
    except Refused as error:
        raise serializers.ValidationError({field: error.messages}) from None


def _shown(field: serializers.Field[Any, Any, Any, Any], instance: LiveCode) -> Any:
    value = field.get_attribute(instance)
    return None if value is None else field.to_representation(value)


def _only_account() -> WeChatAccount:
    """Most tenants have one; with several the client must say which."""
    found = list(WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True)[:2])
    if len(found) != 1:
        raise serializers.ValidationError(
            {"account": [_("Say which WeChat account it belongs to.")]}
        )
    return found[0]


class DayFiguresSerializer(serializers.Serializer):
    """One member on one day of the tenant's zone."""

    day = serializers.DateField()
    staff = serializers.CharField(help_text="userid")
    scanned = serializers.IntegerField()
    added = serializers.IntegerField(help_text="Of the scanned: confirmed.")
    returning = serializers.IntegerField(help_text="Known to the code's staff before.")
    lost = serializers.IntegerField(help_text="Ended by the customer within `lost_after_days`.")


class FiguresSerializer(serializers.Serializer):
    """What a live code brought; `welcomes` counts by result."""

    lost_after_days = serializers.IntegerField()
    rows = DayFiguresSerializer(many=True)
    welcomes = serializers.DictField(child=serializers.IntegerField())
    channel_cost = Money(allow_null=True)
    cost_per_add = Money(allow_null=True)


class SwitchSerializer(StrictSerializer):
    """Whether a member takes new customers by live codes."""

    staff = fields_.StaffName()
    online = StrictBoolean()


class LiveCodes(Editable):
    """QR codes. Changes reach the platform a moment later; a deleted one is retired there."""

    queryset = LiveCode.objects.select_related("channel", "account")
    serializer_class = LiveCodeSerializer
    abilities: ClassVar[Mapping[str, Can]] = {
        "GET": Can.READ, "POST": Can.CONFIGURE, "PATCH": Can.CONFIGURE, "DELETE": Can.CONFIGURE,
        "switch": Can.WORK_LEADS,
    }  # fmt: skip
    filters: ClassVar[Mapping[str, Filter]] = {
        "status": one_of("status", LiveCode.Status.choices),
    }

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "statistics": {
            "from": Filter(serializers.DateField(), help="Inclusive; else 30 days before `to`."),
            "to": Filter(serializers.DateField(), help="Exclusive; else after today."),
        }
    }

    def perform_create(self, serializer: Any) -> None:
        values = serializer.validated_data
        rows = _rows(values)
        code = LiveCode(**_columns(values))
        code.save(force_insert=True)
        _put(code, rows)
        audit.record("live_code.created", code, request=self.request)
        serializer.instance = code

    def perform_update(self, serializer: Any) -> None:
        code: LiveCode = serializer.instance
        values = serializer.validated_data
        rows = _rows(values)
        columns, channel_id = _columns(values), code.channel_id
        for name, value in columns.items():
            setattr(code, name, value)
        if columns:
            code.save(update_fields=list(columns))
        if code.channel_id != channel_id:
            adds.rechannelled(code)
        _put(code, rows)
        audit.record("live_code.changed", code, request=self.request)

    @extend_schema(responses=FiguresSerializer)
    @action(detail=True, methods=["GET"])
    def statistics(self, request: Request, id: str) -> Response:
        """Scans, additions and losses by day and staff; what an addition by the channel costs."""
        code: LiveCode = self.get_object()
        one = datetime.timedelta(days=1)
        given = self.given()
        end = given.get("to") or timezone.localdate() + one
        start = given.get("from") or end - one * DEFAULT_DAYS
        if not datetime.timedelta(0) <= end - start <= one * figures.MOST_DAYS:
            text = _("From 0 to %(most)s days after `from`.") % {"most": figures.MOST_DAYS}
            raise errors.invalid(to=text)
        return Response(_figures(code, start, end))

    @extend_schema(request=SwitchSerializer, responses=SwitchSerializer)
    @action(detail=False, methods=["POST"])
    def switch(self, request: Request) -> Response:
        """Switch a member off for all live codes, or on again; sales only themselves."""
        serializer = SwitchSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        staff, online = serializer.validated_data["staff"], serializer.validated_data["online"]
        limited, own_id = staff_to_limit_by(request)
        if limited and staff.pk != own_id:
            raise PermissionDenied
        keeping.switch(staff, online=online)
        verb = "online" if online else "offline"
        audit.record(f"live_code.{verb}", staff, request=request)
        return Response({"staff": staff.userid, "online": online})

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        code: LiveCode = self.get_object()
        livecodes.retire(code)
        audit.record("live_code.retired", code, request=request)
        return Response(status=status.HTTP_204_NO_CONTENT)


_ROWS = ("members", "shifts", "tags", "free_hours", "welcomes")


def _rows(values: dict[str, Any]) -> dict[str, Any]:
    """What goes into tables of its own, taken out of the given values."""
    return {name: values.pop(name) for name in _ROWS if name in values}


def _put(code: LiveCode, rows: Mapping[str, Any]) -> None:
    if "members" in rows:
        keeping.put_members(code, rows["members"])
        keeping.put_shifts(code, rows["shifts"])
    if "tags" in rows:
        _put_tags(code, rows["tags"])
    if "free_hours" in rows:
        keeping.put_free_hours(code, [fields_.span(each) for each in rows["free_hours"]])
    if "welcomes" in rows:
        keeping.put_welcomes(code, fields_.variants(rows["welcomes"]))
    keeping.want_media(code)
    livecodes.changed(code)


def _figures(code: LiveCode, start: datetime.date, end: datetime.date) -> dict[str, Any]:
    price = figures.price(code, start, end)
    return {
        "lost_after_days": figures.LOST_AFTER_DAYS,
        "rows": [
            {
                "day": row.day.isoformat(),
                "staff": row.staff.userid,
                "scanned": row.scans,
                "added": row.added,
                "returning": row.returning,
                "lost": row.lost,
            }
            for row in figures.rows(code, start, end)
        ],
        "welcomes": figures.welcomes(code, start, end),
        "channel_cost": money.text(price.cost_fen) if price else None,
        "cost_per_add": money.text(price.each_fen)
        if price and price.each_fen is not None
        else None,
    }


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in values.items() if name != "channel"}
    if "channel" in values:
        name = values["channel"] or ""
        found["channel_id"] = costs.channels_named([name]).get(name)
    return found


def _put_tags(code: LiveCode, names: Sequence[str]) -> None:
    wanted = set(tagging.named(names).values()) if names else set()
    LiveCodeTag.objects.filter(live_code=code).exclude(tag_id__in=wanted).delete()
    known = set(LiveCodeTag.objects.filter(live_code=code).values_list("tag_id", flat=True))
    LiveCodeTag.objects.bulk_create(
        LiveCodeTag(live_code=code, tag_id=each) for each in wanted - known
    )
