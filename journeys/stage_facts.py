"""What is known of contacts, of what the entry rules of stages ask for? A few statements in all.

Each look has a floor: facts after it. The first look at a contact has none; after a move by hand
there is a second one, because only what happened since may move the contact again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from journeys import entry_rules, scoring
from journeys.entry_rules import ALWAYS, Facts, Rule
from journeys.models import ScoreModel
from tenants.scope import current_tenant_id

# Our own notes are no facts of a life: an import is no visit. Orders are asked for paid_at itself.
NOTES = ("contact", "tag", "identity", "stage", "lead", "touch", "welcome", "import", "order")


@dataclass(frozen=True)
class Look:
    """A contact, and the moment after which its facts count (None: all of them)."""

    contact_id: int
    floor: datetime | None = None


@dataclass(frozen=True)
class Person:
    """What has no time: is the contact named, is it excluded, how is it graded now."""

    named: bool
    excluded: bool
    grade: str


# Each look is a lateral one, ordered as the index of contacts is: one probe a contact, also for a
# tenant that the statistics do not know yet (other plans are quadratic over its first import).
_LOOK = """
SELECT look.nr, c.named, c.excluded, COALESCE(s.grade, 'C'),
  least(c.acquired_at, happened.at, bought.first),
  CASE WHEN look.floor = '-infinity' THEN c.acquired_at ELSE reach.at END,
  confirmed.at, bought.paid
FROM unnest(%(ids)s::bigint[], %(floors)s::timestamptz[])
  WITH ORDINALITY AS look(contact_id, floor, nr)
CROSS JOIN LATERAL (
  SELECT c.id, c.name <> '' AND c.phone IS NOT NULL AS named, c.excluded, c.acquired_at
  FROM contacts_contact c WHERE c.tenant_id = %(tenant)s AND c.id = look.contact_id LIMIT 1) c
LEFT JOIN LATERAL (
  SELECT s.grade FROM journeys_score s WHERE s.tenant_id = %(tenant)s AND s.model_id = %(model)s
    AND s.contact_id = look.contact_id LIMIT 1) s ON true
LEFT JOIN LATERAL (
  SELECT e.at FROM contacts_event e WHERE e.tenant_id = %(tenant)s AND e.contact_id = c.id
    AND split_part(e.kind, '.', 1) <> ALL(%(notes)s)
  ORDER BY e.at, e.id LIMIT 1) happened ON true
LEFT JOIN LATERAL (
  SELECT r.opened_at AS at FROM contacts_reachspell r
  WHERE r.tenant_id = %(tenant)s AND r.contact_id = c.id AND r.opened_at > look.floor
    AND look.floor > '-infinity' ORDER BY r.opened_at LIMIT 1) reach ON true
LEFT JOIN LATERAL (
  SELECT min(o.paid_at) AS first,
    min(o.paid_at) FILTER (WHERE o.paid AND o.paid_at > look.floor) AS paid
  FROM (SELECT * FROM contacts_order o WHERE o.tenant_id = %(tenant)s AND o.contact_id = c.id
    ORDER BY o.paid_at OFFSET 0) o) bought ON true
LEFT JOIN LATERAL (
  SELECT min(f.at) AS at FROM (
    SELECT l.id FROM journeys_lead l WHERE l.tenant_id = %(tenant)s AND l.contact_id = c.id
    ORDER BY l.id DESC OFFSET 0) l
  JOIN journeys_followup f ON f.tenant_id = %(tenant)s AND f.lead_id = l.id
  WHERE f.need_confirmed AND f.at > look.floor) confirmed ON true
"""

_EVENTS = """
SELECT look.nr, leaf.key, min(e.at)
FROM unnest(%(ids)s::bigint[], %(floors)s::timestamptz[])
  WITH ORDINALITY AS look(contact_id, floor, nr)
JOIN contacts_event e ON e.tenant_id = %(tenant)s AND e.contact_id = look.contact_id
  AND e.at > look.floor AND e.kind = ANY(%(kinds)s)
JOIN jsonb_to_recordset(%(leaves)s::jsonb) AS leaf(key text, kinds jsonb, wanted jsonb)
  ON jsonb_exists(leaf.kinds, e.kind) AND e.properties @> leaf.wanted
