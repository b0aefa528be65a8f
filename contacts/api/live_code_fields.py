"""How staff, hours and welcomes of a live code look in the API."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as Refused
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from contacts import attachments, validation
from contacts.api.naming import UNKNOWN, userids
from contacts.livecodes import keeping
from contacts.livecodes.keeping import Member, Shift, Span, Variant
from contacts.models import LiveCode, LiveCodeFreeHours, LiveCodeWelcome
from contacts.models.livecodes import MOST_WEIGHT
from tenants import ids
from tenants.models import Staff
from tenants.rest.fields import StrictBoolean, Text, row_id
from tenants.rest.serializers import StrictSerializer

CLOCK = "%H:%M"


@extend_schema_field({"type": "string", "maxLength": 64, "example": "amy"})
class StaffName(serializers.Field):
    """The userid (or id) of one staff member that exists."""

    default_error_messages = {"unknown": UNKNOWN}

    def to_internal_value(self, data: Any) -> Staff:
        known = userids([data]) if isinstance(data, str) and len(data) <= 64 else {}
        found = Staff.objects.filter(userid=known.get(data) or "").first() if known else None
        if found is None:
            self.fail("unknown")
        return found

    def to_representation(self, value: Any) -> str:
        return str(value)


class SpanSerializer(StrictSerializer):
    """Hours of weekdays (1 Monday … 7 Sunday) in the tenant's zone.

    An end at or before the start lies on the next day.
    """

    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=7), allow_empty=False, max_length=7
    )
    starts = serializers.TimeField(format=CLOCK, input_formats=[CLOCK])
    ends = serializers.TimeField(format=CLOCK, input_formats=[CLOCK])


class DutySerializer(StrictSerializer):
    """One of the staff behind the code; without hours at all hours."""

    staff = StaffName()
    weight = serializers.IntegerField(min_value=1, max_value=MOST_WEIGHT, required=False)
    daily_cap = serializers.IntegerField(
        min_value=1, max_value=100_000, required=False, allow_null=True
    )
    spare = StrictBoolean(required=False)
    hours = SpanSerializer(many=True, required=False)


@extend_schema_field(
    {
        "type": "array",
        "maxItems": attachments.MOST,
        "items": {"type": "object", "properties": {"type": {"type": "string"}}},
        "description": (
            "Objects with `type` image, video or file and `media` (id of a stored file); link with "
            "`title`, `url`, `description`, `picture_url`; miniprogram with `title`, `appid`, "
            "`page`, `media`."
        ),
    }
)
class Attachments(serializers.Field):
    def to_internal_value(self, data: Any) -> list[dict[str, object]]:
        if isinstance(data, list):
            data = [_inside(one) if isinstance(one, dict) else one for one in data]
        try:
            return attachments.checked(data)
        except Refused as error:
            raise serializers.ValidationError(error.messages) from None

    def to_representation(self, value: Any) -> list[dict[str, object]]:
        return [
            {**one, **({"media": ids.encode(one["media"])} if "media" in one else {})}
            for one in value
        ]


def _inside(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "media": row_id(one["media"])} if "media" in one else one


class VariantSerializer(SpanSerializer):
    """Another welcome in these hours; of several that fit, the first counts."""

    text = Text(
        lambda text: validation.text(text, 1300, breaks=True),
        max_length=1300, required=False, allow_blank=True,
    )  # fmt: skip
    attachments = Attachments(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not str(attrs.get("text", "")).strip() and not attrs.get("attachments"):
            raise serializers.ValidationError({"text": [_("Write what is said in these hours.")]})
        return attrs


def span(given: dict[str, Any]) -> Span:
    return Span(tuple(sorted(set(given["weekdays"]))), given["starts"], given["ends"])


def duties(given: list[dict[str, Any]]) -> tuple[list[Member], list[Shift]]:
    """Each member once, in their order."""
    members = {
        one["staff"].pk: Member(
            one["staff"], one.get("weight", 1), one.get("daily_cap"), one.get("spare", False)
        )
        for one in given
    }
    shifts = [Shift(one["staff"], span(each)) for one in given for each in one.get("hours", ())]
    return list(members.values()), shifts


def variants(given: list[dict[str, Any]]) -> list[Variant]:
    return [
        Variant(span(one), one.get("text", ""), tuple(one.get("attachments", ()))) for one in given
    ]


def shown(code: LiveCode) -> dict[str, Any]:
    """The rows of a code as they were given."""
    shifts = keeping.shifts_of(code)
    return {
        "duties": [
            {
                "staff": one.staff.userid,
                "weight": one.weight,
                "daily_cap": one.daily_cap,
                "spare": one.spare,
                "hours": [_span(each.span) for each in shifts if each.staff.pk == one.staff.pk],
            }
            for one in keeping.members_of(code)
        ],
        "free_hours": [
            _span(keeping.span_of(row))
            for row in LiveCodeFreeHours.objects.filter(live_code=code).order_by("id")
        ],
        "welcomes": [
            {
                **_span(keeping.span_of(row)),
                "text": row.text,
                "attachments": Attachments().to_representation(row.attachments),
            }
            for row in LiveCodeWelcome.objects.filter(live_code=code).order_by("id")
        ],
    }


def _span(of: Span) -> dict[str, Any]:
    return {
        "weekdays": list(of.weekdays),
        "starts": of.starts.strftime(CLOCK),
        "ends": of.ends.strftime(CLOCK),
    }
