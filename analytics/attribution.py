"""Which channel, live code, campaign or content earned the orders? Four ways to share them.

Credit for an order goes to the points at which the buyer was met within N days before it, both
ends in (FIGURES R2): all to the first point, all to the last, the same to each, or 40 % to the
first, 40 % to the last and the rest to those between. What a point is depends on what is asked:

- channel: the first reachable moment, of the contact's channel; an addition by a live code, of the
  code's channel.
- live_code: an addition by the code.
- campaign: a delivered touch of an SOP, also one that a file tells of, or a delivered message of a
  broadcast.
- content: a delivered touch that carried it, its reading, opening or downloading.

Orders without such a point are a row of their own, so rows sum up to all paid orders (R3, R4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final, Literal

from django.db.models import QuerySet

from analytics import attributed_costs, buying, hindsight
from analytics.credits import cells, readings
from analytics.periods import Question, among, micros, midnight
from analytics.sent_touches import SOP_TOLD, TOLD
from campaigns.models import Broadcast
from contacts.models import Channel, LiveCode
from journeys.models import Content, Sop
from tenants.rest.fields import row_id

Group = Literal["channel", "live_code", "campaign", "content"]
GROUPS: Final[tuple[Group, ...]] = ("channel", "live_code", "campaign", "content")
Model = Literal["first", "last", "linear", "position"]
MODELS: Final[tuple[Model, ...]] = ("first", "last", "linear", "position")
WINDOWS: Final = readings.WINDOWS
_ENDS, _BETWEEN = Fraction(2, 5), Fraction(1, 5)

# (contact_id, at, key) of the points; `{when}` narrows a moment to what can matter.
_POINTS: Final[Mapping[Group, Sequence[str]]] = {
    "channel": (
        # Of customers alone: facts know them, and all others bought nothing.
        "SELECT contact_id, timestamptz 'epoch' + reach_us * interval '1 microsecond' AS at,"
        " channel_id AS key FROM analytics_customerfact WHERE tenant_id = %(tenant)s"
        " AND channel_id <> 0 AND reach_us >= %(points_us)s AND reach_us < %(end_us)s",
        "SELECT a.contact_id, a.opened_at, l.channel_id FROM contacts_livecodeadd a"
        " JOIN contacts_livecode l ON l.tenant_id = a.tenant_id AND l.id = a.live_code_id"
        " WHERE a.tenant_id = %(tenant)s AND l.tenant_id = %(tenant)s"
        " AND l.channel_id IS NOT NULL AND {when:a.opened_at}",
    ),
    "live_code": (
        "SELECT contact_id, opened_at AS at, live_code_id AS key FROM contacts_livecodeadd"
        " WHERE tenant_id = %(tenant)s AND {when:opened_at}",
    ),
    "campaign": (
        "SELECT t.contact_id, t.delivered_at AS at, 'sop:' || e.sop_id AS key"
        " FROM journeys_touch t JOIN journeys_enrolment e"
        " ON e.tenant_id = t.tenant_id AND e.id = t.enrolment_id"
        " WHERE t.tenant_id = %(tenant)s AND e.tenant_id = %(tenant)s"
        " AND t.state = 'delivered' AND {when:t.delivered_at}",
        "SELECT contact_id, settled_at, 'broadcast:' || broadcast_id"
        " FROM campaigns_broadcastrecipient WHERE tenant_id = %(tenant)s"
        " AND state = 'delivered' AND contact_id IS NOT NULL AND {when:settled_at}",
        f"SELECT e.contact_id, e.at, 'sop:' || {SOP_TOLD} FROM contacts_event e"  # noqa: S608 - our own names
        f" WHERE e.tenant_id = %(tenant)s AND {TOLD} AND {{when:e.at}}",
    ),
    "content": (
        "SELECT t.contact_id, t.delivered_at AS at, s.content_id::text AS key"
        " FROM journeys_touch t JOIN journeys_sopstep s"
        " ON s.tenant_id = t.tenant_id AND s.id = t.step_id"
        " WHERE t.tenant_id = %(tenant)s AND s.tenant_id = %(tenant)s"
        " AND s.content_id IS NOT NULL AND t.state = 'delivered' AND {when:t.delivered_at}",
        "SELECT r.contact_id, r.settled_at, b.content_id::text"
        " FROM campaigns_broadcastrecipient r JOIN campaigns_broadcast b"
        " ON b.tenant_id = r.tenant_id AND b.id = r.broadcast_id"
        " WHERE r.tenant_id = %(tenant)s AND b.tenant_id = %(tenant)s"
        " AND b.content_id IS NOT NULL AND r.state = 'delivered'"
        " AND r.contact_id IS NOT NULL AND {when:r.settled_at}",
        # Which content it was is looked up for those alone that an order came after.
        "SELECT before.contact_id, before.at, used.key FROM ("
        " SELECT DISTINCT e.contact_id, e.at FROM contacts_event e"
        " JOIN bought b ON b.contact_id = e.contact_id AND e.at <= b.paid_at"
        " AND e.at >= b.paid_at - %(window)s * interval '1 second'"
        " WHERE e.tenant_id = %(tenant)s AND e.kind = ANY(%(uses)s::text[]) AND {when:e.at}) before"
        " CROSS JOIN LATERAL ("
        " SELECT COALESCE('id:' || (properties->>'content_id'),"
        " 'title:' || (properties->>'content')) AS key FROM contacts_event u"
        " WHERE u.tenant_id = %(tenant)s AND u.contact_id = before.contact_id AND u.at = before.at"
        " AND u.kind = ANY(%(uses)s::text[]) OFFSET 0) used",
    ),
}
_USES: Final = ["content.downloaded", "content.read", "link.clicked"]

# Orders by how many points they have, and which of them a key is: enough to share by every model.
_SHARES: Final = """
WITH bought AS NOT MATERIALIZED (
  SELECT o.id, o.contact_id, o.paid_at, o.amount_fen - o.refund_fen AS revenue,
    o.amount_fen - o.refund_fen - o.cost_fen AS margin
  FROM contacts_order o WHERE o.tenant_id = %(tenant)s AND o.paid
    AND o.paid_at >= %(start)s AND o.paid_at < %(end)s {among}
), points AS ({points}), met AS (
  SELECT id, revenue, margin, key,
    row_number() OVER (PARTITION BY id ORDER BY at, key) AS place,
    count(*) OVER (PARTITION BY id) AS points
  FROM (
    SELECT DISTINCT ON (b.id, p.at, p.key::text) b.id, b.revenue, b.margin, p.at,
      p.key::text AS key
    FROM bought b JOIN points p ON p.contact_id = b.contact_id AND p.at <= b.paid_at
      AND p.at >= b.paid_at - %(window)s * interval '1 second' AND p.key IS NOT NULL
    ORDER BY b.id, p.at, p.key::text) each
)
"""
# All orders together tell what is left for those without a point, usually the most: whole days of
# them from cells.
_OF_DAYS: Final = """
SELECT NULL, 0, false, false, COALESCE(sum(orders), 0)::bigint,
  COALESCE(sum(revenue), 0)::bigint, COALESCE(sum(margin), 0)::bigint
