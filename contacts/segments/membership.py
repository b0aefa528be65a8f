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
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts import kinds, timeline
from contacts.models import Segment, SegmentMember, SegmentUse
from contacts.segments import pieces
from contacts.segments.pieces import Ids, Moment
from tenants import doorbell
from tenants.ids import encode
from tenants.models import Tenant
from tenants.scope import current_tenant_id

SOURCE = "segments"
ENTERED = "segment.entered"
LEFT = "segment.left"

kinds.declare(ENTERED, _("Entered the segment “{segment}”"), "group_add")
kinds.declare(LEFT, _("Left the segment “{segment}”"), "group_remove")


@dataclass(frozen=True)
class Change:
    entered: int
    left: int


_WITHIN = "m.tenant_id = %(tenant)s AND m.segment_id = %(segment)s"
_ENTER = f"""
entered AS (
  INSERT INTO contacts_segmentmember (tenant_id, segment_id, contact_id, entered_at)
  SELECT %(tenant)s, %(segment)s, f.contact_id, %(now)s FROM found f
  WHERE NOT EXISTS (SELECT 1 FROM contacts_segmentmember m
    WHERE {_WITHIN} AND m.contact_id = f.contact_id{{among}})
  ORDER BY f.contact_id
  ON CONFLICT DO NOTHING RETURNING contact_id)"""  # noqa: S608 - own names, values apart
_LEAVE = f"""
gone AS (
  DELETE FROM contacts_segmentmember m WHERE {_WITHIN}{{among}}
    AND NOT EXISTS (SELECT 1 FROM found f WHERE f.contact_id = m.contact_id)
  RETURNING m.contact_id)"""  # noqa: S608 - own names, values apart
_TELL = """
told AS (
  INSERT INTO contacts_event
    (tenant_id, contact_id, kind, at, source, key, properties, received_at, problem)
  SELECT %(tenant)s, c.contact_id, c.kind, %(now)s, 'segments', %(key)s || c.contact_id,
    %(properties)s::jsonb, %(now)s, ''
  FROM (SELECT contact_id, 'segment.entered' AS kind FROM entered
        UNION ALL SELECT contact_id, 'segment.left' FROM gone) c
  ORDER BY c.contact_id
  ON CONFLICT DO NOTHING)"""
_PASS_ON = """
passed_on AS (
  INSERT INTO contacts_segmenttouch (tenant_id, contact_id)
  SELECT %(tenant)s, contact_id FROM (TABLE entered UNION TABLE gone) c)"""  # noqa: S105 - no password
_RESULT = "SELECT (SELECT count(*) FROM entered), (SELECT count(*) FROM gone)"


def moment(now: datetime | None = None, among: Sequence[int] | None = None) -> Moment:
    """Inside a scope: as of now, in the zone of the business."""
    tenant = Tenant.objects.get(pk=current_tenant_id())
    return Moment(tenant.pk, now or timezone.now(), tenant.tz, among)


def settle(
    segment: Segment, found: Ids, at: Moment, *, silent: bool = False, passes_on: bool = True
) -> Change:
    """Make those members who were `found`, among whom `at` says; others leave.

    `silent`: nobody is told of, as when a segment is counted for the first time. `passes_on`:
    segments that build on this one have to look at who changed sides.
    """
    steps = [_ENTER, _LEAVE] if silent else [_ENTER, _LEAVE, _TELL]
    if passes_on and SegmentUse.objects.filter(used=segment).exists():
        steps.append(_PASS_ON)
    change = _apply(segment, found, at, steps)
    if change != Change(0, 0):
        _resize(segment, change)
        if not silent:
            _count_day(segment, change, at)
            doorbell.ring(timeline.QUEUE)
    return change


def enter(segment: Segment, contact_ids: Sequence[int], now: datetime | None = None) -> Change:
    """Put contacts on a list by hand."""
    at = moment(now, contact_ids)
    return settle(segment, pieces.contacts(at), at)


def leave(segment: Segment, contact_ids: Sequence[int], now: datetime | None = None) -> Change:
    """Take contacts off a list by hand."""
    return settle(segment, pieces.NOBODY, moment(now, contact_ids))


def _apply(segment: Segment, found: Ids, at: Moment, steps: Sequence[str]) -> Change:
    among = "" if at.among is None else " AND m.contact_id = ANY(%(among)s::bigint[])"
    named, values = _named(found)
    sql = f"WITH found AS MATERIALIZED ({named}),{','.join(steps).replace('{among}', among)}\n"
    values |= {
        "tenant": at.tenant,
        "segment": segment.pk,
        "now": at.now,
        "among": pieces.array(at.among or ()),
        "key": f"{segment.pk}:{uuid.uuid4().hex}:",
        "properties": _properties(segment),
    }
    with connection.cursor() as cursor:
        cursor.execute(sql + _RESULT, values)
        return Change(*map(int, cursor.fetchone()))


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


_COUNT_DAY = """
INSERT INTO contacts_segmentday AS d (tenant_id, segment_id, day, entered, "left")
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, segment_id, day) DO UPDATE SET
  entered = d.entered + EXCLUDED.entered, "left" = d."left" + EXCLUDED."left"
"""


def _resize(segment: Segment, change: Change) -> None:
    grown = change.entered - change.left
    Segment.objects.filter(pk=segment.pk, size__isnull=False).update(size=F("size") + grown)


def _count_day(segment: Segment, change: Change, at: Moment) -> None:
    day = at.now.astimezone(at.zone).date()
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_DAY, [at.tenant, segment.pk, day, change.entered, change.left])


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
