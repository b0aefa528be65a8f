"""`sync`: have a corporation read, see how far it is, and what differed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from contacts.models import Drift, SyncRun
from contacts.sync import running
from tenants import audit, ids
from tenants.models import User, WeChatAccount
from tenants.rest.fields import IdField, Reference, of
from tenants.rest.filters import Filter, one_of
from tenants.rest.serializers import StrictSerializer
from tenants.rest.views import Listed
from tenants.roles import Can


class NewSyncSerializer(StrictSerializer):
    account = Reference(
        lambda: WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True),
        required=False,
    )
    kinds = serializers.ListField(
        child=serializers.ChoiceField(list(running.STEPS)),
        required=False,
        allow_empty=False,
        help_text="All, when left out.",
    )

    class Meta:
        ref_name = "NewSync"

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return attrs if "account" in attrs else {**attrs, "account": _only_account()}


def _only_account() -> WeChatAccount:
    """Most tenants have one; with several the client must say which."""
    found = list(WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True)[:2])
    if len(found) != 1:
        raise serializers.ValidationError({"account": [_("Say which WeChat account to read.")]})
    return found[0]


class SyncProgressSerializer(serializers.Serializer):
    done = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True, help_text="About; null: not known yet.")

    class Meta:
        ref_name = "SyncProgress"


class SyncSerializer(serializers.ModelSerializer):
    """One reading. `drifts` counts what differed from what was known here."""

    id = IdField()
    account = serializers.SerializerMethodField()
    status = serializers.CharField(source="state", read_only=True)
    progress = serializers.SerializerMethodField()

    class Meta:
        model = SyncRun
        ref_name = "Sync"
        fields = (
            "id", "account", "kind", "status", "nightly", "progress", "created", "updated", "ended",
            "drifts", "problem", "created_at", "started_at", "finished_at",
        )  # fmt: skip

    @extend_schema_field(serializers.CharField())
    def get_account(self, run: SyncRun) -> str:
        return ids.encode(run.account_id)

    @extend_schema_field(SyncProgressSerializer)
    def get_progress(self, run: SyncRun) -> dict[str, int | None]:
        return {"done": run.done, "total": run.total}


class Syncs(Listed):
    """Readings of corporations. Asking for one that is under way answers that one."""

    queryset = SyncRun.objects.all()
    serializer_class = SyncSerializer
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.READ, "POST": Can.CONFIGURE}
    filters: ClassVar[Mapping[str, Filter]] = {
        "kind": one_of("kind", SyncRun.Kind.choices),
        "status": one_of("state", SyncRun.State.choices),
        "account": of("account_id"),
    }

    @extend_schema(request=NewSyncSerializer, responses={202: SyncSerializer(many=True)})
    def create(self, request: Request) -> Response:
        """Have an account read; poll each answered run until its status is done or failed."""
        body = NewSyncSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        account = body.validated_data["account"]
        user = request.user if isinstance(request.user, User) else None
        runs = running.ask(account, body.validated_data.get("kinds", running.STEPS), user=user)
        audit.record(
            "sync.started", account, request=request, detail={"kinds": [run.kind for run in runs]}
        )
        shown = SyncSerializer(runs, many=True).data
        return Response(shown, status=status.HTTP_202_ACCEPTED)


class DriftSerializer(serializers.ModelSerializer):
    """`state` is repaired (put right here) or open (to be looked at)."""

    id = IdField()
    sync = serializers.SerializerMethodField()
    contact = serializers.SerializerMethodField()
    staff = serializers.CharField(source="staff.userid", allow_null=True, default=None)

    class Meta:
        model = Drift
        fields = ("id", "sync", "kind", "state", "contact", "staff", "detail", "found_at")

    @extend_schema_field(serializers.CharField())
    def get_sync(self, drift: Drift) -> str:
        return ids.encode(drift.run_id)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_contact(self, drift: Drift) -> str | None:
        return ids.encode(drift.contact_id) if drift.contact_id else None


class Drifts(Listed):
    """Differences between WeCom and us that readings found."""

    queryset = Drift.objects.exclude(state=Drift.State.SUSPECTED).select_related("staff")
    serializer_class = DriftSerializer
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.REPORT}  # all customers, of whomever
    filters: ClassVar[Mapping[str, Filter]] = {
        "kind": one_of("kind", Drift.Kind.choices),
        "state": one_of("state", Drift.State.choices),
        "sync": of("run_id"),
    }