FROM (
  SELECT orders, revenue, margin FROM analytics_daycell
  WHERE tenant_id = %(tenant)s AND channel_id = %(which)s AND day >= %(first_day)s
    AND day < %(whole)s {rest}) daily
"""
_REST: Final = "UNION ALL SELECT 1, revenue, margin FROM bought WHERE paid_at >= %(rest)s"
_COUNTED: Final = f"""
SELECT key, points, place = 1, place = points, count(*), sum(revenue)::bigint, sum(margin)::bigint
FROM met GROUP BY 1, 2, 3, 4
UNION ALL {_OF_DAYS.format(rest=_REST)}"""  # noqa: S608 - our own names
NO_POINT: Final = "none"


@dataclass
class Credit:
    """What a model gives: orders, and fen of revenue and margin, as exact shares."""

    orders: Fraction = Fraction(0)
    revenue: Fraction = Fraction(0)
    margin: Fraction = Fraction(0)

    def add(self, share: Fraction, orders: int, revenue: int, margin: int) -> None:
        self.orders += share * orders
        self.revenue += share * revenue
        self.margin += share * margin


@dataclass
class Row:
    """`name` None: orders without a point, or with one that was deleted. `cost` None: none is
    known of it.
    """

    name: str | None
    cost: Fraction | None = None
    key: str | None = None
    credits: dict[Model, Credit] = field(default_factory=lambda: {m: Credit() for m in MODELS})

    def roi(self, model: Model) -> Fraction | None:
        """(margin attributed − cost) ÷ cost."""
        return (self.credits[model].margin - self.cost) / self.cost if self.cost else None


def report(question: Question, group: Group, days: int) -> list[Row]:
    """Inside a scope: a row for each of the group that earned or cost something, the most revenue
    by the last point first; orders without a point last.
    """
    rows: dict[str | None, Row] = {}
    for key, points, first, last, orders, revenue, margin in _read(question, group, days):
        row = rows.setdefault(_plain(key), Row(None))
        for model in MODELS:
            share = Fraction(1) if key is None else _share(model, points, first=first, last=last)
            row.credits[model].add(share, orders, revenue, margin)
    for place, cost in attributed_costs.read(question, group).items():
        rows.setdefault(place, Row(None)).cost = cost
    names = _names(group, [key for key in rows if key is not None])
    merged: dict[str | None, Row] = {}
    for place, row in rows.items():
        row.name = None if place is None else names.get(place)
        row.key = None if row.name is None else place
        merged[row.key] = _joined(merged[row.key], row) if row.key in merged else row
    return sorted(
        merged.values(),
        key=lambda row: (row.name is None, -row.credits["last"].revenue, row.name or ""),
    )


def total(rows: Sequence[Row]) -> Row:
    whole = Row(None)
    for row in rows:
        whole = _joined(whole, row)
    return whole


def _share(model: Model, points: int, *, first: bool, last: bool) -> Fraction:
    if model == "linear":
        return Fraction(1, points)
    if model == "first":
        return Fraction(int(first))
    if model == "last":
        return Fraction(int(last))
    if points <= 2:
        return Fraction(1, points)
    return _ENDS if first or last else _BETWEEN / (points - 2)


def _read(question: Question, group: Group, days: int) -> list[tuple[Any, ...]]:
    given = _given(question, days)
    counted: list[tuple[Any, ...]] = []
    if cells.know(question, group, days):
        counted = cells.read(group, days, given)
        given = _given(question, days, start=given["rest"])
    if given["start"] < given["end"]:
        counted += buying.of_many(_shares(question, group) + _COUNTED, given)
    else:
        counted += buying.rows(_OF_DAYS.format(rest=""), given)
    return _with_the_rest(counted)


def _with_the_rest(found: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The row of all orders becomes one of those without a point, if there are any."""
    met = [row for row in found if row[0] is not None]
    (whole,) = (row[4:] for row in found if row[0] is None)
    counted = [row[4:] for row in met if row[2]]  # each order at its first point
    rest = [sum_ - sum(row[n] for row in counted) for n, sum_ in enumerate(whole)]
    return [*met, (None, 0, False, False, *rest)] if rest[0] else met