GROUP BY look.nr, leaf.key
"""

# The score of the moment, from the ledger: it rises only when an event earns points, so the first
# moment of a score is the time of an event.
_SCORES = """
WITH point AS (
  SELECT p.contact_id, p.at, sum(p.points * power(2.0::float8, greatest(-1000, least(1000,
      extract(epoch FROM p.at - %(epoch)s::timestamptz)::float8 / 86400 / %(half_life)s))))
      OVER (PARTITION BY p.contact_id ORDER BY p.at) AS key,
    power(2.0::float8, greatest(-1000, least(1000,
      extract(epoch FROM p.at - %(epoch)s::timestamptz)::float8 / 86400 / %(half_life)s))) AS growth
  FROM (SELECT DISTINCT unnest(%(ids)s::bigint[]) AS contact_id) one
  CROSS JOIN LATERAL (SELECT p.contact_id, p.at, p.points FROM journeys_scorepoint p
    WHERE p.tenant_id = %(tenant)s AND p.contact_id = one.contact_id AND p.model_id = %(model)s
    ORDER BY p.rule_id, p.at OFFSET 0) p
)
SELECT look.nr, wanted.score::text, min(point.at)
FROM unnest(%(ids)s::bigint[], %(floors)s::timestamptz[])
  WITH ORDINALITY AS look(contact_id, floor, nr)
JOIN point ON point.contact_id = look.contact_id AND point.at > look.floor
CROSS JOIN LATERAL (
  SELECT s.grade FROM journeys_score s WHERE s.tenant_id = %(tenant)s AND s.model_id = %(model)s
    AND s.contact_id = look.contact_id LIMIT 1) s
CROSS JOIN unnest(%(scores)s::float8[]) AS wanted(score)
WHERE point.key * (%(weights)s::jsonb ->> s.grade)::float8
  >= wanted.score * point.growth * %(reached)s
GROUP BY look.nr, wanted.score
"""


def _rows(statement: str, looks: Sequence[Look], **more: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "tenant": current_tenant_id(),
                "ids": [look.contact_id for look in looks],
                "floors": [look.floor.isoformat() if look.floor else "-infinity" for look in looks],
                **more,
            },
        )
        return list(cursor.fetchall())


def gather(
    looks: Sequence[Look], rules: Sequence[Rule], model: ScoreModel
) -> dict[Look, tuple[Person, Facts]]:
    """For each look the contact's person and facts; the scores come from `add_scores`."""
    dated = _events(looks, rules)
    found: dict[Look, tuple[Person, Facts]] = {}
    rows = _rows(_LOOK, looks, model=model.pk, notes=list(NOTES)) if looks else []
    for nr, named, excluded, grade, seen, reachable, confirmed, paid in rows:
        look = looks[nr - 1]
        facts = {
            "seen": seen,
            "reachable": reachable,
            "not_excluded": None if excluded else ALWAYS,
            "need_confirmed": confirmed,
            "paid_order": paid,
        }
        found[look] = Person(named, excluded, grade), Facts(facts, dated.get(nr, {}))
    return found


def _events(looks: Sequence[Look], rules: Sequence[Rule]) -> dict[int, dict[str, datetime]]:
    leaves = [leaf for rule in rules for leaf in entry_rules.events(rule)]
    if not leaves or not looks:
        return {}
    rows = _rows(
        _EVENTS,
        looks,
        kinds=sorted({kind for leaf in leaves for kind in entry_rules.kinds_of(leaf)}),
        leaves=json.dumps(
            [
                {
                    "key": entry_rules.leaf_key(leaf),
                    "kinds": entry_rules.kinds_of(leaf),
                    "wanted": leaf.get("properties", {}),
                }
                for leaf in leaves
            ]
        ),
    )
    found: dict[int, dict[str, datetime]] = {}
    for nr, key, at in rows:
        found.setdefault(nr, {})[key] = at
    return found


def add_scores(
    known: dict[Look, tuple[Person, Facts]],
    rules: Sequence[Rule],
    model: ScoreModel,
    entered: set[int],
) -> None:
    """Since when the scores that the rules ask for were reached, for those to whom it matters.

    It matters where nothing else is missing, and for those who `entered` a stage by their score.
    """
    scored = [rule for rule in rules if entry_rules.scores(rule)]
    looks = [
        look
        for look, (_person, facts) in known.items()
        if look.contact_id in entered
        or any(entry_rules.since(rule, entry_rules.hopeful(facts, rule)) for rule in scored)
    ]
    if not looks or not scored:
        return
    names: dict[float, list[str]] = {}
    for rule in scored:
        for leaf in entry_rules.scores(rule):
            name = str(leaf["min_score"])
            score = model.lead_threshold if name == "threshold" else float(name)
            names.setdefault(score, []).append(name)
    rows = _rows(
        _SCORES,
        looks,
        model=model.pk,
        epoch=model.epoch,
        half_life=model.half_life_days,
        weights=json.dumps(model.grade_weights),
        scores=sorted(names),
        reached=scoring.REACHED,
    )
    for nr, score, at in rows:
        for name in names[float(score)]:
            known[looks[nr - 1]][1].scores[name] = at
