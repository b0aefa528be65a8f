"""The other reports by DuckDB, live over the tenant's raw rows: anchors of bench/all_reports.py.

Each answers the same figures as ours, as far as its words go: of the user assets by level only
opening and closing, of the scorecard all shares that are no sums of days.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import duckdb

from analytics.periods import Question
from bench.reports_by_duckdb import DAY_US, SHIFT
from contacts.kinds import INBOUND

Answer = Mapping[str | None, Any]
_DAY = f"make_timestamp({{}} + {SHIFT})::date"
_INBOUND = ", ".join(f"'{kind}'" for kind in sorted(INBOUND))

_PAID = """
paid AS (
  SELECT contact, t, amount - refund AS revenue, amount - refund - cost AS margin FROM (
    SELECT *, CASE WHEN refunded IS NOT NULL THEN refunded
      WHEN status = 'refunded' THEN amount ELSE 0 END AS refund FROM orders) o
  WHERE status <> 'cancelled' AND t IS NOT NULL AND NOT (refund > 0 AND refund >= amount)
    AND t < $as_of
)"""
_ASSET = """
asset AS (SELECT DISTINCT contact FROM spells
  WHERE opened < $end AND (ended IS NULL OR ended > $start))"""

_FORMULA = f"""
WITH {_PAID}, {_ASSET}, reached AS (
  SELECT contact, min(t) AS began FROM events JOIN asset USING (contact)
  WHERE kind = 'touch.delivered' AND t >= $start AND t < $end GROUP BY contact
), inside AS (
  SELECT revenue, t >= began AS after FROM paid LEFT JOIN reached USING (contact)
  WHERE t >= $start AND t < $end
)
SELECT (SELECT count(*) FROM asset), (SELECT count(*) FROM reached),
  count(*) FILTER (WHERE after), sum(revenue) FILTER (WHERE after), sum(revenue) FROM inside
"""
_RATES = f"""
WITH {_PAID}, scanned AS (
  SELECT contact, min(t) AS began FROM events
  WHERE kind = 'livecode.scanned' AND t >= $start AND t < $end GROUP BY contact
), added AS (
  SELECT contact, min(opened) AS began FROM scanned JOIN spells USING (contact)
  WHERE staff IS NOT NULL AND opened >= began AND opened <= began + 7 * {DAY_US} GROUP BY contact
), served AS (
  SELECT contact, began FROM added JOIN events USING (contact)
  WHERE kind IN ('message.received', 'message.sent') AND t >= began AND t <= began + 7 * {DAY_US}
    AND t < $as_of
  GROUP BY contact, began HAVING count(DISTINCT kind) = 2
)
SELECT (SELECT count(*) FROM scanned), (SELECT count(*) FROM added), (SELECT count(*) FROM served),
  (SELECT count(DISTINCT contact) FROM served JOIN paid USING (contact)
   WHERE t >= began AND t <= began + 30 * {DAY_US})
"""
_BASELINES = f"""
WITH {_PAID}
SELECT 'new_contacts', {_DAY.format("reach")}, count(*) FROM contacts
WHERE reach >= $start - 56 * {DAY_US} AND reach < $end GROUP BY ALL
UNION ALL SELECT 'orders', {_DAY.format("t")}, count(*) FROM paid
WHERE t >= $start - 56 * {DAY_US} AND t < $end GROUP BY ALL
UNION ALL SELECT 'revenue', {_DAY.format("t")}, sum(revenue) FROM paid
WHERE t >= $start - 56 * {DAY_US} AND t < $end GROUP BY ALL
UNION ALL SELECT 'deletes', {_DAY.format("ended")}, count(*) FROM spells
WHERE staff IS NOT NULL AND ended_by = 'customer'
  AND ended >= $start - 56 * {DAY_US} AND ended < $end GROUP BY ALL
"""
_KPIS = f"""
WITH {_PAID}, {_ASSET}, customer AS (
  SELECT contact, count(*) AS n FROM paid WHERE t < $end GROUP BY contact)
SELECT
  (SELECT count(*) FILTER (WHERE ended_by = 'customer' AND ended >= $start AND ended < $end)
     / count(*) FROM spells
   WHERE staff IS NOT NULL AND opened < $end AND (ended IS NULL OR ended >= $start)),
  (SELECT count(DISTINCT contact) FROM events JOIN asset USING (contact)
   WHERE kind IN ({_INBOUND}) AND t >= $start AND t < $end) / (SELECT count(*) FROM asset),
  (SELECT count(DISTINCT contact) FROM tags JOIN asset USING (contact))
    / (SELECT count(*) FROM asset),
  (SELECT count(*) FILTER (WHERE n > 1) / count(*) FROM customer),
  (SELECT count(*) FROM customer WHERE contact IN (
     SELECT referrer FROM contacts WHERE referrer IS NOT NULL AND reach < $end))
    / (SELECT count(*) FROM customer),
  (SELECT count(*) FILTER (WHERE kind <> 'promotion') / count(*) FROM touches
   WHERE t >= $end - 30 * {DAY_US} AND t < $end)
