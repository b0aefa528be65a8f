"""What came after touches, once more: slow, in plain Python from raw rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from campaigns.models import BroadcastRecipient
from contacts.models import Contact, Event, ReachSpell
from journeys.models import Touch
from tenants.models import Staff, Tenant
from tests.analytics.reference import money, paid_orders
from tests.analytics.reference_kpis import INBOUND

SOON = timedelta(hours=72)
GENTLE = {"service", "greeting"}
STATES = {
    "delivered": "delivered", "planned": "open", "waiting": "open", "cancelled": "cancelled",
    "left_out": "skipped",
}  # fmt: skip
REASONS = {
    "not_friend": "not_a_friend", "quota": "platform_quota", "not_sent": "not_confirmed",
    "failed": "undelivered",
}  # fmt: skip


@dataclass
class Told:
    """A touch, whatever sent it, as it was known at as_of."""

    contact: int
    at: datetime
    order: tuple[int, int]
    outcome: str
    reason: str = ""
    kind: str = ""
    staff: str | None = None
    names: dict[str, str | None] = field(default_factory=dict)
    after: Counter[str] = field(default_factory=Counter)

    @property
    def sent(self) -> bool:
        return self.outcome in {"sent", "delivered"}


class Touched:
    """Every touch of the chosen contacts, and what they did."""

    def __init__(
        self,
        tenant: Tenant,
        as_of: datetime,
        channel: int | None = None,
        owners: set[int] | None = None,
    ) -> None:
        self.tenant, self.as_of = tenant, as_of
        self.people = {
            c.pk
            for c in Contact.objects.all()
            if channel in (None, c.channel_id) and (owners is None or c.owner_id in owners)
        }
        found = [*self._of_sops(), *self._of_broadcasts(), *self._of_files()]
        self.touches = [t for t in found if t.contact in self.people and t.at < as_of]

    def _of_sops(self) -> list[Told]:
        rows = Touch.objects.select_related("enrolment__sop", "step__version__sop", "staff")
        found = []
        for t in rows.select_related("step__content").exclude(route="app_message"):
            left = t.sent_at is not None and t.sent_at < self.as_of
            outcome = "open"
            if t.state in {"failed", "skipped", "cancelled"} and (left or t.sent_at is None):
                outcome = t.state
            elif left and t.state in {"sent", "delivered"}:
                known = t.delivered_at is not None and t.delivered_at < self.as_of
                outcome = "delivered" if t.state == "delivered" and known else "sent"
            step = t.step
            names = {
                "sop": str(t.enrolment.sop) if t.enrolment else None,
                "step": f"{step.version.sop} v{step.version.number} · {step.position}"
                if step
                else None,
                "content": str(step.content) if step and step.content else None,
                "route": t.route,
            }
            at = t.sent_at if left and t.sent_at else t.due_at
            staff = str(t.staff) if t.staff else None
            found.append(Told(t.contact_id, at, (0, t.pk), outcome, t.reason, t.kind, staff, names))
        return found

    def _of_broadcasts(self) -> list[Told]:
        found = []
        for r in BroadcastRecipient.objects.select_related("broadcast", "staff"):
            if r.contact_id is None:
                continue
            settled = r.settled_at is not None and r.settled_at < self.as_of
            begun = r.broadcast.frozen_at or r.broadcast.started_at or r.broadcast.created_at
            outcome = "open"
            if settled or r.settled_at is None:
                outcome = STATES.get(r.state, "failed")
            names = {"broadcast": r.broadcast.name, "route": r.broadcast.route}
            found.append(
                Told(
                    r.contact_id, r.settled_at if settled and r.settled_at else begun, (1, r.pk),
                    outcome, REASONS.get(r.state, ""), r.broadcast.kind, r.staff.name,
                    dict(names),
                )
            )  # fmt: skip
        return found

    def _of_files(self) -> list[Told]:
        rows = Event.objects.filter(kind="touch.delivered")
        staff = {s.userid: str(s) for s in Staff.objects.all()}
        return [
            Told(
                e.contact_id, e.at, (2, e.pk), "delivered",
                kind=e.properties.get("touch_kind", ""),
                staff=staff.get(e.properties.get("staff", "")),
                names={name: e.properties.get(name) for name in ("sop", "route")},
            )
            for e in rows.exclude(source__in=["touch", "broadcast"])
        ]  # fmt: skip

    # --- what came after ---

    def credit(self, days: int) -> None:
        """To the last touch sent before, whenever it was sent."""
        for t in self.touches:
            t.after.clear()
        for e in Event.objects.filter(at__lt=self.as_of, kind__in=INBOUND):
            if touch := self.last(e.contact_id, e.at, SOON):
                touch.after["responded"] = 1
                touch.after["clicked"] |= e.kind == "link.clicked"
        for o in paid_orders(self.as_of):
            if touch := self.last(o.contact, o.at, timedelta(days=days)):
                touch.after["ordered"] = 1
                touch.after["orders"] += 1
                touch.after["revenue"] += o.revenue
                touch.after["margin"] += o.margin
        for s in ReachSpell.objects.filter(ended_by="customer", ended_at__lt=self.as_of):
            assert s.ended_at
            if touch := self.last(s.contact_id, s.ended_at, SOON):
                touch.after["lost"] += 1

    def last(self, contact: int, at: datetime, within: timedelta) -> Told | None:
        before = [t for t in self.touches if t.sent and t.contact == contact and t.at <= at]
        found = max(before, key=lambda t: (t.at, t.order), default=None)
        return found if found and at <= found.at + within else None

    # --- answers ---

    def report(self, start: datetime, end: datetime, group: str, days: int) -> dict[str, Any]:
        self.credit(days)
        mine = [t for t in self.touches if start <= t.at < end]
        names = {self.name(t, group) for t in mine}
        rows = {name: self.row([t for t in mine if self.name(t, group) == name]) for name in names}
        return {"rows": rows, "total": self.row(mine)}

    def name(self, touch: Told, group: str) -> str | None:
        here = touch.at.astimezone(self.tenant.tz)
        if group == "hour":
            return str(here.hour)
        return str(here.isoweekday()) if group == "weekday" else touch.names.get(group)

    def row(self, touches: list[Told]) -> dict[str, Any]:
        states = Counter(t.outcome for t in touches)
        sent = [t for t in touches if t.sent]
        after: Counter[str] = Counter()
        for t in sent:
            after += t.after | Counter()
        money_after = {
            name: money(sum(t.after[name] for t in sent)) for name in ("revenue", "margin")
        }
        return {
            "planned": len(touches),
            "sent": len(sent),
            **{state: states[state] for state in ("delivered", "failed", "skipped", "cancelled")},
            "open": states["open"],
            "reasons": dict(
                Counter(t.reason for t in touches if t.outcome in {"failed", "skipped"})
            ),
            "contacts": len({t.contact for t in sent}),
            "responded": after["responded"],
            "response_rate": share(after["responded"], len(sent)),
            "clicked": after["clicked"],
            "click_rate": share(after["clicked"], len(sent)),
            "ordered": after["ordered"],
            "order_rate": share(after["ordered"], len(sent)),
            "orders": after["orders"],
            "revenue_after": money_after["revenue"],
            "margin_after": money_after["margin"],
            "lost": after["lost"],
            "loss_rate": share(after["lost"], len(sent)),
        }

    # --- trust mix ---

    def trust(self, until: datetime, floor: int) -> dict[str, Any]:
        last = [
            t for t in self.touches
            if t.sent and t.kind and until - timedelta(days=30) <= t.at < until
        ]  # fmt: skip
        mixes = {
            contact: share
            for contact in {t.contact for t in last}
            if (share := mix([t for t in last if t.contact == contact])) is not None
        }
        bins = Counter(min(int(m * 10), 9) for m in mixes.values())
        return {
            "touches": len(last),
            "gentle": sum(t.kind in GENTLE for t in last),
            "mix": number(mix(last)),
            "contacts": len(mixes),
            "mean": number(sum(mixes.values(), Fraction(0)) / len(mixes) if mixes else None),
            "below": sum(m * 100 < floor for m in mixes.values()),
            "distribution": [bins[n] for n in range(10)],
            "rows": self.by(last, lambda t: t.staff),
        }

    def by(self, touches: list[Told], name: Callable[[Told], str | None]) -> dict[Any, Any]:
        return {
            key: number(mix([t for t in touches if name(t) == key]))
            for key in {name(t) for t in touches}
        }


def mix(touches: list[Told]) -> Fraction | None:
    gentle = sum(t.kind in GENTLE for t in touches)
    return Fraction(gentle, len(touches)) if touches else None


def number(x: Fraction | None) -> float | None:
    return None if x is None else float(x)


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
