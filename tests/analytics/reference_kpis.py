"""The scorecard and the baselines once more: slow, from raw rows, by FIGURES."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from statistics import median
from typing import Any

from contacts.models import Contact, ContactTag, Event, Order
from journeys.models import Touch
from tenants.models import Tenant
from tests.analytics.reference import DAY, money, paid_orders

WEEK = timedelta(days=7)
INBOUND = {
    "message.received", "content.read", "content.downloaded", "link.clicked", "price.asked",
    "form.answered", "quiz.answered", "coupon.collected", "session.attended", "group.joined",
}  # fmt: skip


@dataclass
class Spell:
    contact: int
    staff: bool
    opened: datetime
    ended: datetime | None = None
    by: str = ""


class Known:
    """Everything that is known of the chosen contacts before as_of."""

    def __init__(
        self,
        tenant: Tenant,
        as_of: datetime,
        channel: int | None = None,
        owners: set[int] | None = None,
        people: set[int] | None = None,
    ) -> None:
        self.tenant, self.as_of = tenant, as_of
        everybody = list(Contact.objects.all())
        self.people = {
            c.pk
            for c in everybody
            if channel in (None, c.channel_id)
            and (owners is None or c.owner_id in owners)
            and (people is None or c.pk in people)
        }
        self.referrers = [(c.referrer_id, c.pk) for c in everybody if c.referrer_id]
        events = list(Event.objects.filter(at__lt=as_of))
        moments = [e.at for e in events]
        # Also of orders that count for nothing: something was known by then.
        moments += [o.paid_at for o in Order.objects.filter(paid_at__lt=as_of) if o.paid_at]
        self.first = self.day(min(moments)) if moments else None
        self.all_spells = spells(events)
        self.spells = [s for s in self.all_spells if s.contact in self.people]
        self.inbound = [
            (e.contact_id, e.at)
            for e in events
            if e.kind in INBOUND and e.contact_id in self.people
        ]
        self.orders = [
            (o.contact, o.at, o.revenue) for o in paid_orders(as_of) if o.contact in self.people
        ]
        self.tagged = set(ContactTag.objects.values_list("contact_id", flat=True))
        self.touches = [
            (t.kind, t.sent_at)
            for t in Touch.objects.filter(state__in=["sent", "delivered"])
            if t.contact_id in self.people and t.sent_at and t.sent_at < as_of
        ]
        self.reached: dict[int, datetime] = {}
        for s in self.all_spells:
            self.reached[s.contact] = min(s.opened, self.reached.get(s.contact, s.opened))

    def day(self, at: datetime) -> date:
        return at.astimezone(self.tenant.tz).date()

    def midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.tenant.tz)

    # --- by day ---

    def value(self, metric: str, day: date) -> int:
        if metric == "new_contacts":
            return sum(
                1 for pk, at in self.reached.items() if pk in self.people and self.day(at) == day
            )
        if metric == "deletes":
            return sum(
                1
                for s in self.spells
                if s.staff and s.ended and s.by == "customer" and self.day(s.ended) == day
            )
        of_day = [fen for _pk, at, fen in self.orders if self.day(at) == day]
        return len(of_day) if metric == "orders" else sum(of_day)

    def baselines(self, start: date, end: date) -> list[dict[str, Any]]:
        days = [start + timedelta(days=n) for n in range((end - start).days)]
        metrics = ("new_contacts", "orders", "revenue", "deletes")
        return [self.of_day(metric, day) for metric in metrics for day in days]

    def of_day(self, metric: str, day: date) -> dict[str, Any]:
        x = self.value(metric, day)
        points = [
            Fraction(self.value(metric, day - k * WEEK))
            for k in range(1, 9)
            if self.first and day - k * WEEK >= self.first
        ]
        m = mad = None
        off = False
        if len(points) >= 4:
            m = median(points)
            mad = median([abs(p - m) for p in points])
            off = abs(x - m) > (Fraction("4.4478") * mad if mad else Fraction("0.2") * abs(m))
        show = money if metric == "revenue" else number
        return {
            "metric": metric,
            "date": day.isoformat(),
            "value": show(x),
            "median": show(m),
            "mad": show(mad),
            "off": off,
        }

    # --- of a period ---

    def kpis(self, start: date, end: date) -> dict[str, Any]:
        begin, stop = self.midnight(start), self.midnight(end)
        follows = [
            s
            for s in self.spells
            if s.staff and ((s.opened < begin and not (s.ended and s.ended < begin))
                            or begin <= s.opened < stop)
        ]  # fmt: skip
        deleted = [
            s for s in self.spells
            if s.staff and s.ended and s.by == "customer" and begin <= s.ended < stop
        ]  # fmt: skip
        assets = {
            s.contact for s in self.spells if s.opened < stop and (not s.ended or s.ended > begin)
        }
        active = {pk for pk, at in self.inbound if begin <= at < stop} & assets
        before = [(pk, at, fen) for pk, at, fen in self.orders if at < stop]
        customers = {pk for pk, _at, _fen in before}
        repeat = {pk for pk in customers if sum(1 for each in before if each[0] == pk) >= 2}
        brought = {
            referrer
            for referrer, pk in self.referrers
            if pk in self.reached and self.reached[pk] < stop
        }
        firsts = {pk: min(at for p, at, _fen in before if p == pk) for pk in customers}
        inside = [fen for _pk, at, fen in before if begin <= at]
        until = min(stop, self.as_of)
        touches = [kind for kind, at in self.touches if until - 30 * DAY <= at < until]
        return {
            "new_contacts": sum(
                1 for pk, at in self.reached.items() if pk in self.people and begin <= at < stop
            ),
            "deletes": len(deleted),
            "delete_rate": share(len(deleted), len(follows)),
            "interaction_rate": share(len(active), len(assets)),
            "tag_coverage": share(len(assets & self.tagged), len(assets)),
            "new_customers": sum(1 for at in firsts.values() if at >= begin),
            "orders": len(inside),
            "revenue": money(sum(inside)),
            "aov": money(Fraction(sum(inside), len(inside))) if inside else None,
            "repeat_rate": share(len(repeat), len(customers)),
            "referral_rate": share(len(customers & brought), len(customers)),
            "trust_mix": share(
                sum(1 for kind in touches if kind in {"service", "greeting"}), len(touches)
            ),
        }


def spells(events: list[Event]) -> list[Spell]:
    """R7: at one instant ends apply before openings; openings of an open Follow change nothing."""
    found: list[Spell] = []
    still: dict[tuple[int, str], Spell] = {}
    routes = [e for e in events if e.kind.partition(".")[0] in {"follow", "subscription"}]
    for e in sorted(routes, key=lambda e: (e.at, e.kind.endswith("opened"))):
        staff = e.kind.startswith("follow")
        route = (e.contact_id, str(e.properties["staff" if staff else "account"]))
        if e.kind.endswith("opened") and route not in still:
            still[route] = Spell(e.contact_id, staff, e.at)
            found.append(still[route])
        elif e.kind.endswith("ended") and route in still:
            spell = still.pop(route)
            spell.ended = e.at
            spell.by = str(e.properties["by"]) if staff else "customer"
    return found


def number(x: Fraction | int | None) -> float | None:
    return None if x is None else float(x)


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