"""
_KEYS = (
    "delete_rate", "interaction_rate", "tag_coverage", "repeat_rate", "referral_rate", "trust_mix",
)  # fmt: skip
_LEVELS = f"""
WITH {_PAID}, moment AS (SELECT unnest([$start, $to]) AS began),
held AS (
  SELECT DISTINCT began, contact FROM moment JOIN spells ON opened < began
    AND (ended IS NULL OR ended >= began)
), active AS (
  SELECT DISTINCT began, contact FROM moment JOIN events ON t >= began - 30 * {DAY_US} AND t < began
    AND t < $as_of WHERE kind IN ({_INBOUND})
), bought AS (
  SELECT DISTINCT began, contact FROM moment JOIN paid ON t >= began - 365 * {DAY_US} AND t < began
)
SELECT CASE WHEN a.contact IS NULL THEN 'L1' WHEN b.contact IS NULL THEN 'L2' ELSE 'L3' END,
  count(*) FILTER (WHERE h.began = $start), count(*) FILTER (WHERE h.began = $to)
FROM held h LEFT JOIN active a ON a.contact = h.contact AND a.began = h.began
LEFT JOIN bought b ON b.contact = h.contact AND b.began = h.began GROUP BY 1
"""
_GUIDES = """
SELECT staff, count(*) FILTER (WHERE opened < $start AND (ended IS NULL OR ended >= $start)),
  count(*) FILTER (WHERE ended IS NULL OR ended >= $to) FROM spells
WHERE opened < $to GROUP BY staff
"""
_LOSSES = """
WITH seen AS (
  SELECT channel, opened, CASE WHEN ended < $as_of THEN ended END AS ended,
    CASE WHEN ended < $as_of THEN ended_by ELSE '' END AS who
  FROM spells JOIN contacts ON id = contact
  WHERE staff IS NOT NULL AND opened_by IS DISTINCT FROM 'transfer'
    AND opened >= $start AND opened < $end
)
SELECT channel, count(*), count(*) FILTER (WHERE opened + 7 * {day} <= $as_of
    AND NOT COALESCE(who = 'transfer' AND ended < opened + 7 * {day}, false)),
  count(*) FILTER (WHERE opened + 7 * {day} <= $as_of AND ended <= opened + 7 * {day}
    AND who IN ('customer', 'staff', 'unknown'))
FROM seen GROUP BY channel
""".replace("{day}", str(DAY_US))
_ATTRIBUTION = f"""
WITH {_PAID}, inside AS (SELECT *, row_number() OVER () AS id FROM paid
  WHERE t >= $start AND t < $end)
SELECT CASE WHEN reach <= t AND reach >= t - 30 * {DAY_US} AND channel <> 0 THEN channel END,
  count(*), sum(revenue), sum(margin)
