"""What is expected of each customer, and who keeps it right? A row each, made in the background.

The model is fitted anew each local day, and when many bought since; then everybody's row is
written again. In between, whose orders changed is told by facts.py, and gets a row by the model
that there is. Requests only read.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import F
from django.utils import timezone

from analytics import models, periods
from analytics.assets import balances
from analytics.prediction.fits import Fit
from contacts import arrays
from contacts.models import Order
from tenants import doorbell
from tenants.models import Tenant
from tenants.scope import current_tenant_id, scope

if TYPE_CHECKING:
    from analytics.prediction.learning import Forecasts

QUEUE = "forecasts"
_CHUNK = 20_000
_KEPT = 20  # fits, of moments that people asked for
_MUCH = 20  # a fit anew when one in so many customers changed
_CALM = 100  # times as long as a fit took, at least, until the next one
_LEAST = timedelta(seconds=30)


# --- what changed ---


def stale(contact_ids: Sequence[int]) -> None:
    """Inside a scope: orders of these contacts may differ from what forecasts were made of."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_forecaststate AS s"
            ' (tenant_id, "only", orders, changed, took, known)'
            " VALUES (%(tenant)s, true, 1, %(number)s, 0, false)"
            ' ON CONFLICT (tenant_id, "only") DO UPDATE'
            " SET orders = s.orders + 1, changed = s.changed + EXCLUDED.changed",
            {"tenant": current_tenant_id(), "number": len(contact_ids)},
        )
        cursor.execute(
            "INSERT INTO analytics_staleforecast (tenant_id, contact_id)"
            " SELECT s.tenant_id, unnest(%s::bigint[]) FROM analytics_forecaststate s"
            " WHERE s.tenant_id = %s AND s.known",
            [arrays.literal(contact_ids), current_tenant_id()],
        )
    due = next_due()
    if due is not None:
        doorbell.ring(QUEUE, due)


def all_stale() -> None:
    """Inside a scope: everything was read anew, nobody knows whose orders changed."""
    state, _made = models.ForecastState.objects.get_or_create(only=True)
    state.orders += 1
    state.changed += models.Forecast.objects.count() or 1
    state.save(update_fields=["orders", "changed"])


def current(found: models.ForecastState | None = None) -> Fit | None:
    """What forecasts are made with; of a state that was read already."""
    as_of = (found or state()).as_of
    fit = models.PurchaseFit.objects.filter(as_of=as_of).first() if as_of else None
    return Fit(**fit.told) if fit else None


def state() -> models.ForecastState:
    return models.ForecastState.objects.first() or models.ForecastState()


# --- when to work ---


def next_due() -> datetime | None:
    """From when there is something to foretell, or None."""
    found = models.ForecastState.objects.first()
    now = timezone.now()
    if found is None:
        return now if Order.objects.exists() else None
    if models.StaleForecast.objects.exists():
        return now
    return _fit_due(found)


def _fit_due(found: models.ForecastState) -> datetime:
    """A few minutes past the tenant's midnight, or once many have changed."""
    if found.as_of is None:
        return timezone.now()
    zone = Tenant.current().tz
    today = found.as_of.astimezone(zone).date()
    tomorrow = periods.midnight(today + timedelta(days=1), zone)
    due = tomorrow + timedelta(minutes=1 + current_tenant_id() % 60)
    fit = current() if found.changed else None
    if fit is not None and found.changed * _MUCH >= fit.customers:
        calm = max(_LEAST, timedelta(seconds=found.took * _CALM))
        return min(due, found.as_of + calm)
    return due


# --- the work ---


def work(tenant_id: int) -> None:
    """Outside a scope: fit the model if it is time to, and write what is stale."""
    with scope(tenant_id):
        found, tenant = state(), Tenant.current()
        fit_now = _fit_due(found) <= timezone.now()
    if fit_now:
        _fit(tenant)
    with scope(tenant_id):
        if state().known:
            _refresh(tenant)
        else:
            models.StaleForecast.objects.all().delete()
        doorbell.settle(QUEUE)


def _fit(tenant: Tenant) -> None:
    """Read, learn outside any transaction, write in parts.

    A row that a refresh wrote after the reading began stays.
    """
    from analytics.prediction import learning, purchases  # noqa: PLC0415 - SciPy takes a second to load

    began, as_of = time.monotonic(), timezone.now()
    with scope(tenant):
        before = state()
        days = purchases.read(as_of, tenant.tz)
    today = periods.last_day(as_of, tenant.tz)
    fit, found = learning.learn(days, today)
    if found is not None:
        for part in _parts(found, today):
            with scope(tenant), balances.moving(part[0]):
                _write(part, as_of)
    with scope(tenant):
        with balances.recounted():
            models.Forecast.objects.filter(as_of__lt=as_of).delete()
            if found is None:
                models.Forecast.objects.all().delete()
        keep(as_of, fit, before.orders, tenant)
        kept, _made = models.ForecastState.objects.get_or_create(only=True)
        kept.changed = max(0, kept.changed - before.changed)
        kept.as_of, kept.known = as_of, found is not None
        kept.took = time.monotonic() - began
        kept.save(update_fields=["changed", "as_of", "known", "took"])
        _told()


