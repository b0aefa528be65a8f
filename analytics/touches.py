"""What did the messages do: answered, opened, bought after, and at the price of which friends?

A touch is a message to one contact: of an SOP, of a broadcast, or one that a file tells was
delivered. It belongs to the period in which it was sent or, while it was not, was due. What came
after is credited to the last touch that the contact had been sent before, whatever sent it; so
nothing counts twice, and sums are sums. "After" does not say "because".

- responded: an inbound event (FIGURES R13) within 72 hours, both ends in (R2).
- clicked: the same, by opening a tracked link.
- orders, revenue, margin: paid orders (R3, R4) within N days, the windows of attribution.
- lost: friends and fans who ended it themselves within 72 hours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final, Literal

from analytics import buying
from analytics.attribution import WINDOWS
from analytics.exact import ratio
from analytics.periods import Question, filters, midnight, narrowed
from analytics.sent_touches import SOP_TOLD, TOLD
from campaigns.models import Broadcast
from contacts.kinds import INBOUND
from journeys.models import Content, Sop, SopStep

Group = Literal["sop", "step", "broadcast", "content", "route", "hour", "weekday"]
GROUPS: Final[tuple[Group, ...]] = (
    "sop", "step", "broadcast", "content", "route", "hour", "weekday",
)  # fmt: skip
DAYS: Final = WINDOWS
SOON: Final = timedelta(hours=72)
ENOUGH: Final = 30  # sent: with fewer a best rate is chance

# What a touch is called in each origin: of an SOP (t, its step s and run e), of a broadcast (r, b),
# told by a file (e).
_HOUR, _WEEKDAY = (
    f"extract({part} FROM {{at}} AT TIME ZONE %(zone)s)::int::text" for part in ("hour", "isodow")
)
_KEYS: Final[Mapping[Group, tuple[str, str, str]]] = {
    "sop": ("e.sop_id::text", "NULL", SOP_TOLD),
    "step": ("t.step_id::text", "NULL", "NULL"),
    "broadcast": ("NULL", "r.broadcast_id::text", "NULL"),
    "content": ("s.content_id::text", "b.content_id::text", "NULL"),
    "route": ("t.route", "b.route", "NULLIF(e.properties->>'route', '')"),
    "hour": (_HOUR, _HOUR, _HOUR),
    "weekday": (_WEEKDAY, _WEEKDAY, _WEEKDAY),
}
_JOINS: Final[Mapping[Group, str]] = {
    "sop": "LEFT JOIN journeys_enrolment e ON e.tenant_id = t.tenant_id"
    " AND e.tenant_id = %(tenant)s AND e.id = t.enrolment_id",
    "content": "LEFT JOIN journeys_sopstep s ON s.tenant_id = t.tenant_id"
    " AND s.tenant_id = %(tenant)s AND s.id = t.step_id",
}

# A sending from as_of on is not known: the touch is open, and stands where it was due (R1).
_SENT = """
SELECT t.contact_id, t.sent_at AS at, {key} AS key, 0 AS origin, t.id,
  CASE WHEN t.state = 'delivered' AND t.delivered_at < %(as_of)s THEN 'delivered'
       WHEN t.state IN ('sent', 'delivered') THEN 'sent'
       WHEN t.state IN ('failed', 'skipped', 'cancelled') THEN t.state ELSE 'open' END AS outcome,
  t.reason
FROM journeys_touch t {join}
WHERE t.tenant_id = %(tenant)s AND t.sent_at >= %(start)s AND t.sent_at < %(until)s
  AND t.route <> 'app_message' {{who t.contact_id}}
"""
_UNSENT = """
SELECT t.contact_id, t.due_at, {key}, 0, t.id,
  CASE WHEN t.sent_at IS NULL AND t.state IN ('failed', 'skipped', 'cancelled') THEN t.state
       ELSE 'open' END, t.reason
FROM journeys_touch t {join}
WHERE t.tenant_id = %(tenant)s AND t.due_at >= %(start)s AND t.due_at < %(end)s
  AND {which} AND t.route <> 'app_message' {{who t.contact_id}}
