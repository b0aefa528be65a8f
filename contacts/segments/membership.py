"""Who is in a segment now, and who entered or left? One statement finds and applies the difference.

Ids of contacts never leave the database: the rule, the difference, the events of it and the touches
of segments that build on this one are parts of one statement.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts import kinds, timeline
from contacts.models import Segment, SegmentMember, SegmentUse
from contacts.segments import pieces
from contacts.segments.pieces import Ids, Moment
from tenants import doorbell
from tenants.ids import encode
from tenants.models import Tenant

SOURCE = "segments"
ENTERED = "segment.entered"
LEFT = "segment.left"

kinds.declare(ENTERED, _("Entered the segment “{segment}”"), "group_add")
kinds.declare(LEFT, _("Left the segment “{segment}”"), "group_remove")


@dataclass(frozen=True)
class Change:
    entered: int
    left: int


_NOT_FOUND = """NOT EXISTS (SELECT 1 FROM found f
      WHERE f.segment_id = m.segment_id AND f.contact_id = m.contact_id)"""
_ENTER = """
entered AS (
  INSERT INTO contacts_segmentmember (tenant_id, segment_id, contact_id, entered_at)
  SELECT %(tenant)s, f.segment_id, f.contact_id, %(now)s FROM found f
  WHERE NOT EXISTS (SELECT 1 FROM was w
    WHERE w.segment_id = f.segment_id AND w.contact_id = f.contact_id)
  ORDER BY f.segment_id, f.contact_id
  ON CONFLICT DO NOTHING RETURNING segment_id, contact_id)"""
# Everybody, for one segment: its members are compared where they lie.
_OF_ONE = "m.tenant_id = %(tenant)s AND m.segment_id = %(segment)s"
_ALL = f"""
was AS NOT MATERIALIZED (
  SELECT m.segment_id, m.contact_id FROM contacts_segmentmember m WHERE {_OF_ONE}),{_ENTER},
gone AS (
  DELETE FROM contacts_segmentmember m WHERE {_OF_ONE} AND {_NOT_FOUND}
  RETURNING m.segment_id, m.contact_id)"""  # noqa: S608 - own names, values apart
# A few: which of them are members is read once.
_FEW = f"""
was AS MATERIALIZED (
  SELECT m.segment_id, m.contact_id FROM contacts_segmentmember m
  WHERE m.tenant_id = %(tenant)s AND m.segment_id = ANY(%(segments)s::bigint[])
    AND m.contact_id = ANY(%(among)s::bigint[])),{_ENTER},
gone AS (
  DELETE FROM contacts_segmentmember o
  USING (SELECT m.segment_id, m.contact_id FROM was m WHERE {_NOT_FOUND}) m
  WHERE o.tenant_id = %(tenant)s AND o.segment_id = m.segment_id AND o.contact_id = m.contact_id
  RETURNING o.segment_id, o.contact_id)"""  # noqa: S608 - own names, values apart
_CHANGED = """
changed AS MATERIALIZED (
  SELECT segment_id, count(*) FILTER (WHERE came) AS entered,
    count(*) FILTER (WHERE NOT came) AS "left"
  FROM (SELECT segment_id, true AS came FROM entered
        UNION ALL SELECT segment_id, false FROM gone) c
  GROUP BY 1),
resized AS (
  UPDATE contacts_segment s SET size = s.size + c.entered - c."left" FROM changed c
  WHERE s.tenant_id = %(tenant)s AND s.id = c.segment_id AND s.size IS NOT NULL)"""
_TELL = """
told AS (
  INSERT INTO contacts_event
    (tenant_id, contact_id, kind, at, source, key, properties, received_at, problem)
  SELECT %(tenant)s, c.contact_id, c.kind, %(now)s, 'segments',
    c.segment_id || %(key)s || c.contact_id, s.properties, %(now)s, ''
  FROM (SELECT segment_id, contact_id, 'segment.entered' AS kind FROM entered
        UNION ALL SELECT segment_id, contact_id, 'segment.left' FROM gone) c
  JOIN unnest(%(segments)s::bigint[], %(properties)s::jsonb[]) AS s (segment_id, properties)
    USING (segment_id)
  ORDER BY c.contact_id
  ON CONFLICT DO NOTHING),
