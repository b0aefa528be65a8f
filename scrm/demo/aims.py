"""What a demo business aims at: targets, heads, plans, and whom it tells of off days."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from django.db.models import Count, F, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone

from analytics import facts
from analytics.alerts import checks
from analytics.models import AlertRecipient, AlertRule, Headcount, Kpi, KpiSettings, Target
from analytics.models.seven_factor_fit import FitAnswer
from analytics.models.sharing import ReportView
from analytics.periods import Question, Span, month_of, next_month
from analytics.plans import holidays, making
from analytics.seven_factor_fit import rule
from contacts.models import Channel, Contact, Order
from scrm.demo.businesses import Business
from tenants import doorbell
from tenants.models import Staff, Tenant

_VIEWS = (
    ("本月经营", "overview", ReportView.Period.THIS_MONTH),
    ("近 12 个月的获客成本", "value", ReportView.Period.LAST_12_MONTHS),
)
MORE = Decimal("1.05")  # each month a little more than the one before
PAY_FEN = 800_000
ALERTS_OF = timedelta(days=checks.CAUGHT_UP)
_WATCHED = (
    (Kpi.REVENUE, AlertRule.Kind.OFF, AlertRule.Direction.LOW),
    (Kpi.NEW_CONTACTS, AlertRule.Kind.OFF, AlertRule.Direction.ANY),
    (Kpi.DELETES, AlertRule.Kind.OFF, AlertRule.Direction.HIGH),
    (Kpi.REVENUE, AlertRule.Kind.PACE, AlertRule.Direction.ANY),
)


def fill(business: Business) -> None:
    """Inside the scope of the demo tenant and its time zone."""
    own = [plan.name for plan in business.channels if plan.private]
    Channel.objects.filter(name__in=own).update(kind=Channel.Kind.PRIVATE)
    levels = dict(zip(rule.KEYS, business.fit, strict=True))
    FitAnswer.objects.create(industry=business.industry, **levels)
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
        Target(metric=Kpi.REPEAT_RATE, month=month, value=Decimal("0.60")) for month in months
    )
    staff = list(Staff.objects.order_by("id"))
    Headcount.objects.create(month=months[0], fte=len(staff), pay_fen=PAY_FEN)
    KpiSettings.objects.create(day_zero=months[0])
    _watch(staff[0])
    _plan()
    for name, page, period in _VIEWS:
        ReportView.objects.create(name=name, page=page, period=period)


def _plan() -> None:
    """What runs since a while, and the holidays to come; with goals from what was before."""
    facts.catch_up()
    now, tenant = timezone.now(), Tenant.current()
    today = timezone.localdate()
    question = Question(Span(today, today + timedelta(days=1), tenant.tz), now)
    making.ninety_days(question, today - timedelta(days=40))
    making.new_customers(question, today - timedelta(days=12))
    for occasion in holidays.coming(today)[:3]:
        making.holiday(question, occasion)


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
        watch = AlertRule.objects.create(
            metric=metric, kind=kind, direction=direction, checked_through=before
        )
        AlertRecipient.objects.create(rule=watch, staff=reader)
    doorbell.ring(checks.QUEUE, checks.next_due())