"""
_RECIPIENTS = """
SELECT r.contact_id, {at}, {key}, 1, r.id, {outcome},
  CASE r.state WHEN 'not_friend' THEN 'not_a_friend' WHEN 'quota' THEN 'platform_quota'
    WHEN 'not_sent' THEN 'not_confirmed' WHEN 'failed' THEN 'undelivered' ELSE '' END
FROM campaigns_broadcastrecipient r
JOIN campaigns_broadcast b ON b.tenant_id = r.tenant_id AND b.id = r.broadcast_id
WHERE r.tenant_id = %(tenant)s AND b.tenant_id = %(tenant)s AND r.contact_id IS NOT NULL
  AND {when} {{who r.contact_id}}
"""
_SETTLED = (
    "CASE r.state WHEN 'cancelled' THEN 'cancelled' WHEN 'left_out' THEN 'skipped'"
    " WHEN 'delivered' THEN 'delivered' WHEN 'planned' THEN 'open' WHEN 'waiting' THEN 'open'"
    " ELSE 'failed' END"
)
_TOLD = """
SELECT e.contact_id, e.at, {key}, 2, e.id, 'delivered', ''
FROM contacts_event e
WHERE e.tenant_id = %(tenant)s AND {told} AND e.at >= %(start)s AND e.at < %(until)s
  {{who e.contact_id}}
"""

# What came after is credited to the last touch before it, whatever sent that: also one after the
# period, which takes it out. All is one statement: the touches are read once.
_LAST = "t.at DESC, t.origin DESC, t.id DESC"
_TOUCHES = f"""
WITH touch (contact_id, at, key, origin, id, outcome, reason) AS MATERIALIZED ({{sent}}
), sent AS NOT MATERIALIZED (
  SELECT contact_id, key, at, origin, id, id * 4 + origin AS touch FROM touch
  WHERE outcome IN ('sent', 'delivered')
), answered AS (
  SELECT DISTINCT ON (e.contact_id, e.at, 1) CASE e.kind WHEN 'link.clicked' THEN 2 ELSE 1 END,
    t.key, t.touch, t.at
  FROM contacts_event e
  JOIN sent t ON t.contact_id = e.contact_id AND e.at >= t.at AND e.at <= t.at + %(within)s
  WHERE e.tenant_id = %(tenant)s AND e.kind = ANY(%(inbound)s::text[])
    AND e.at >= %(start)s AND e.at <= %(soon)s AND e.at < %(as_of)s
  ORDER BY e.contact_id, e.at, 1, {_LAST}
), ordered AS (
  SELECT DISTINCT ON (o.id) t.key, t.touch, t.at, o.amount_fen - o.refund_fen AS revenue,
    o.amount_fen - o.refund_fen - o.cost_fen AS margin
  FROM contacts_order o
  JOIN sent t ON t.contact_id = o.contact_id AND o.paid_at >= t.at
    AND o.paid_at <= t.at + %(window)s
  WHERE o.tenant_id = %(tenant)s AND o.paid AND o.paid_at >= %(start)s
    AND o.paid_at <= %(later)s AND o.paid_at < %(as_of)s
  ORDER BY o.id, {_LAST}
), ended AS (
  SELECT DISTINCT ON (s.id) t.key, t.touch, t.at
  FROM contacts_reachspell s
  JOIN sent t ON t.contact_id = s.contact_id AND s.ended_at >= t.at
    AND s.ended_at <= t.at + %(within)s
  WHERE s.tenant_id = %(tenant)s AND s.ended_by = 'customer'
    AND s.ended_at >= %(start)s AND s.ended_at <= %(soon)s AND s.ended_at < %(as_of)s
  ORDER BY s.id, {_LAST}
), told (what, key, touch, at, revenue, margin) AS (
  SELECT *, 0, 0 FROM answered
  UNION ALL SELECT 3, * FROM ordered
  UNION ALL SELECT 4, *, 0, 0 FROM ended
)
SELECT {{counts}}, key, outcome,
  CASE WHEN outcome IN ('failed', 'skipped') THEN reason ELSE '' END,
  count(*), 0, 0, 0, 0, 0::bigint, 0::bigint, 0