def behind(question: Question, group: Group, days: int, key: str) -> tuple[str, dict[str, Any]]:
    """SQL of the orders whose last point is the row's of this key, or of the row without a name
    (`NO_POINT`); and its parameters.
    """
    names = {None} if key == NO_POINT else {key}
    found = {place for place, *_shares in _read(question, group, days)}
    known = _names(group, [each for each in map(_plain, found) if each is not None])
    keys = [k for k in found if (_plain(k) if _plain(k) in known else None) in names]
    sql = "SELECT id FROM met WHERE place = points AND key = ANY(%(keys)s::text[])"
    if key == NO_POINT:
        sql += " UNION ALL (SELECT id FROM bought EXCEPT SELECT id FROM met)"
    wanted = {"keys": [k for k in keys if k is not None]}
    return _shares(question, group) + sql, _given(question, days) | wanted


def _shares(question: Question, group: Group) -> str:
    return _SHARES.format(
        among=among(question), points=" UNION ALL ".join(_within(sql) for sql in _POINTS[group])
    )


def _given(question: Question, days: int, start: datetime | None = None) -> dict[str, Any]:
    """Of the period, or of what of it lies after `start`."""
    span = question.span
    start = start or midnight(span.start, span.zone)
    return hindsight.by_days(question) | {
        "start": start,
        "end": min(midnight(span.end, span.zone), question.as_of),
        "end_us": question.end_us,
        "points_us": micros(start - timedelta(days=days)),
        "window": days * 86_400,
        "uses": _USES,
    }


def name_of(group: Group, key: str) -> str:
    return _names(group, [key]).get(key, "")


def _within(sql: str) -> str:
    """With `{when:column}` written out."""
    within = r"\1 >= %(start)s - %(window)s * interval '1 second' AND \1 < %(end)s"
    return re.sub(r"\{when:([^}]*)\}", within, sql)


def _plain(key: str | None) -> str | None:
    """A content by its opaque id is the same as by its row's."""
    if key is not None and key.startswith("id:"):
        number = row_id(key.removeprefix("id:"))
        return None if number is None else str(number)
    return key


def _joined(one: Row, other: Row) -> Row:
    costs = [cost for cost in (one.cost, other.cost) if cost is not None]
    both = Row(one.name or other.name, sum(costs, Fraction(0)) if costs else None, one.key)
    for model in MODELS:
        for row in (one, other):
            mine = row.credits[model]
            both.credits[model].orders += mine.orders
            both.credits[model].revenue += mine.revenue
            both.credits[model].margin += mine.margin
    return both


# --- names ---


def _names(group: Group, keys: Sequence[str]) -> dict[str, str]:
    """As they are called now; what was deleted has none."""
    of: dict[Group, dict[str, QuerySet[Any, Any]]] = {
        "channel": {"": Channel.objects.values_list("pk", "name")},
        "live_code": {"": LiveCode.objects.values_list("pk", "name")},
        "campaign": {
            "sop:": Sop.objects.values_list("pk", "name"),
            "broadcast:": Broadcast.objects.values_list("pk", "name"),
        },
        "content": {"": Content.objects.values_list("pk", "title")},
    }
    told = re.compile(r"title:|sop:named:")  # by files, that name things
    found = {key: told.sub("", key, count=1) for key in keys if told.match(key)}
    for prefix, named in of[group].items():
        ids = [rest for key in keys if (rest := key.removeprefix(prefix)).isdecimal()]
        found |= {f"{prefix}{pk}": name for pk, name in named.filter(pk__in=ids)}
    return found
