"""For whom does a rule's condition begin to hold, and what is done about it? One statement a rule.

A rule acts when its condition begins to hold, not while it goes on holding: a tag that somebody
takes away by hand does not come back with the next event. And it acts on one contact a few times an
hour at most, so rules that set each other off come to rest.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from contacts import tagging
from contacts.models import TagRule, TagRuleTag
from contacts.segments import compiling, leaves, membership, pieces, rules
from contacts.segments.belonging import SegmentLeaf
from contacts.segments.rules import Node, RuleError
from tenants.ids import encode

log = logging.getLogger(__name__)

MOST_TIMES = 3
WITHIN = timedelta(hours=1)
_OF_SEGMENTS = ("segment.entered", "segment.left")


@dataclass(frozen=True)
class Ready:
    """A rule, read."""

    rule: TagRule
    tree: Node
    adds: tuple[int, ...]
    removes: tuple[int, ...]

    def hears(self, kind: str) -> bool:
        return any(
            leaf.hears(kind) or (isinstance(leaf, SegmentLeaf) and kind in _OF_SEGMENTS)
            for leaf in rules.leaves(self.tree)
        )


_NOTE = """
WITH found AS MATERIALIZED ({found}), began AS (
  INSERT INTO contacts_tagrulematch AS m
    (tenant_id, rule_id, contact_id, holds, counted_from, times)
  SELECT %(tenant)s, %(rule)s, f.contact_id, true, %(now)s, 1 FROM found f
  WHERE f.contact_id = ANY(%(among)s::bigint[]) ORDER BY f.contact_id
  ON CONFLICT (tenant_id, rule_id, contact_id) DO UPDATE SET holds = true,
    times = CASE WHEN m.counted_from > %(now)s - %(within)s THEN m.times + 1 ELSE 1 END,
    counted_from = CASE WHEN m.counted_from > %(now)s - %(within)s
      THEN m.counted_from ELSE %(now)s END
  WHERE NOT m.holds
  RETURNING contact_id, times
), ended AS (
  UPDATE contacts_tagrulematch m SET holds = false
  WHERE m.tenant_id = %(tenant)s AND m.rule_id = %(rule)s AND m.holds
    AND m.contact_id = ANY(%(among)s::bigint[])
    AND NOT EXISTS (SELECT 1 FROM found f WHERE f.contact_id = m.contact_id)
)
SELECT contact_id, times FROM began
"""


def act(each: Ready, contact_ids: Sequence[int], now: datetime, *, silent: bool = False) -> int:
    """Look at these contacts and act where the condition begins to hold; answers how many taggings
    changed. `silent` only notes for whom it holds. A rule that names what is gone is broken.
    """
    at = membership.moment(now, contact_ids)
    try:
        found = compiling.compile(each.tree, at)
    except RuleError as error:
        give_up(each.rule, error)
        return 0
    began = _note(each, found, at)
    if silent:
        return 0
    whom = sorted(pk for pk, times in began if times <= MOST_TIMES)
    if len(whom) < len(began):
        log.warning("tag rule %s goes round in circles; it rests for an hour", each.rule.pk)
    if not whom:
        return 0
    by, why = f"rule:{encode(each.rule.pk)}", each.rule.name
    return tagging.remove(whom, each.removes, by, now, why=why) + tagging.add(
        whom, each.adds, by, now, why=why
    )


def _note(each: Ready, found: pieces.Ids, at: pieces.Moment) -> list[tuple[int, int]]:
    parts = found.sql.split("%s")
    named = parts[0] + "".join(f"%(v{nr})s{text}" for nr, text in enumerate(parts[1:]))
    values: dict[str, Any] = {f"v{nr}": value for nr, value in enumerate(found.values)}
    values |= {
        "tenant": at.tenant,
        "rule": each.rule.pk,
        "now": at.now,
        "within": WITHIN,
        "among": pieces.array(at.among or ()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_NOTE.format(found=named), values)
        return [(int(pk), int(times)) for pk, times in cursor.fetchall()]


def give_up(rule: TagRule, error: RuleError) -> None:
    """What the rule names is no longer there: it rests until somebody repairs it."""
    log.warning("tag rule %s cannot be evaluated: %s", rule.pk, error.path)
    TagRule.objects.filter(pk=rule.pk).update(
        state=TagRule.State.BROKEN, problem=str(error)[:500], due_at=None, done_to=None
    )


def ready() -> list[Ready]:
    """The rules in force, in the order of their making."""
    found = list(
        TagRule.objects.filter(active=True).exclude(state=TagRule.State.BROKEN).order_by("id")
    )
    pairs: dict[int, tuple[list[int], list[int]]] = {}
    tags = TagRuleTag.objects.filter(rule__in=found).order_by("tag_id") if found else ()
    for one in tags:
        pairs.setdefault(one.rule_id, ([], []))[int(one.removes)].append(one.tag_id)
    made = []
    for rule in found:
        adds, removes = pairs.get(rule.pk, ([], []))
        try:
            tree = rules.parse(rule.rule, leaves.readers)
        except RuleError as error:
            give_up(rule, error)
            continue
        made.append(Ready(rule, tree, tuple(adds), tuple(removes)))
    return made
