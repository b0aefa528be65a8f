"""What a demo business aims at: targets by month, heads, and whom it tells of off days."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from django.db.models import Count, F, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone

from analytics.alerts import checks
from analytics.models import AlertRecipient, AlertRule, Headcount, Kpi, KpiSettings, Target
from analytics.periods import month_of, next_month
from contacts.models import Contact, Order
from tenants import doorbell
from tenants.models import Staff

MORE = Decimal("1.05")  # each month a little more than the one before
PAY_FEN = 800_000
ALERTS_OF = timedelta(days=checks.CAUGHT_UP)
_WATCHED = (
    (Kpi.REVENUE, AlertRule.Kind.OFF, AlertRule.Direction.LOW),
    (Kpi.NEW_CONTACTS, AlertRule.Kind.OFF, AlertRule.Direction.ANY),
    (Kpi.DELETES, AlertRule.Kind.OFF, AlertRule.Direction.HIGH),
    (Kpi.REVENUE, AlertRule.Kind.PACE, AlertRule.Direction.ANY),
)


def fill() -> None:
    """Inside the scope of the demo tenant and its time zone."""
    found = _by_month()
    known = sorted({month for values in found.values() for month in values})
    months = [*known, next_month(known[-1])]  # to the one that runs
    for metric, values in found.items():
        Target.objects.bulk_create(
            Target(metric=metric, month=month, value=round(values[before] * MORE))
            for before, month in pairwise(months)
            if values.get(before)
        )
    Target.objects.bulk_create(
        Target(metric=Kpi.REPEAT_RATE, month=month, value=Decimal("0.35")) for month in months
    )
    staff = list(Staff.objects.order_by("id"))
    Headcount.objects.create(month=months[0], fte=len(staff), pay_fen=PAY_FEN)
    KpiSettings.objects.create(day_zero=months[0])
    _watch(staff[0])


def _by_month() -> dict[str, dict[date, Decimal]]:
    """Of the months that are over, by figure: the numbers from which the business plans."""
    now = timezone.localtime()
    this = month_of(now.date())
    people = Contact.objects.filter(acquired_at__isnull=False).annotate(
        month=TruncMonth("acquired_at")
    )
    paid = Order.objects.filter(paid=True).annotate(month=TruncMonth("paid_at"))
    orders = paid.values("month").annotate(
        n=Count("id"), fen=Sum(F("amount_fen") - F("refund_fen"))
    )
    found: dict[str, dict[date, Decimal]] = {
        Kpi.NEW_CONTACTS: {
            row["month"].date(): Decimal(row["n"])
            for row in people.values("month").annotate(n=Count("id"))
        },
        Kpi.ORDERS: {row["month"].date(): Decimal(row["n"]) for row in orders},
        Kpi.REVENUE: {row["month"].date(): Decimal(row["fen"]) / 100 for row in orders},
    }
    return {
        metric: {month: value for month, value in values.items() if month < this}
        for metric, values in found.items()
    }


def _watch(reader: Staff) -> None:
    """Of the week that is over, the checks in the background tell at once."""
    before = timezone.localdate() - timedelta(days=1) - ALERTS_OF
    for metric, kind, direction in _WATCHED:
        rule = AlertRule.objects.create(
            metric=metric, kind=kind, direction=direction, checked_through=before
        )
        AlertRecipient.objects.create(rule=rule, staff=reader)
    doorbell.ring(checks.QUEUE, checks.next_due())