def _refresh(tenant: Tenant) -> None:
    """Rows of those whose orders changed, by the model that there is."""
    from analytics.prediction import learning, purchases  # noqa: PLC0415 - SciPy takes a second to load

    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM analytics_staleforecast WHERE tenant_id = %s RETURNING contact_id",
            [current_tenant_id()],
        )
        stale_ids = sorted({int(row[0]) for row in cursor.fetchall()})
    as_of = timezone.now()
    today = periods.last_day(as_of, tenant.tz)
    fit = current()
    if fit is None:
        return
    for start in range(0, len(stale_ids), _CHUNK):
        some = stale_ids[start : start + _CHUNK]
        days = purchases.read(as_of, tenant.tz, some)
        found = learning.foretell(fit, purchases.buyers(days), today)
        with balances.moving(some):
            for part in _parts(found, today):
                _write(part, as_of)
            left = sorted(set(some) - set(found.contact.tolist()))
            models.Forecast.objects.filter(contact_id__in=left).delete()
    if stale_ids:
        _told()


def _told() -> None:
    """Answers that were made of earlier forecasts hold no longer."""
    models.FactsState.objects.update(version=F("version") + 1)


Part = tuple[list[int], list[float], list[float], list[float], list[date | None]]


def _parts(found: Forecasts, today: date) -> Iterator[Part]:
    for start in range(0, len(found.contact), _CHUNK):
        part = slice(start, start + _CHUNK)
        yield (
            found.contact[part].tolist(),
            found.alive[part].tolist(),
            found.orders[part].tolist(),
            found.margin[part].tolist(),
            [_day(today, days) for days in found.next_days[part].tolist()],
        )


def _day(today: date, days: float) -> date | None:
    """The first day by which it is as likely as not; beyond the year nobody knows."""
    return today + timedelta(days=math.ceil(days)) if days <= 365 else None


_WRITE = """
INSERT INTO analytics_forecast AS f
  (tenant_id, contact_id, as_of, p_alive, orders, margin, next_on)
SELECT %(tenant)s, n.contact_id, %(as_of)s, n.p_alive, n.orders, n.margin, n.next_on
FROM unnest(%(contact)s::bigint[], %(alive)s::float8[], %(orders)s::float8[], %(margin)s::float8[],
  %(next)s::date[]) AS n(contact_id, p_alive, orders, margin, next_on)
ON CONFLICT (tenant_id, contact_id) DO UPDATE SET as_of = EXCLUDED.as_of,
  p_alive = EXCLUDED.p_alive, orders = EXCLUDED.orders, margin = EXCLUDED.margin,
  next_on = EXCLUDED.next_on
WHERE f.as_of <= EXCLUDED.as_of
"""


def _write(part: Part, as_of: datetime) -> None:
    contact, alive, orders, margin, next_on = part
    given: dict[str, Any] = {
        "tenant": current_tenant_id(),
        "as_of": as_of,
        "contact": arrays.literal(contact),
        "alive": arrays.literal(alive),
        "orders": arrays.literal(orders),
        "margin": arrays.literal(margin),
        "next": f"{{{','.join('NULL' if day is None else str(day) for day in next_on)}}}",
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, given)


# --- fits that are kept ---


def keep(as_of: datetime, fit: Fit, orders: int, tenant: Tenant) -> None:
    """Inside a scope: nobody has to learn the same twice."""
    models.PurchaseFit.objects.update_or_create(
        as_of=as_of, defaults={"zone": tenant.zone, "orders": orders, "told": vars(fit)}
    )
    newest = models.PurchaseFit.objects.order_by("-orders", "-as_of")
    spare = list(newest.values_list("as_of", flat=True)[_KEPT:])
    current = state().as_of
    models.PurchaseFit.objects.filter(
        as_of__in=[each for each in spare if each != current]
    ).delete()


# The last fit of a local day and of as many orders as now, if nothing was paid since.
_FIT = """
SELECT fit.as_of, fit.told::text FROM (
  SELECT as_of, told FROM analytics_purchasefit
  WHERE tenant_id = %(tenant)s AND zone = %(zone)s AND as_of <= %(as_of)s AND as_of > %(begins)s
    AND orders = COALESCE((
      SELECT orders FROM analytics_forecaststate WHERE tenant_id = %(tenant)s), 0)
  ORDER BY as_of DESC LIMIT 1) fit
WHERE NOT EXISTS (
  SELECT FROM contacts_order o WHERE o.tenant_id = %(tenant)s AND o.paid
    AND o.paid_at >= fit.as_of AND o.paid_at < %(as_of)s)
"""


def kept(as_of: datetime, zone: ZoneInfo) -> tuple[datetime, Fit] | None:
    """Inside a scope: a fit of the same local day and the same orders is the same fit."""
    given: dict[str, Any] = {
        "tenant": current_tenant_id(),
        "zone": str(zone),
        "as_of": as_of,
        "begins": periods.midnight(periods.last_day(as_of, zone), zone),
    }
    with connection.cursor() as cursor:  # for many reports: without the words of a model
        cursor.execute(_FIT, given)
        found = cursor.fetchone()
    return (found[0], Fit(**json.loads(found[1]))) if found else None