counted AS (
  INSERT INTO contacts_segmentday AS d (tenant_id, segment_id, day, entered, "left")
  SELECT %(tenant)s, segment_id, %(day)s, entered, "left" FROM changed ORDER BY segment_id
  ON CONFLICT (tenant_id, segment_id, day) DO UPDATE SET
    entered = d.entered + EXCLUDED.entered, "left" = d."left" + EXCLUDED."left")"""
_PASS_ON = """
passed_on AS (
  INSERT INTO contacts_segmenttouch (tenant_id, contact_id)
  SELECT DISTINCT %(tenant)s, contact_id FROM (TABLE entered UNION ALL TABLE gone) c
  WHERE segment_id = ANY(%(used)s::bigint[]))"""  # noqa: S105 - no password
_RESULT = 'SELECT segment_id, entered, "left" FROM changed'


def moment(now: datetime | None = None, among: Sequence[int] | None = None) -> Moment:
    """Inside a scope: as of now, in the zone of the business."""
    tenant = Tenant.current()
    return Moment(tenant.pk, now or timezone.now(), tenant.tz, among)


def settle(
    found: Sequence[tuple[Segment, Ids]],
    at: Moment,
    *,
    silent: bool = False,
    passes_on: bool = True,
) -> dict[int, Change]:
    """Make those members of each segment who were found, among whom `at` says; others leave.
    Answers what changed, by segment. None of them builds on another; among everybody it is one.

    `silent`: nobody is told of, as when a segment is counted for the first time. `passes_on`:
    segments that build on these have to look at who changed sides.
    """
    steps = [_ALL if at.among is None else _FEW, _CHANGED]
    if not silent:
        steps.append(_TELL)
    used: list[int] = []
    if passes_on:
        pks = [segment.pk for segment, _ids in found]
        users = SegmentUse.objects.filter(used_id__in=pks)
        used = list(users.values_list("used_id", flat=True).distinct())
    if used:
        steps.append(_PASS_ON)
    changes = _apply(found, at, steps, used) if found else {}
    if changes and not silent:
        doorbell.ring(timeline.QUEUE)
    return changes


def enter(segment: Segment, contact_ids: Sequence[int], now: datetime | None = None) -> Change:
    """Put contacts on a list by hand."""
    at = moment(now, contact_ids)
    return _by_hand(segment, pieces.contacts(at), at)


def leave(segment: Segment, contact_ids: Sequence[int], now: datetime | None = None) -> Change:
    """Take contacts off a list by hand."""
    return _by_hand(segment, pieces.NOBODY, moment(now, contact_ids))


def _by_hand(segment: Segment, found: Ids, at: Moment) -> Change:
    return settle([(segment, found)], at).get(segment.pk, Change(0, 0))


def _apply(
    found: Sequence[tuple[Segment, Ids]], at: Moment, steps: Sequence[str], used: Sequence[int]
) -> dict[int, Change]:
    named, values = _named(_finding(found, at))
    values |= {
        "tenant": at.tenant,
        "segment": found[0][0].pk,
        "segments": pieces.array([segment.pk for segment, _ids in found]),
        "now": at.now,
        "day": at.now.astimezone(at.zone).date(),
        "among": pieces.array(at.among or ()),
        "used": pieces.array(used),
        "key": f":{uuid.uuid4().hex}:",
        "properties": [_properties(segment) for segment, _ids in found],
    }
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {','.join([named, *steps])}\n{_RESULT}", values)
        return {pk: Change(int(entered), int(left)) for pk, entered, left in cursor.fetchall()}


def _finding(found: Sequence[tuple[Segment, Ids]], at: Moment) -> Ids:
    """What the rules read together, each rule, and `found`: segment_id, contact_id."""
    parts = at.facts.parts(at) if at.facts is not None else []
    parts += [
        (f"rule_{segment.pk} AS MATERIALIZED ({ids.sql})", ids.values) for segment, ids in found
    ]
    either = " UNION ALL ".join(
        f"SELECT {segment.pk}::bigint AS segment_id, contact_id FROM rule_{segment.pk}"  # noqa: S608 - own names, values apart
        for segment, _ids in found
    )
    # Of everybody it may be a large part: not written down a second time.
    kept = "NOT MATERIALIZED" if at.among is None else "MATERIALIZED"
    parts.append((f"found AS {kept} ({either})", ()))
    return Ids(", ".join(sql for sql, _values in parts), sum((each for _sql, each in parts), ()))


def _named(found: Ids) -> tuple[str, dict[str, Any]]:
    """The statement's places by name, as the rest of the statement has them."""
    pieces_of = found.sql.split("%s")
    assert len(pieces_of) == len(found.values) + 1  # noqa: S101 - every place has its value
    sql = pieces_of[0] + "".join(
        f"%(v{number})s{text}" for number, text in enumerate(pieces_of[1:])
    )
    return sql, {f"v{number}": value for number, value in enumerate(found.values)}


def _properties(segment: Segment) -> str:
    return json.dumps({"segment": segment.name, "segment_id": encode(segment.pk)})


def count(segment: Segment) -> int:
    """How many there are: read once after all of them were found."""
    return SegmentMember.objects.filter(segment=segment).count()


def changes_since(days: int) -> Mapping[int, Change]:
    """By segment, how many entered and left on these days, today included."""
    sql = (
        'SELECT segment_id, sum(entered), sum("left") FROM contacts_segmentday'
        " WHERE tenant_id = %s AND day > %s GROUP BY 1"
    )
    at = moment()
    today = at.now.astimezone(at.zone).date()
    with connection.cursor() as cursor:
        cursor.execute(sql, [at.tenant, today - timedelta(days=days)])
        return {pk: Change(int(entered), int(left)) for pk, entered, left in cursor.fetchall()}
