"""Fills every tenant table with a row of a business: isolation is walked over all of them."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from tenants.isolation import tenant_models
from tenants.models import User
from tenants.scope import TenantForeignKey, TenantModel
from tests.conftest import Business

Rows = dict[type[TenantModel], Any]

# Where a plain value would break a rule of the table.
_VALUES: dict[str, Any] = {
    "analytics.AlertNotice.state": "sent",
    "analytics.ReportDelivery.state": "sent",
    "analytics.ReportView.page": "value",
    "analytics.Target.staff": None,
    "contacts.ReachSpell.staff": None,
    "contacts.ReachSpell.ended_at": None,
    "contacts.Contact.phone": "+8613912345678",
    "contacts.Contact.birthday": None,
    "contacts.Follow.remark_mobiles": None,
    "contacts.SyncRun.state": "done",
    "contacts.SyncRun.due_at": None,
    "contacts.Drift.state": "repaired",
    "contacts.PairTag.due_at": None,
    "contacts.RemarkPush.due_at": None,
    "contacts.Contact.referrer": None,
    "contacts.GroupMember.staff": None,
    "contacts.GroupMember.external": None,
    "contacts.Order.status": "paid",
    "contacts.Order.refunded_fen": None,
    "contacts.LiveCode.due_at": None,
    "contacts.GroupJoinCode.due_at": None,
    "contacts.GroupWelcome.due_at": None,
    "contacts.Group.read_at": None,
    "contacts.TransferItem.group": None,
    "campaigns.Broadcast.due_at": None,
    "campaigns.BroadcastBatch.due_at": None,
    "campaigns.BroadcastBatch.poll_at": None,
    "campaigns.BroadcastRecipient.group": None,
    "contacts.Group.dismissed_at": None,
    "contacts.GroupMember.left_at": None,
    "contacts.Event.handled_at": timezone.now,
    "journeys.SopStep.day": None,
    "journeys.Score.grade": "C",
    "journeys.StageMove.from_stage": None,
    "journeys.Touch.state": "delivered",
    "journeys.Enrolment.state": "done",
    "journeys.Lead.state": "open",
    "journeys.StaffTask.state": "open",
    "journeys.StaffTask.notice": "told",
    "journeys.StaffTask.notice_at": None,
    "journeys.Touch.ask": "",
    "tenants.WebhookDelivery.state": "delivered",
    "tenants.WebhookDelivery.next_at": None,
    "tenants.WebhookEndpoint.enabled": False,
    "tenants.ApiKey.revoked_at": timezone.now,
    "tenants.ApiKey.digest": b"no key hashes to this",
    "tenants.Callback.handled_at": timezone.now,
    "contacts.Import.status": "done",
    "contacts.Export.status": "done",
    "contacts.Welcome.state": "sent",
    "contacts.BulkAction.status": "done",
    # Nothing is packed: their columns are no numbers.
    "analytics.OrderDay.buyers": None,
    "analytics.MessageDay.messages": 0,
    "analytics.MessageDay.gentle": 0,
}


_STARTED_WITH = {
    "FactsState", "Membership", "ScoreModel", "ScoreRule", "Stage", "TenantKey", "TouchRules",
}  # fmt: skip


def furnish(business: Business, canary: str) -> Rows:
    """One row in every tenant table; free texts contain `canary`. Run inside no scope."""
    rows: Rows = {}
    with business.scope():
        for model in _in_order(list(tenant_models())):
            rows[model] = _existing(model, business) or _make(model, rows, canary, business)
    return rows


def _existing(model: type[TenantModel], business: Business) -> Any:
    """Some rows a tenant starts with; the staff member is the one who is no member."""
    if model.__name__ in _STARTED_WITH:
        return model.objects.order_by("pk").first()
    return None


def _in_order(todo: list[type[TenantModel]]) -> list[type[TenantModel]]:
    """Models after those that they point to."""
    done: list[type[TenantModel]] = []
    while todo:
        ready = [m for m in todo if all(t in done or t is m for t in _targets(m))]
        assert ready, f"a circle of keys: {todo}"
        done += ready
        todo = [m for m in todo if m not in ready]
    return done


def _targets(model: type[TenantModel]) -> list[type[models.Model]]:
    return [
        field.remote_field.model
        for field in model._meta.local_fields
        if isinstance(field, TenantForeignKey)
    ]


def _make(model: type[TenantModel], rows: Rows, canary: str, business: Business) -> Any:
    values: dict[str, Any] = {}
    for field in model._meta.local_fields:
        label = f"{model._meta.label}.{field.name}"
        if label in _VALUES:
            value = _VALUES[label]
            values[field.name] = value() if callable(value) else value
        elif not _made_by_itself(field):
            values[field.name] = _value(field, rows, canary, business)
    return model.objects.create(**values)


def _made_by_itself(field: models.Field[Any, Any]) -> bool:
    return (
        field.name in {"tenant", "id", "pk"}
        or isinstance(field, models.GeneratedField | models.CompositePrimaryKey)
        or bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))
        or (field.has_default() and not isinstance(field, models.CharField | models.JSONField))
        or (field.has_default() and callable(field.default) and isinstance(field, models.CharField))
    )


def _value(field: models.Field[Any, Any], rows: Rows, canary: str, business: Business) -> Any:
    if isinstance(field, models.ForeignKey):
        target = field.remote_field.model
        if target is User:
            return business.users["viewer"]
        assert issubclass(target, TenantModel)
        return rows[target]
    if field.choices:
        return next(value for value, _label in field.flatchoices if value)
    return _plain(field, canary)


def _plain(field: models.Field[Any, Any], canary: str) -> Any:
    for kind, make in _BY_TYPE:
        if isinstance(field, kind):
            return make(field, canary)
    raise AssertionError(f"no value for {field}")


_BY_TYPE: list[tuple[Any, Any]] = [
    (models.UUIDField, lambda f, c: uuid.uuid4()),
    (models.GenericIPAddressField, lambda f, c: "192.0.2.1"),
    (models.EmailField, lambda f, c: f"{c}@example.com"),
    (models.URLField, lambda f, c: f"https://example.com/{c}"),
    (models.FileField, lambda f, c: f"{c}.csv"),
    (models.SlugField, lambda f, c: c.lower()[: f.max_length]),
    (models.CharField, lambda f, c: c[: f.max_length]),
    (models.TextField, lambda f, c: c),
    (ArrayField, lambda f, c: [_plain(f.base_field, c)]),
    (models.JSONField, lambda f, c: f.default() if f.default is list else {"canary": c}),
    (models.BinaryField, lambda f, c: c.encode()),
    (models.BooleanField, lambda f, c: True),
    (models.FloatField, lambda f, c: 1.0),
    (models.DecimalField, lambda f, c: decimal.Decimal("0.5")),
    (models.IntegerField, lambda f, c: 1),
    (models.DateTimeField, lambda f, c: timezone.now()),
    (models.DateField, lambda f, c: datetime.date(2026, 1, 5)),
    (models.DurationField, lambda f, c: datetime.timedelta(days=3)),
    (models.TimeField, lambda f, c: datetime.time(9)),
]
