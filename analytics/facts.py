"""Are the figures up to date, and how do they get there? Facts and cells behind every report.

Whatever changes a contact leaves a DirtyContact row, in the same transaction; a refresh takes all
of them or none, so a reader sees a whole state, if an older one. `rebuild` makes everything again;
`prove` shows that this gives the same.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from analytics import (
    current,
    dirty,
    hindsight,
    message_days,
    models,
    order_days,
    readings,
    upkeep,
    whole,
)
from analytics.assets import balances
from analytics.assets import readings as asset_readings
from analytics.deeds import upkeep as deeds
from analytics.heard import DELAY, QUEUE
from analytics.prediction import forecasts
from contacts import timeline
from contacts.arrays import Among
from contacts.models import Contact, ContactSettings, Event, Order
from journeys.models import Stage
from tenants import doorbell
from tenants.models import Tenant
from tenants.scope import TenantModel, current_tenant_id, scope

# What a request brings up to date by itself; more is left to the worker.
EVENTS, CONTACTS = 3000, 5000
_CHUNK = 20_000
# Another one when facts hold more than before: then all are read again. A migration sets latest_at
# to null with it, so that until then reports are read from rows.
_FORM = 9
_PATIENCE = 2.0  # seconds a request waits for another refresh of its tenant
_FEW_ORDERS, _GAP_AGE = 2000, timedelta(minutes=10)


def begin() -> None:
    """A new tenant has nothing to count: it is up to date."""
    models.FactsState.objects.get_or_create(
        only=True, defaults={"caught_up_at": timezone.now(), "basis": _basis()}
    )


def catch_up() -> datetime | None:
    """Inside a scope: bring a small backlog up to date. Answers None, or, while the worker has a
    large one to count, the moment when figures were complete.
    """
    if current.nothing_new(_FORM):
        return None
    deadline = time.monotonic() + _PATIENCE
    while _events_wait() and time.monotonic() < deadline:
        if _flooded():
            break
        if timeline.drain_all(EVENTS) == 0:
            time.sleep(0.02)  # another drainer is at it
    late = _events_wait()
    if not late and not _dirty():
        return None
    if not late and not _much():
        with _alone(deadline) as alone:
            if alone:
                _refresh_dirty()
                return None
    doorbell.ring(QUEUE)
    return _state().caught_up_at


def work() -> None:
    """Inside a scope, in the background: count all that is dirty, in one transaction.

    While many events wait for their listeners it waits too: readers keep the last whole state.
    """
    with _alone(time.monotonic()) as alone:
        if alone and not _flooded():
            now = timezone.now()
            _refresh_dirty()
            today = now.astimezone(Tenant.current().tz).date()
            order_days.pack(today)
            message_days.pack(today)
            _refresh_gap()
            if not _events_wait():
                models.FactsState.objects.update(caught_up_at=now)


def after_import(tenant_id: int) -> None:
    """Outside a scope: what files brought is counted before they are done."""
    with scope(tenant_id):
        work()


def next_due() -> datetime | None:
    """From when there is something to count, or None."""
    if not _dirty():
        return None
    return timezone.now() + (DELAY if _flooded() else timedelta(0))


def rebuild() -> None:
    """Inside a scope: forget all facts and read everything again."""
    with _alone(None):
        tenant = Tenant.current()
        with balances.recounted():
            whole.rebuild(tenant.pk, tenant.zone)
        models.MessageDay.objects.all().delete()
        forecasts.all_stale()
        _refreshed()


def prove() -> list[str]:
    """Inside a scope: the tables that a rebuild would change. Empty, when upkeep was right."""
    catch_up()
    tables: list[type[TenantModel]] = [
        *whole.FACTS, *whole.CELLS, models.AssetBalance, models.MessageDay,
    ]  # fmt: skip
    today = timezone.now().astimezone(Tenant.current().tz).date()
    with _alone(None), transaction.atomic():
        _refresh_dirty()
        order_days.pack(date.max)
        message_days.pack(today)
        before = {model: _digest(model) for model in tables}
        rebuild()
        message_days.pack(today)
        after = {model: _digest(model) for model in tables}
    return [model._meta.db_table for model in tables if before[model] != after[model]]


_GAP = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) FROM (
  SELECT paid_at - lag(paid_at) OVER (PARTITION BY contact_id ORDER BY paid_at) AS gap
  FROM contacts_order WHERE tenant_id = %s AND paid AND paid_at < now()) gaps
"""


_KEPT_GAP = """
SELECT s.gap, s.gap_read_at, EXISTS (
  SELECT FROM contacts_order o WHERE o.tenant_id = s.tenant_id ORDER BY o.id OFFSET %s)
FROM analytics_factsstate s WHERE s.tenant_id = %s
"""


def median_gap() -> timedelta | None:
    """The usual time between two orders of a customer; of many, as it was last read."""
    with connection.cursor() as cursor:
        cursor.execute(_KEPT_GAP, [_FEW_ORDERS, current_tenant_id()])
        gap, read_at, many = cursor.fetchone() or (None, None, True)
    if many and read_at is None:
        _refresh_gap()
        return _state().gap
    return gap if many else _read_gap()


def _read_gap() -> timedelta | None:
    with connection.cursor() as cursor:
        cursor.execute(_GAP, [current_tenant_id()])
        gap: timedelta | None = cursor.fetchone()[0]
    return gap


def _refresh_gap() -> None:
    """A median of all orders moves slowly: read it again now and then."""
    now, state = timezone.now(), _state()
    if state.gap_read_at is None or now - state.gap_read_at > _GAP_AGE:
        models.FactsState.objects.update(gap=_read_gap(), gap_read_at=now)


def _state() -> models.FactsState:
    state = models.FactsState.objects.first()
    if state is None:
        begin()
        state = models.FactsState.objects.get()
    return state


