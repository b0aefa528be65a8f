"""How far did contacts come, how fast, and where do they stand? FIGURES R35, DOMAIN.md §6.

Cohort: of the contacts whose first entry into any stage lies in the period. Whole days and whole
months are read from cells, less what was reached at or after as_of; gaps lie in buckets in their
order, so a median needs one bucket's rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from django.db import connection

from analytics.exact import ratio
from analytics.models import EVERY_CHANNEL
from analytics.periods import Question, Stretch, filters, holders
from journeys.models import Stage

# Contacts that moved at or after as_of are put back one by one, if they are not more than this.
_FEW = 3000

# What contacts of the period reached at or after as_of, as the cells have it: by stage and bucket,
# in whole days (of cells of days), in whole months (of cells of months).
_LATER = """
SELECT stage_id, bucket, count(*) FILTER (WHERE start_us < %(today)s),
  count(*) FILTER (WHERE start_us >= %(whole_from)s AND start_us < %(whole_to)s)
FROM analytics_stagereach
WHERE tenant_id = %(tenant)s AND reached_us >= %(as_of)s AND start_us >= %(start)s
  AND start_us < %(end)s{filter} GROUP BY stage_id, bucket
"""


@dataclass(frozen=True)
class Step:
    """A stage of the cohort funnel; the time is the median of those who skipped neither stage."""

    stage: Stage
    reached: int
    rate_from_previous: Fraction | None
    rate_from_first: Fraction | None
    median_seconds_from_previous: Fraction | None


def cohort(question: Question) -> list[Step]:
    stages = list(Stage.objects.order_by("position"))
    reached, medians = _Cohort(question).read()
    steps: list[Step] = []
    for stage in stages:
        heads = reached.get(stage.pk, 0)
        first = steps[0].reached if steps else heads
        steps.append(
            Step(
                stage=stage,
                reached=heads,
                rate_from_previous=ratio(heads, steps[-1].reached) if steps else None,
                rate_from_first=ratio(heads, first),
                median_seconds_from_previous=medians.get(stage.pk),
            )
        )
    return steps


class _Cohort:
    """Reads the counts and medians of one cohort."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.filter = holders(question)
        self.parameters = filters(question) | {
            "start": question.span.start_us,
            "end": question.end_us,
            "as_of": question.as_of_us,
        }

    def rows(self, sql: str, **more: Any) -> Iterator[tuple[int, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(sql.replace("{filter}", self.filter), self.parameters | more)
            yield from cursor.fetchall()

    def read(self) -> tuple[dict[int, int], dict[int, Fraction]]:
        if self.question.span.start_us >= self.question.end_us:
            return {}, {}
        if self.question.by_person:
            return self._read_contacts()
        stretches = list(self.question.stretches())
        whole = [stretch for stretch in stretches if stretch[0] is not None]
        later = list(
            self.rows(
                _LATER,
                today=self.question.today_us,
                whole_from=whole[0][1] if whole else 0,
                whole_to=whole[-1][2] if whole else 0,
            )
        )
        return self._reached(later), self._medians(stretches, later)

    def _read_contacts(self) -> tuple[dict[int, int], dict[int, Fraction]]:
        """Contact by contact, as known at as_of."""
        reached: dict[int, int] = {}
        medians: dict[int, Fraction] = {}
        for stage, heads, gap in self.rows(
            "SELECT stage_id, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY gap_us)"
            " FROM analytics_stagereach WHERE tenant_id = %(tenant)s AND start_us >= %(start)s"
            " AND start_us < %(end)s AND reached_us < %(as_of)s{filter} GROUP BY stage_id"
        ):
            reached[stage] = heads
            if gap is not None:
                medians[stage] = Fraction(gap) / 1_000_000
        return reached, medians

    def _reached(self, later: list[tuple[int, ...]]) -> dict[int, int]:
        question = self.question
        until = max(question.span.start, min(question.span.end, question.today))
        reached: dict[int, int] = defaultdict(int)
        for stage, heads in self.rows(
            "SELECT stage_id, sum(contacts)::bigint FROM analytics_funnelcell"
            " WHERE tenant_id = %(tenant)s AND day >= %(first)s AND day < %(until)s"
            "{filter} GROUP BY stage_id"
            " UNION ALL SELECT stage_id, count(*) FROM analytics_stagereach"
            " WHERE tenant_id = %(tenant)s AND start_us >= %(rest)s AND start_us < %(end)s"
            " AND reached_us < %(as_of)s{filter} GROUP BY stage_id",
            first=question.span.start,
            until=until,
            rest=max(question.span.start_us, question.today_us),
        ):
            reached[stage] += heads
        for stage, _bucket, in_days, _in_months in later:
            reached[stage] -= in_days
        return reached

    def _medians(
        self, stretches: list[Stretch], later: list[tuple[int, ...]]
    ) -> dict[int, Fraction]:
        gaps = self._gaps(stretches, later)
        medians = {}
        for stage, buckets in gaps.items():
            number = sum(buckets.values())
            if number:
                middle = self._middle(stage, buckets, number)
                medians[stage] = Fraction(sum(middle), 1_000_000 * len(middle))
        return medians

    def _gaps(
        self, stretches: list[Stretch], later: list[tuple[int, ...]]
    ) -> dict[int, dict[int, int]]:
        """How many gaps lie in each bucket, by stage."""
        whole = [(month, start, end) for month, start, end in stretches if month is not None]
        gaps: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        if whole:
            channel = self.question.channel_id
            for stage, bucket, number in self.rows(
                "SELECT stage_id, bucket, sum(contacts)::bigint FROM analytics_gapcell"
                " WHERE tenant_id = %(tenant)s AND channel_id = %(of)s"
                " AND month BETWEEN %(first)s AND %(last)s GROUP BY 1, 2",
                of=EVERY_CHANNEL if channel is None else channel,
                first=whole[0][0],
                last=whole[-1][0],
            ):
                gaps[stage][bucket] += number
            for stage, bucket, _in_days, in_months in later:
                if bucket is not None:
                    gaps[stage][bucket] -= in_months
        for month, start, end in stretches:
            if month is None:
                for stage, bucket, number in self.rows(
                    "SELECT stage_id, bucket, count(*) FROM analytics_stagereach"
                    " WHERE tenant_id = %(tenant)s AND start_us >= %(from)s AND start_us < %(to)s"
                    " AND reached_us < %(as_of)s AND bucket IS NOT NULL{filter}"
                    " GROUP BY 1, 2",
                    **{"from": start, "to": end},
                ):
                    gaps[stage][bucket] += number
        return gaps

    def _middle(self, stage: int, buckets: dict[int, int], number: int) -> list[int]:
        """The gap in the middle; of an even number, the two."""
        wanted, place = 2 - number % 2, (number - 1) // 2
        found: list[int] = []
        for bucket in sorted(buckets):
            if place < buckets[bucket]:
                found += self._sorted(stage, bucket, place, wanted - len(found))
                if len(found) == wanted:
                    break
            place = max(0, place - buckets[bucket])
        return found

    def _sorted(self, stage: int, bucket: int, place: int, number: int) -> list[int]:
        """The gaps of a bucket from this place on, counted from 0, in the order of size."""
        gaps = self.rows(
            "SELECT gap_us FROM analytics_stagereach WHERE tenant_id = %(tenant)s"
            " AND stage_id = %(stage)s AND bucket = %(bucket)s AND start_us >= %(start)s"
            " AND start_us < %(end)s AND reached_us < %(as_of)s{filter}"
            " ORDER BY gap_us OFFSET %(place)s LIMIT %(number)s",
            stage=stage,
            bucket=bucket,
            place=place,
            number=number,
        )
        return [gap for (gap,) in gaps]


# The latest move decides; at one instant moves by rule come before those by hand.
_LATEST = """
FROM (
  SELECT DISTINCT ON (m.contact_id) m.contact_id, m.to_stage_id
  FROM journeys_stagemove m JOIN journeys_stage s
    ON s.tenant_id = m.tenant_id AND s.id = m.to_stage_id
  WHERE m.tenant_id = %(tenant)s AND m.at < %(moment)s {only}
  ORDER BY m.contact_id, m.at DESC, m.why = 'person' DESC, s.position DESC, m.id DESC
) latest WHERE true {filter}
"""
_STANDING = f"SELECT to_stage_id, count(*) {_LATEST} GROUP BY to_stage_id"


_COUNTED = """
SELECT stage_id, sum(contacts)::bigint FROM analytics_stagecount
WHERE tenant_id = %(tenant)s {channel} GROUP BY 1
"""
_LEFT = """
SELECT stage_id, -count(*) FROM analytics_contactfact
WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(moved)s::bigint[]) {channel} GROUP BY 1
"""


def snapshot(question: Question) -> list[tuple[Stage, int]]:
    """How many contacts stood in each stage at as_of."""
    stages = list(Stage.objects.order_by("position"))
    narrowed = _narrowed(question)
    parameters = filters(question) | {"moment": question.as_of}
    moved = _moved_since(stages, parameters) if not question.by_person else None
    with connection.cursor() as cursor:
        if moved is None:
            cursor.execute(_STANDING.format(only="", filter=narrowed), parameters)
            standing = dict(cursor.fetchall())
        else:
            standing = _counted(question, moved, narrowed, parameters)
    return [(stage, standing.get(stage.pk, 0)) for stage in stages]


def standing(question: Question, stage_id: int | None) -> tuple[str, dict[str, Any]]:
    """SQL of the contacts that the snapshot counts, in a stage or in any, and its parameters."""
    sql = f"SELECT contact_id {_LATEST.format(only='', filter=_narrowed(question))}"
    if stage_id is not None:
        sql += " AND to_stage_id = %(stage)s"
    return sql, filters(question) | {"moment": question.as_of, "stage": stage_id}


def _narrowed(question: Question) -> str:
    """Moves do not know a contact's channel."""
    return holders(question).replace(
        "channel_id = %(channel)s",
        "contact_id IN (SELECT contact_id FROM analytics_contactfact"
        " WHERE tenant_id = %(tenant)s AND channel_id = %(channel)s)",
    )


def _moved_since(stages: list[Stage], parameters: dict[str, Any]) -> list[int] | None:
    """Contacts with a move at or after as_of; None, when they are many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT contact_id FROM (SELECT contact_id FROM journeys_stagemove"
            " WHERE tenant_id = %(tenant)s AND to_stage_id = ANY(%(stages)s::bigint[])"
            " AND at >= %(moment)s LIMIT %(few)s) later",
            parameters | {"stages": [stage.pk for stage in stages], "few": _FEW + 1},
        )
        found = [row[0] for row in cursor.fetchall()]
    return None if len(found) > _FEW / 2 else found


def _counted(
    question: Question, moved: list[int], narrowed: str, parameters: dict[str, Any]
) -> dict[int, int]:
    """From the cells of now, with those who moved since put back to where they stood."""
    channel = "" if question.channel_id is None else "AND channel_id = %(channel)s"
    back = _STANDING.format(only="AND m.contact_id = ANY(%(moved)s::bigint[])", filter=narrowed)
    standing: dict[int, int] = defaultdict(int)
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED.replace("{channel}", channel), parameters)
        standing.update(cursor.fetchall())
        if moved:
            for sql in (_LEFT.replace("{channel}", channel), back):
                cursor.execute(sql, parameters | {"moved": moved})
                for stage, heads in cursor.fetchall():
                    standing[stage] += heads
    return standing
