"""`live-codes`: QR codes with staff behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import costs, livecodes, tagging, validation
from contacts.api.contact_fields import Tags
from contacts.api.naming import UNKNOWN, Named, userids
from contacts.models import Channel, LiveCode, LiveCodeStaff, LiveCodeTag
from tenants import audit
from tenants.models import Staff, WeChatAccount
from tenants.rest.fields import IdField, Reference, StrictBoolean, Text
from tenants.rest.filters import Filter, one_of
from tenants.rest.serializers import StrictModelSerializer
from tenants.rest.views import Editable
from tenants.roles import Can


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
    staff = StaffNames(allow_empty=False)
    tags = Tags(required=False)
    welcome_text = Text(
        lambda text: validation.text(text, 1300, breaks=True),
        max_length=1300,
        required=False,
        allow_blank=True,
    )
    skip_verify = StrictBoolean(required=False)

    class Meta:
        model = LiveCode
        fields = (
            "id", "name", "account", "channel", "staff", "tags", "welcome_text", "skip_verify",
            "status", "qr_url", "problem", "created_at",
        )  # fmt: skip
        read_only_fields = ("status", "qr_url", "problem", "created_at")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
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

    def to_representation(self, instance: LiveCode) -> dict[str, Any]:
        staff = (
            LiveCodeStaff.objects.filter(live_code=instance).select_related("staff").order_by("id")
        )
        tags = LiveCodeTag.objects.filter(live_code=instance).order_by("tag__name")
        fields = {
            name: field
            for name, field in self.fields.items()
            if name not in {"staff", "tags", "channel"}
        }
        shown = {name: _shown(field, instance) for name, field in fields.items()}
        return {
            **shown,
            "channel": instance.channel.name if instance.channel else None,
            "staff": [row.staff.userid for row in staff],
            "tags": list(tags.values_list("tag__name", flat=True)),
        }


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


class LiveCodes(Editable):
    """QR codes. Changes reach the platform a moment later; a deleted one is retired there."""

    queryset = LiveCode.objects.select_related("channel", "account")
    serializer_class = LiveCodeSerializer
    abilities: ClassVar[Mapping[str, Can]] = {
        "GET": Can.READ, "POST": Can.CONFIGURE, "PATCH": Can.CONFIGURE, "DELETE": Can.CONFIGURE,
    }  # fmt: skip
    filters: ClassVar[Mapping[str, Filter]] = {
        "status": one_of("status", LiveCode.Status.choices),
    }

    def perform_create(self, serializer: Any) -> None:
        values = serializer.validated_data
        staff, tags = values.pop("staff"), values.pop("tags", [])
        code = LiveCode(**_columns(values))
        code.save(force_insert=True)
        _put_staff(code, staff)
        _put_tags(code, tags)
        livecodes.changed(code)
        audit.record("live_code.created", code, request=self.request)
        serializer.instance = code

    def perform_update(self, serializer: Any) -> None:
        code: LiveCode = serializer.instance
        values = serializer.validated_data
        staff, tags = values.pop("staff", None), values.pop("tags", None)
        columns = _columns(values)
        for name, value in columns.items():
            setattr(code, name, value)
        if columns:
            code.save(update_fields=list(columns))
        if staff is not None:
            _put_staff(code, staff)
        if tags is not None:
            _put_tags(code, tags)
        livecodes.changed(code)
        audit.record("live_code.changed", code, request=self.request)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        code: LiveCode = self.get_object()
        livecodes.retire(code)
        audit.record("live_code.retired", code, request=request)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in values.items() if name != "channel"}
    if "channel" in values:
        name = values["channel"] or ""
        found["channel_id"] = costs.channels_named([name]).get(name)
    return found


def _put_staff(code: LiveCode, staff: Sequence[Staff]) -> None:
    LiveCodeStaff.objects.filter(live_code=code).exclude(staff__in=staff).delete()
    known = set(LiveCodeStaff.objects.filter(live_code=code).values_list("staff_id", flat=True))
    LiveCodeStaff.objects.bulk_create(
        LiveCodeStaff(live_code=code, staff=each) for each in staff if each.pk not in known
    )


def _put_tags(code: LiveCode, names: Sequence[str]) -> None:
    wanted = set(tagging.named(names).values()) if names else set()
    LiveCodeTag.objects.filter(live_code=code).exclude(tag_id__in=wanted).delete()
    known = set(LiveCodeTag.objects.filter(live_code=code).values_list("tag_id", flat=True))
    LiveCodeTag.objects.bulk_create(
        LiveCodeTag(live_code=code, tag_id=each) for each in wanted - known
    )
