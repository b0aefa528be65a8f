"""What may a segment's rule ask of RFM? A named group, or scores from 1 to 5, over a period.

    {"rfm": {"group": "champions", "within_days": 365}}
    {"rfm": {"r": {"at_least": 4}, "f": {"is": 1}, "after": "2026-01-01", "before": "2026-07-01"}}

The last N days are calendar days, today being the last of them: those that the report asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from analytics.models import RfmBorders
from analytics.rfm import borders, scores
from analytics.rfm.borders import Period
from analytics.rfm.scores import BEST, SCORES, Score
from contacts.segments import leaves, pieces, values
from contacts.segments.pieces import Ids, Moment, Piece
from contacts.segments.rules import RuleError, at, refuse_beside
from contacts.segments.values import Range

_ORDERS = "contacts_order"
_DAYS = 365
_WORTH = {
    "r": "max(t.paid_at)",
    "f": "count(*)",
    "m": "sum(t.amount_fen - t.refund_fen)::bigint",
}  # fmt: skip


@dataclass(frozen=True)
class RfmLeaf:
    """Customers of the period whose scores lie in the ranges."""

    path: str
    ranges: Mapping[Score, tuple[int, int]]
    period: Period
    group: str = ""

    def compile(self, moment: Moment) -> Piece:
        found = borders.of(self.period, moment.now, fresh=moment.among is None)
        if not found.r:
            return pieces.NOBODY
        parts, given = self._having(found)
        return pieces.rows(
            _ORDERS,
            "t.paid AND t.paid_at >= %s AND t.paid_at < %s",
            borders.within(found, moment.now),
            moment,
            having=" AND ".join(parts) or "true",
            having_values=given,
        )

    def _having(self, found: RfmBorders) -> tuple[list[str], list[object]]:
        kept: Mapping[Score, Sequence[object]] = {"r": found.r, "f": found.f, "m": found.m}
        parts: list[str] = []
        given: list[object] = []
        for score, (low, high) in self.ranges.items():
            if low > 1:
                parts.append(f"{_WORTH[score]} > %s")
                given.append(kept[score][low - 2])
            if high < BEST:
                parts.append(f"{_WORTH[score]} <= %s")
                given.append(kept[score][high - 1])
        return parts, given

    def hears(self, kind: str) -> bool:
        return leaves.hears(("order.",), kind)

    def moved(self, before: datetime, moment: Moment) -> Sequence[Ids] | None:
        """Who had paid ahead of then; whom the days leave behind is found with the day's count."""
        where = "t.paid AND t.paid_at >= %s AND t.paid_at <= %s"
        return [pieces.rows(_ORDERS, where, (before, moment.now), moment)]

    def basis(self) -> str:
        """Everybody's scores are against everybody's orders."""
        return f"rfm:{borders.digest(borders.of(self.period, fresh=True))}"

    def words(self) -> str:
        named = scores.group_named(self.group)
        said = [str(named.name)] if named else []
        if not named:
            said += [_said(score, *self.ranges[score]) for score in SCORES if score in self.ranges]
        return f"RFM {' '.join(said)} {self._when()}".strip()

    def _when(self) -> str:
        if self.period.days is not None:
            return _("in the last %(days)s days") % {"days": self.period.days}
        said = []
        if self.period.start is not None:
            said.append(_("from %(day)s on") % {"day": self.period.start})
        if self.period.end is not None:
            said.append(_("before %(day)s") % {"day": self.period.end})
        return " ".join(said)


def _said(score: Score, low: int, high: int) -> str:
    return f"{score.upper()} = {low}" if low == high else f"{score.upper()} {low}–{high}"


def _read(rule: Mapping[str, Any], path: str) -> RfmLeaf:
    given = refuse_beside(rule, "rfm", "group", path)
    values.refuse_unknown(given, ("group", *SCORES, "within_days", "after", "before"), path)
    period = _period(given, path)
    if "group" in given:
        if any(score in given for score in SCORES):
            raise RuleError(at(path, "group"), _("Write either a group or scores."))
        found = scores.group_named(values.text(given["group"], at(path, "group")))
        if found is None:
            keys = ", ".join(group.key for group in scores.GROUPS)
            raise RuleError(
                at(path, "group"), _("There is no such group. Write one of %(names)s.")
                % {"names": keys},
            )  # fmt: skip
        return RfmLeaf(path, found.ranges(), period, found.key)
    ranges = {score: _scores(given[score], at(path, score)) for score in SCORES if score in given}
    if not ranges:
        raise RuleError(path, _("Write a group, or scores as {“r”: {“at_least”: 4}}."))
    return RfmLeaf(path, ranges, period)


def _scores(value: object, path: str) -> tuple[int, int]:
    span: Range = values.count({"is": value} if isinstance(value, int) else value, path)
    low, high = int(span.low or 1), BEST if span.high is None else int(span.high)
    if not 1 <= low <= high <= BEST:
        raise RuleError(path, _("Scores are whole numbers from 1 to 5."))
    return low, high


def _period(given: Mapping[str, Any], path: str) -> Period:
    if "after" not in given and "before" not in given:
        days = given.get("within_days", _DAYS)
        return Period(values.days(days, at(path, "within_days")))
    if "within_days" in given:
        raise RuleError(
            at(path, "within_days"), _("Write either “within_days” or “after” and “before”.")
        )
    start, end = (_day(given[name], at(path, name)) if name in given else None
                  for name in ("after", "before"))  # fmt: skip
    if start is not None and end is not None and start >= end:
        raise RuleError(at(path, "before"), _("The period must end after it begins."))
    return Period(start=start, end=end)


def _day(value: object, path: str) -> date:
    moment = values.moment(value, path)
    if isinstance(moment, datetime):
        raise RuleError(path, _("Write a day such as 2026-01-31."))
    return moment


def register() -> None:
    leaves.reader("rfm", _read)
