"""`staff-figures`: what WeCom counts for each member and day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rest_framework import serializers

from contacts.api.naming import userids
from contacts.models import StaffFigures
from tenants.rest.fields import IdField
from tenants.rest.filters import Filter, since, until
from tenants.rest.views import Listed
from tenants.roles import Can


class StaffFiguresSerializer(serializers.ModelSerializer):
    """Days of China. Those of the last week still change; null: WeCom does not say."""

    id = IdField()
    staff = serializers.CharField(source="staff.userid")

    class Meta:
        model = StaffFigures
        fields = (
            "id", "staff", "date", "chats", "messages", "reply_percentage", "avg_reply_minutes",
            "added", "applied", "blocked", "fetched_at",
        )  # fmt: skip


class Figures(Listed):
    """Figures of members by day, as WeCom counts them."""

    queryset = StaffFigures.objects.select_related("staff")
    serializer_class = StaffFiguresSerializer
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.REPORT}
    filters: ClassVar[Mapping[str, Filter]] = {
        "staff": Filter(
            serializers.CharField(max_length=64),
            lambda rows, text: rows.filter(staff__userid=userids([text])[text] or ""),
            help="userid or id",
        ),
        "date_after": since("date", serializers.DateField()),
        "date_before": until("date", serializers.DateField()),
    }
