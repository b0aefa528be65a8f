"""What will customers bring within the next 365 days? The fit as of a moment, and sums over people.

FIGURES R25, R50. A fit is kept, and asked for again holds while neither the local day nor any order
has changed. Of a large tenant the last fit of the background answers for now: it says its moment.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from analytics import models, periods
from analytics.periods import Question
from analytics.prediction import forecasts
from analytics.prediction.fits import Fit, Sums
from contacts import arrays
from contacts.models import Order
from tenants.models import Tenant

# With more orders than these a request waits for no fit that the background makes anyway.
_LARGE = 20_000


@dataclass(frozen=True)
class Known:
    """The fit, and the moment that it is of: not later than what was asked for."""

    as_of: datetime
    fit: Fit


def known(as_of: datetime, *, exact: bool = True) -> Known:
    """Inside a scope: the fit as of a moment. Not `exact`: a large tenant's last one will do."""
    tenant = Tenant.current()
    kept = forecasts.kept(as_of, tenant.tz)
    if kept is not None:
        return Known(*kept)
    state = None if exact else forecasts.state()
    last = forecasts.current(state) if state else None
    if last is not None and state and state.as_of is not None and _is_large(last):
        return Known(state.as_of, last)
    return _learn(as_of, tenant)


def _learn(as_of: datetime, tenant: Tenant) -> Known:
    from analytics.prediction import learning, purchases  # noqa: PLC0415 - SciPy takes a second to load

    orders = forecasts.state().orders
    days = purchases.read(as_of, tenant.tz)
    fit, _each = learning.learn(days, periods.last_day(as_of, tenant.tz))
    if as_of != forecasts.state().as_of:  # that one is the background's, who made forecasts with it
        forecasts.keep(as_of, fit, orders, tenant)
    return Known(as_of, fit)


def sums(found: Known, question: Question) -> Sums:
    """Inside a scope: what the fit says of those whom the filters mean. It is of everybody all the
    same: a few customers would teach it too little.
    """
    if question.of_everybody:
        return found.fit
    from analytics.prediction import learning, purchases  # noqa: PLC0415 - SciPy takes a second to load

    days = purchases.read_meant(replace(question, as_of=found.as_of))
    people = purchases.buyers(days)
    today = periods.last_day(found.as_of, question.span.zone)
    told = Sums(
        customers=len(people.contact),
        repeaters=int((people.x > 0).sum()),
        curve=learning.curve(days, people, purchases.number(today)),
    )
    if found.fit.reason or not told.customers:
        return told
    each = learning.foretell(found.fit, people, today)
    return replace(told, worth=math.fsum(each.margin), orders=math.fsum(each.orders))


@dataclass(frozen=True)
class Worths:
    """Predicted LTV of customers as of a moment, in fen, unrounded; who never bought is worth
    nothing. `told` is None where the background's forecasts say the same.
    """

    told: Mapping[int, float] | None

    @property
    def table(self) -> str:
        """SQL of contact_id and worth."""
        if self.told is None:
            return (
                "(SELECT contact_id, margin AS worth FROM analytics_forecast"
                " WHERE tenant_id = %(tenant)s)"
            )
        return (
            "(SELECT contact_id, worth FROM unnest(%(worthy)s::bigint[], %(worths)s::float8[])"
            " AS told(contact_id, worth))"
        )

    @property
    def parameters(self) -> dict[str, str]:
        """Of that SQL."""
        if self.told is None:
            return {}
        return {
            "worthy": arrays.literal(list(self.told)),
            "worths": arrays.literal(list(self.told.values())),
        }

    def of_each(self) -> Mapping[int, float]:
        if self.told is None:
            return dict(models.Forecast.objects.values_list("contact_id", "margin"))
        return self.told


def worths(as_of: datetime, *, exact: bool = True) -> Worths | None:
    """Inside a scope. None where there is no model."""
    found = known(as_of, exact=exact)
    if found.fit.reason:
        return None
    state = forecasts.state()
    if found.as_of == state.as_of and (not state.changed or not exact):
        return Worths(None)
    return Worths(_foretold(found))


def worth_of(contact_ids: Iterable[int], as_of: datetime, *, exact: bool = True) -> Fraction | None:
    """Inside a scope: Σ predicted LTV of a set of contacts, fen, unrounded (R50). Where several
    sets are asked for at one moment, `worths` reads once.
    """
    found = worths(as_of, exact=exact)
    if found is None:
        return None
    each = found.of_each()
    return Fraction(math.fsum(each.get(pk, 0.0) for pk in set(contact_ids)))


def _foretold(found: Known) -> dict[int, float]:
    from analytics.prediction import learning, purchases  # noqa: PLC0415 - SciPy takes a second to load

    zone = Tenant.current().tz
    people = purchases.buyers(purchases.read(found.as_of, zone))
    each = learning.foretell(found.fit, people, periods.last_day(found.as_of, zone))
    return dict(zip(each.contact.tolist(), each.margin.tolist(), strict=True))


def _is_large(last: Fit) -> bool:
    """Each of its customers had an order."""
    return (
        last.customers > _LARGE
        or Order.objects.order_by("pk").values_list("pk")[_LARGE : _LARGE + 1].exists()
    )