FROM (TABLE touch UNION ALL {{unsent}}) planned WHERE at < %(end)s GROUP BY 2, 3, 4
UNION ALL
SELECT CASE GROUPING(key) WHEN 1 THEN {{of_all}} ELSE {{of_each}} END, key, '', '',
  count(DISTINCT contact_id), 0, 0, 0, 0, 0, 0, 0
FROM sent WHERE at < %(end)s GROUP BY GROUPING SETS ((key), ())
UNION ALL
SELECT CASE GROUPING(key) WHEN 1 THEN {{of_all}} ELSE {{of_each}} END, key, '', '',
  0, count(DISTINCT touch) FILTER (WHERE what IN (1, 2)),
  count(DISTINCT touch) FILTER (WHERE what = 2), count(DISTINCT touch) FILTER (WHERE what = 3),
  count(*) FILTER (WHERE what = 3), COALESCE(sum(revenue), 0)::bigint,
  COALESCE(sum(margin), 0)::bigint, count(*) FILTER (WHERE what = 4)
FROM told WHERE at < %(end)s GROUP BY GROUPING SETS ((key), ())
"""  # noqa: S608 - our own names
# What a row of the answer is: how many touches came to what, or how many contacts were sent those
# of a key, or of all, and another row what came after them.
_COUNTS, _OF_EACH, _OF_ALL = range(3)


@dataclass
class Row:
    """`key` None: touches that are of no such thing. Money in fen.

    planned = sent + failed + skipped + cancelled + open; delivered are those of the sent of which
    it is known.
    """

    key: str | None
    name: str | None = None
    planned: int = 0
    sent: int = 0
    delivered: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0
    open: int = 0
    contacts: int = 0
    responded: int = 0
    clicked: int = 0
    ordered: int = 0
    orders: int = 0
    revenue: int = 0
    margin: int = 0
    lost: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def rate(self, part: int) -> Fraction | None:
        return ratio(part, self.sent)

    def add(self, outcome: str, reason: str, number: int) -> None:
        self.planned += number
        state = "sent" if outcome == "delivered" else outcome
        setattr(self, state, getattr(self, state) + number)
        if outcome == "delivered":
            self.delivered += number
        elif outcome in ("failed", "skipped"):
            self.reasons[reason] = self.reasons.get(reason, 0) + number


_EARNED: Final = (
    "contacts", "responded", "clicked", "ordered", "orders", "revenue", "margin", "lost",
)  # fmt: skip


@dataclass
class Report:
    """`best`: of the rows with enough touches the one that was answered most."""

    rows: list[Row]
    total: Row
    best: Row | None


def report(question: Question, group: Group, days: int) -> Report:
    """Inside a scope."""
    rows: dict[str | None, Row] = {}
    total = Row(None)
    found = _read(question, group, days)
    for _what, key, outcome, reason, number, *_nothing in _those(found, _COUNTS):
        rows.setdefault(key, Row(key)).add(outcome, reason, number)
        total.add(outcome, reason, number)
    for what, key, _outcome, _reason, *values in _those(found, _OF_EACH, _OF_ALL):
        row = total if what == _OF_ALL else rows[key]
        for name, value in zip(_EARNED, values, strict=True):
            setattr(row, name, getattr(row, name) + value)
    ordered = _ordered(group, _named(group, rows))
    return Report(ordered, total, _best(ordered))


def _ordered(group: Group, rows: list[Row]) -> list[Row]:
    """Hours and weekdays in their order, others by what was sent; touches of no such thing last."""
    if group in ("hour", "weekday"):
        return sorted(rows, key=lambda row: int(row.key or 0))
    return sorted(rows, key=lambda row: (row.key is None, -row.sent, -row.planned, row.name or ""))


def _best(rows: Sequence[Row]) -> Row | None:
    enough = [row for row in rows if row.key is not None and row.sent >= ENOUGH]
    return max(enough, key=lambda row: (row.rate(row.responded) or 0, row.sent), default=None)


# --- reading ---


def _read(question: Question, group: Group, days: int) -> list[tuple[Any, ...]]:
    span = question.span
    end = min(midnight(span.end, span.zone), question.as_of)
    window = timedelta(days=days)
    parameters = filters(question) | {
        "start": midnight(span.start, span.zone),
        "end": end,
        "until": min(end + max(SOON, window), question.as_of),
        "as_of": question.as_of,
        "soon": end + SOON,
        "later": end + window,
        "within": SOON,
        "window": window,
        "inbound": sorted(INBOUND),
    }
    sent, unsent = map(" UNION ALL ".join, _parts(group))
    sql = _TOUCHES.format(
        sent=sent, unsent=unsent, counts=_COUNTS, of_each=_OF_EACH, of_all=_OF_ALL
    )
    return buying.of_many(narrowed(sql, question), parameters)


def _those(found: Sequence[tuple[Any, ...]], *kinds: int) -> list[tuple[Any, ...]]:
    return [row for row in found if row[0] in kinds]


def _parts(group: Group) -> tuple[list[str], list[str]]:
    """Touches that may have been sent, and those that were not."""
    of_sop, of_broadcast, of_file = _KEYS[group]
    join = _JOINS.get(group, "")

    def key(sql: str, at: str) -> str:
        return sql.replace("{at}", at)

    frozen = "COALESCE(b.frozen_at, b.started_at, b.created_at)"
    sent = [
        _SENT.format(key=key(of_sop, "t.sent_at"), join=join),
        _RECIPIENTS.format(
            at="r.settled_at",
            key=key(of_broadcast, "r.settled_at"),
            outcome=_SETTLED,
            when="r.settled_at >= %(start)s AND r.settled_at < %(until)s",
        ),
        _TOLD.format(key=key(of_file, "e.at"), told=TOLD),
    ]
    due = key(of_sop, "t.due_at")
    unsent = [
        *(
            _UNSENT.format(key=due, join=join, which=which)
            for which in ("t.sent_at IS NULL", "t.sent_at >= %(as_of)s")
        ),
        _RECIPIENTS.format(
            at=frozen,
            key=key(of_broadcast, frozen),
            outcome=f"CASE WHEN r.settled_at IS NULL THEN {_SETTLED} ELSE 'open' END",
            when=f"{frozen} >= %(start)s AND {frozen} < %(end)s"
            " AND (r.settled_at IS NULL OR r.settled_at >= %(as_of)s)",
        ),
    ]
    return sent, unsent


# --- names ---


def _named(group: Group, rows: Mapping[str | None, Row]) -> list[Row]:
    """As things are called now."""
    names = _NAMES[group]([key for key in rows if key is not None])
    for key, row in rows.items():
        row.name = names.get(key) if key is not None else None
    return list(rows.values())


def _by_pk(model: type[Sop | Broadcast | Content]) -> Callable[[Sequence[str]], dict[str, str]]:
    def names(keys: Sequence[str]) -> dict[str, str]:
        found = {key: key.removeprefix("named:") for key in keys if key.startswith("named:")}
        rows = model.objects.filter(pk__in=[key for key in keys if key not in found])
        return found | {str(row.pk): str(row) for row in rows}

    return names


def _steps(keys: Sequence[str]) -> dict[str, str]:
    """Of a script's versions each has its own steps."""
    rows = SopStep.objects.filter(pk__in=keys).select_related("version__sop")
    return {
        str(row.pk): f"{row.version.sop} v{row.version.number} · {row.position}" for row in rows
    }


def _same(keys: Sequence[str]) -> dict[str, str]:
    return {key: key for key in keys}


_NAMES: Final[Mapping[Group, Callable[[Sequence[str]], dict[str, str]]]] = {
    "sop": _by_pk(Sop),
    "step": _steps,
    "broadcast": _by_pk(Broadcast),
    "content": _by_pk(Content),
    "route": _same,
    "hour": _same,
    "weekday": _same,
}