def _basis() -> str:
    stages, rule = Stage.objects.order_by("position"), ContactSettings.of_tenant()
    order = " ".join(map(str, stages.values_list("id", flat=True)))
    zone = Tenant.current().zone
    return current.basis(_FORM, zone, rule.interacting_days, rule.owned_days, order)


def _dirty() -> bool:
    return models.DirtyContact.objects.exists() or _state().basis != _basis()


def _events_wait() -> bool:
    return Event.objects.filter(handled_at=None).exists()


def _flooded() -> bool:
    return _more_than(Event.objects.filter(handled_at=None), EVENTS)


def _much() -> bool:
    """More than a request may count."""
    if _more_than(models.DirtyContact.objects.all(), CONTACTS):
        return True
    return _state().basis != _basis() and _more_than(Contact.objects.all(), CONTACTS)


def _more_than(rows: QuerySet[TenantModel], limit: int) -> bool:
    return bool(rows.order_by("pk").values_list("pk")[limit : limit + 1])


@contextmanager
def _alone(deadline: float | None) -> Iterator[bool]:
    """One refresh a tenant at a time, until its transaction ends. No deadline: wait for ever."""
    key = current_tenant_id()
    with connection.cursor() as cursor:
        if deadline is None:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('facts'), %s::int)", [key])
            yield True
            return
        while True:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('facts'), %s::int)", [key])
            held = bool(cursor.fetchone()[0])
            if held or time.monotonic() >= deadline:
                break
            time.sleep(0.02)
        yield held


def _refresh_dirty() -> None:
    """Read the dirty contacts again; all contacts, when what every fact depends on has changed."""
    if _state().basis != _basis():
        models.DirtyContact.objects.all().delete()
        rebuild()
        return
    changed = dirty.take()
    if _most(len(changed.much)):
        rebuild()
    elif changed.anything:
        concerned = _refresh_some(changed)
        if concerned:
            forecasts.stale(sorted(concerned))
        _refreshed()


def _refresh_some(changed: dirty.Changed) -> set[int]:
    """Each contact once, as far as it may have changed. Answers whose orders may have."""
    tenant, since = Tenant.current(), changed.since
    for some in _chunks(changed.everything):
        upkeep.refresh(tenant.pk, tenant.zone, some)
    for some in _chunks(changed.corrected):
        upkeep.refresh_orders(tenant.pk, tenant.zone, some)
    for some in _chunks(changed.bought):
        upkeep.refresh_orders(tenant.pk, tenant.zone, some, since)
    for some in _chunks(changed.spoken):
        upkeep.refresh_assets(tenant.pk, tenant.zone, some, since)
    _refresh_deeds(changed)
    message_days.unpack({at.astimezone(tenant.tz).date() for at in changed.sent}, changed.resent)
    return changed.corrected | changed.bought | _customers(changed.everything)


def _refresh_deeds(changed: dirty.Changed) -> None:
    tenant = Tenant.current()
    given = readings.parameters(tenant.pk, tenant.zone)
    hanging: set[int] = set()
    for some in _chunks(changed.everything):
        hanging |= deeds.referrers(given, some)
    for some in _chunks(changed.deeds | hanging):
        deeds.refresh(given, some)
    done = changed.deeds | hanging
    later = {name: getattr(changed, name) - done for name in dirty.LATER}
    for some in _chunks(set().union(*later.values())):
        these = {name: ids.intersection(some) for name, ids in later.items()}
        deeds.refresh_since(given, changed.since, **these)


def _customers(contact_ids: Collection[int]) -> set[int]:
    """Those of them that have or had orders: of a merge nobody tells what it moved."""
    with_orders = Order.objects.filter(Among(F("contact_id"), sorted(contact_ids)))
    foretold = models.Forecast.objects.filter(Among(F("contact_id"), sorted(contact_ids)))
    ids = with_orders.values_list("contact_id").union(foretold.values_list("contact_id"))
    return {pk for (pk,) in ids} if contact_ids else set()


def _most(number: int) -> bool:
    """So many that reading everybody is quicker?"""
    return number > _CHUNK and number * 3 > Contact.objects.count()


def _chunks(contact_ids: Collection[int]) -> Iterator[list[int]]:
    ordered = sorted(contact_ids)
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]


def _refreshed() -> None:
    state = _state()
    state.version += 1
    state.basis = _basis()
    state.latest_at = hindsight.latest()
    state.save(update_fields=["version", "basis", "latest_at"])


def _digest(model: type[TenantModel]) -> object:
    """All rows of the tenant as one number; cells that count nothing are as good as absent."""
    counted = {
        models.DayCell: " OR ".join(f"{line} <> 0" for line in readings.DAY_LINES),
        models.CohortCell: "margin <> 0 OR customers <> 0",
        models.AssetCell: " OR ".join(f"{line} <> 0" for line in asset_readings.LINES),
        models.AssetChange: " OR ".join(f"{line} <> 0" for line in asset_readings.CHANGES),
        models.LossCell: "opened <> 0",
        models.CreditCell: "orders <> 0 OR revenue <> 0 OR margin <> 0",
        models.DeedCell: "times <> 0 OR fen <> 0",
        models.AssetBalance: "heads <> 0 OR worth <> 0",
        models.CohortMonth: "customers <> 0 OR revenue <> 0 OR margin <> 0",
        models.OrderDay: "true",
        models.MessageDay: "true",
    }.get(model, "contacts <> 0" if model in whole.CELLS else "true")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) "  # noqa: S608 - our own names
            f'FROM "{model._meta.db_table}" t WHERE tenant_id = %s AND ({counted})',
            [current_tenant_id()],
        )
        return cursor.fetchone()
