"""How does a segment come to be, change and go? Its rule is checked here, and what it builds on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import OperationalError, connection, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts.models import Contact, Segment, SegmentMember, SegmentUse
from contacts.segments import compiling, leaves, membership, rules, upkeep
from contacts.segments.belonging import SegmentLeaf
from contacts.segments.membership import Change
from contacts.segments.rules import Node, RuleError
from tenants import doorbell
from tenants.scope import current_tenant_id

SAMPLE = 10
_TOLD = ("name", "description", "updated_at")
PATIENCE_MS = 8000
_TOOK_TOO_LONG = "57014"


def read(rule: object) -> Node:
    """The tree of a rule whose names all mean something here; RuleError names the part if not."""
    tree = rules.parse(rule, leaves.readers)
    compiling.compile(tree, membership.moment())
    return tree


def used_by(tree: Node) -> dict[int, str]:
    """The segments that a rule asks for: id → where."""
    found = [leaf for leaf in rules.leaves(tree) if isinstance(leaf, SegmentLeaf)]
    return {leaf.used().pk: leaf.path for leaf in found}


def check(segment: Segment, rule: object) -> dict[int, str]:
    """Raise RuleError when this cannot be the rule of the segment; answers what it builds on."""
    uses = used_by(read(rule))
    if segment.pk is not None:
        _refuse_circle(segment, uses)
    return uses


def save(segment: Segment, *, recount: bool = True) -> Segment:
    """Store a segment; a rule (new or changed: `recount`) is checked and counted soon after."""
    by_rule = segment.kind == Segment.Kind.RULE
    if not by_rule:
        segment.rule = {}
        if segment.pk is None:
            segment.state, segment.size = Segment.State.READY, 0
            segment.evaluated_at = timezone.now()
            segment.due_at = segment.evaluated_at + upkeep.DAY
        segment.save(update_fields=_TOLD if segment.pk else None)
        return segment
    if not recount and segment.pk is not None:
        segment.save(update_fields=_TOLD)
        return segment
    _one_rule_at_a_time()
    uses = check(segment, segment.rule)
    now = timezone.now()
    segment.state, segment.problem, segment.due_at = Segment.State.COUNTING, "", now
    # Its size and moment are the worker's, who may be writing them now.
    segment.save(
        update_fields=[*_TOLD, "rule", "state", "problem", "due_at"] if segment.pk else None
    )
    SegmentUse.objects.filter(segment=segment).delete()
    SegmentUse.objects.bulk_create(SegmentUse(segment=segment, used_id=pk) for pk in sorted(uses))
    doorbell.ring(upkeep.QUEUE)
    return segment


def _one_rule_at_a_time() -> None:
    """Two changes at once could each be right and together be a circle."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('segment rules'), %s::int)",
            [current_tenant_id()],
        )


def _refuse_circle(segment: Segment, uses: dict[int, str]) -> None:
    edges: dict[int, list[int]] = {}
    for user, used in SegmentUse.objects.order_by("used_id").values_list("segment_id", "used_id"):
        edges.setdefault(user, []).append(used)
    edges[segment.pk] = sorted(uses)
    circle = _way_back(segment.pk, edges)
    if circle:
        names = dict(Segment.objects.filter(pk__in=circle).values_list("pk", "name"))
        names[segment.pk] = segment.name
        raise RuleError(
            uses[circle[1]],
            _("Segments would go round in a circle: %(circle)s. Take one of them out.")
            % {"circle": " → ".join(names[pk] for pk in circle)},
        )


def _way_back(start: int, edges: dict[int, list[int]]) -> list[int]:
    """The way from a segment to itself along its uses; empty when there is none."""
    ways = [[start]]
    seen: set[int] = set()
    while ways:
        way = ways.pop(0)
        for used in edges.get(way[-1], ()):
            if used == start:
                return [*way, start]
            if used not in seen:
                seen.add(used)
                ways.append([*way, used])
    return []


def delete(segment: Segment) -> None:
    """Raises ProtectedError while another segment's rule asks for it."""
    users = SegmentUse.objects.filter(used=segment)
    if users.exists():
        raise ProtectedError("in use", set(users))
    segment.delete()


# --- lists by hand ---


def add(segment: Segment, contact_ids: Sequence[int]) -> set[int]:
    """Put contacts on the list. Answers those who are new on it."""
    return _by_hand(segment, contact_ids, entering=True)


def remove(segment: Segment, contact_ids: Sequence[int]) -> set[int]:
    """Take contacts off the list. Answers those who were on it."""
    return _by_hand(segment, contact_ids, entering=False)


def _by_hand(segment: Segment, contact_ids: Sequence[int], *, entering: bool) -> set[int]:
    if segment.kind != Segment.Kind.STATIC:
        raise ValueError("the rule of a segment finds its members")
    Segment.objects.select_for_update().get(pk=segment.pk)
    known = set(Contact.objects.filter(pk__in=contact_ids).values_list("pk", flat=True))
    members = SegmentMember.objects.filter(segment=segment, contact_id__in=known)
    there = set(members.values_list("contact_id", flat=True))
    changed = known - there if entering else there
    change = Change(0, 0)
    if changed:
        act = membership.enter if entering else membership.leave
        change = act(segment, sorted(changed))
    now = timezone.now()
    Segment.objects.filter(pk=segment.pk).update(evaluated_at=now, updated_at=now)
    if change != Change(0, 0):
        doorbell.ring(upkeep.QUEUE)
    return changed


# --- trying a rule ---


@dataclass(frozen=True)
class Estimate:
    """Whom a rule would find now. `count` is None when counting took too long."""

    count: int | None
    sample: list[int]
    at: datetime


def preview(rule: object) -> Estimate:
    """Count a rule without storing anything; RuleError when it is none."""
    tree = rules.parse(rule, leaves.readers)
    at = membership.moment()
    found = compiling.compile(tree, at)
    sql = (
        f"WITH found AS MATERIALIZED ({found.sql}) SELECT (SELECT count(*) FROM found), "  # noqa: S608 - own names, values apart
        f"ARRAY(SELECT contact_id FROM found ORDER BY contact_id DESC LIMIT {SAMPLE})"
    )
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {PATIENCE_MS}")
            cursor.execute(sql, found.values)
            number, sample = cursor.fetchone()
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) != _TOOK_TOO_LONG:
            raise
        return Estimate(None, [], at.now)
    return Estimate(int(number), [int(pk) for pk in sample], at.now)
