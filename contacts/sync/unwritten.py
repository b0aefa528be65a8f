"""What WeCom did not take, remarks and tags: said as a difference, and tried again each night."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils import timezone

from contacts.models import Drift, PairTag, RemarkPush
from contacts.sync import pairs, remarks
from contacts.sync.jobs import Job
from tenants import doorbell

_KINDS = (Drift.Kind.UNTAGGED, Drift.Kind.UNREMARKED)


def report(job: Job) -> None:
    """Inside a scope, at the end of a reading: what is given up becomes a difference that is open,
    instead of those of the reading before, and due once more.
    """
    its_own = Q(staff__account=job.account_id) | Q(staff__account=None)
    Drift.objects.filter(its_own, kind__in=_KINDS, state=Drift.State.OPEN).delete()
    tags = PairTag.objects.filter(its_own, wanted__isnull=False, due_at=None).exclude(problem="")
    written = RemarkPush.objects.filter(its_own, state=RemarkPush.State.FAILED)
    job.found(*_tags(tags), *_remarks(written))
    now = timezone.now()
    if PairTag.objects.filter(pk__in=list(tags.values_list("pk", flat=True))).update(
        due_at=now, attempts=0
    ):
        doorbell.ring(pairs.QUEUE)
    if RemarkPush.objects.filter(pk__in=list(written.values_list("pk", flat=True))).update(
        state=RemarkPush.State.WAITING, due_at=now, attempts=0
    ):
        doorbell.ring(remarks.QUEUE)


def _tags(rows: QuerySet[PairTag]) -> list[Drift]:
    names: dict[tuple[int, int], list[str]] = {}
    problems: dict[tuple[int, int], str] = {}
    for row in rows.select_related("tag").order_by("id"):
        pair = (row.contact_id, row.staff_id)
        names.setdefault(pair, []).append(row.tag.name)
        problems[pair] = row.problem
    return [
        _open(Drift.Kind.UNTAGGED, pair, f"{', '.join(names[pair])}: {problems[pair]}")
        for pair in names
    ]


def _remarks(rows: QuerySet[RemarkPush]) -> list[Drift]:
    return [
        _open(Drift.Kind.UNREMARKED, (row.contact_id, row.staff_id), row.problem)
        for row in rows.order_by("id")
    ]


def _open(kind: Drift.Kind, pair: tuple[int, int], detail: str) -> Drift:
    contact_id, staff_id = pair
    return Drift(
        kind=kind, state=Drift.State.OPEN, contact_id=contact_id, staff_id=staff_id,
        detail=detail[:300],
    )  # fmt: skip