FROM inside JOIN contacts c ON c.id = inside.contact GROUP BY 1
"""
_TRUST = f"""
WITH each AS (
  SELECT count(*) FILTER (WHERE kind <> 'promotion') AS gentle, count(*) AS sent FROM touches
  WHERE t >= $end - 30 * {DAY_US} AND t < $end GROUP BY contact
)
SELECT sum(gentle), sum(sent), count(*), avg(gentle / sent) FROM each
"""


class Anchor:
    """The tenant's rows in DuckDB, and the names of its channels and guides."""

    def __init__(
        self,
        there: duckdb.DuckDBPyConnection,
        channels: Mapping[int, str],
        guides: Mapping[int, str],
    ) -> None:
        self.there, self.channels, self.guides = there, channels, guides

    def ask(self, sql: str, question: Question) -> list[Any]:
        given = {
            "as_of": question.as_of_us,
            "start": question.span.start_us,
            "end": question.end_us,
            "to": question.span.end_us,
        }
        used = {name: each for name, each in given.items() if f"${name}" in sql}
        return self.there.execute(sql, used).fetchall()

    def formula(self, question: Question) -> Answer:
        assets, reached, orders, revenue, paid = self.ask(_FORMULA, question)[0]
        return {
            "assets": assets,
            "reached": reached,
            "orders": orders,
            "revenue": _money(revenue),
            "unreached_revenue": _money((paid or 0) - (revenue or 0)),
        }

    def rates(self, question: Question) -> Answer:
        steps = ("scanned", "added", "served", "monetised")
        return dict(zip(steps, self.ask(_RATES, question)[0], strict=True))

    def baselines(self, question: Question) -> Answer:
        span = question.span
        return {
            f"{metric} {day}": _money(value) if metric == "revenue" else int(value)
            for metric, day, value in self.ask(_BASELINES, question)
            if span.start <= day < span.end and value
        }

    def kpis(self, question: Question) -> Answer:
        found = dict(zip(_KEYS, self.ask(_KPIS, question)[0], strict=True))
        return {key: round(share, 9) for key, share in found.items()}

    def levels(self, question: Question) -> Answer:
        return {
            level: (opening, closing) for level, opening, closing in self.ask(_LEVELS, question)
        }

    def by_guide(self, question: Question) -> Answer:
        rows = self.ask(_GUIDES, question)
        return {self.guides[staff]: tuple(heads) for staff, *heads in rows if any(heads)}

    def losses(self, question: Question) -> Answer:
        rows = self.ask(_LOSSES, question)
        return {self.channels.get(channel): tuple(heads) for channel, *heads in rows}

    def attribution(self, question: Question) -> Answer:
        """Without live codes a contact has one point, so all ways to share agree."""
        rows = self.ask(_ATTRIBUTION, question)
        return {
            self.channels.get(channel): (orders, _money(revenue), _money(margin))
            for channel, orders, revenue, margin in rows
        }

    def trust(self, question: Question) -> Answer:
        gentle, sent, contacts, mean = self.ask(_TRUST, question)[0]
        mean = round(mean, 9)
        return {"gentle": int(gentle), "touches": sent, "contacts": contacts, "mean": mean}


def _money(fen: object) -> str:
    whole = int(fen or 0)  # type: ignore[call-overload]
    return f"{'-' if whole < 0 else ''}{abs(whole) // 100}.{abs(whole) % 100:02}"


# --- the same figures of our answers ---


def _formula(told: Any) -> Answer:
    names = ("assets", "reached", "orders", "revenue", "unreached_revenue")
    return {name: told[name] for name in names}


def _rates(told: Any) -> Answer:
    return {name: told[name] for name in ("scanned", "added", "served", "monetised")}


def _baselines(told: Any) -> Answer:
    days = {f"{day['metric']} {day['date']}": day["value"] for day in told["metrics"]}
    return {day: value for day, value in days.items() if value not in (0, "0.00")}


def _kpis(told: Any) -> Answer:
    return {kpi["key"]: round(kpi["value"], 9) for kpi in told["kpis"] if kpi["key"] in _KEYS}


def _heads(told: Any) -> Answer:
    rows = {row["group"]: (row["opening"], row["closing"]) for row in told["rows"]}
    return {group: heads for group, heads in rows.items() if any(heads)}


def _losses(told: Any) -> Answer:
    return {
        row["group"]: (row["opened"], row["after"]["7"]["observed"], row["after"]["7"]["lost"])
        for row in told["rows"]
    }


def _attribution(told: Any) -> Answer:
    credits = {row["group"]: row["models"]["last"] for row in told["rows"]}
    return {
        group: (credit["orders"], credit["revenue"], credit["margin"])
        for group, credit in credits.items()
        if credit["orders"]
    }


def _trust(told: Any) -> Answer:
    counts: Answer = {name: told[name] for name in ("gentle", "touches", "contacts")}
    return {**counts, "mean": round(told["mean"], 9)}


# report: its parameters, days of the period, DuckDB's answer, the same part of ours
Case = tuple[
    str, Mapping[str, str], int, Callable[[Anchor, Question], Answer], Callable[[Any], Answer]
]
CASES: tuple[Case, ...] = (
    ("formula", {}, 30, Anchor.formula, _formula),
    ("wecom-rates", {}, 90, Anchor.rates, _rates),
    ("baselines", {}, 30, Anchor.baselines, _baselines),
    ("kpis", {}, 30, Anchor.kpis, _kpis),
    ("user-assets", {"group": "ownership"}, 30, Anchor.levels, _heads),
    ("user-assets", {"group": "staff"}, 30, Anchor.by_guide, _heads),
    ("losses", {"group": "channel"}, 90, Anchor.losses, _losses),
    ("attribution", {"group": "channel", "days": "30"}, 90, Anchor.attribution, _attribution),
    ("trust-mix", {}, 30, Anchor.trust, _trust),
)
