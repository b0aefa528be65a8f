"""How do new score rules come into force? Preview, publish, compute beside the old, switch at once.

Publishing freezes the rules into a new version. A worker computes it chunk by chunk while the live
version stays in use (and new events count for both); one transaction switches. Then the old rows
go, and every contact is reviewed for stages and leads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from contacts.models import Contact
from journeys import earning, leads, scoring, stage_review, stages
from journeys.models import Review, Score, ScoreModel, ScorePoint
from tenants import doorbell
from tenants.scope import current_tenant_id, scope

QUEUE = "scores"
CHUNK = 1000
SETTINGS = ("half_life_days", "grade_weights", "grade_thresholds", "lead_threshold")
_SAMPLE = 500
_SHOWN = 20
# After so many half-lives the numbers come near the end of float8: a new epoch is due.
_EPOCH_HALF_LIVES = 500
# `done_to` of a retired version whose rows are gone.
_CLEARED = -1


class _Undo(Exception):  # noqa: N818 - ends a preview
    """Takes back what a preview wrote."""


def publish(settings: Mapping[str, Any] | None = None) -> ScoreModel:
    """Put the rules as they stand now into force; a version still being built is given up."""
    with transaction.atomic():
        current = scoring.live()
        ScoreModel.objects.filter(state=ScoreModel.State.BUILDING).update(
            state=ScoreModel.State.RETIRED, done_to=0
        )
        model = _next_version(current, settings or {}, ScoreModel.State.BUILDING)
    doorbell.ring(QUEUE)
    return model


def _next_version(
    current: ScoreModel, settings: Mapping[str, Any], state: ScoreModel.State
) -> ScoreModel:
    newest = ScoreModel.objects.aggregate(newest=Max("version"))["newest"] or 0
    kept = {name: settings.get(name, getattr(current, name)) for name in SETTINGS}
    return ScoreModel.objects.create(
        version=newest + 1, state=state, rules=scoring.freeze(), epoch=timezone.now(), **kept
    )


@dataclass
class Preview:
    """What publishing would change, among the contacts looked at."""

    contacts: int = 0
    complete: bool = True  # all scored contacts were looked at
    changed: int = 0
    up: int = 0
    down: int = 0
    leads_gained: int = 0
    leads_lost: int = 0
    grades: dict[str, int] = field(default_factory=dict)  # "B→A": contacts
    samples: list[dict[str, Any]] = field(default_factory=list)


def preview(settings: Mapping[str, Any] | None = None) -> Preview:
    """Compute the rules as they stand now for a sample (the highest, the latest); take it back."""
    current = scoring.live()
    scored = Score.objects.filter(model=current)
    highest = list(scored.order_by("-key").values_list("contact_id", flat=True)[:_SAMPLE])
    newest = list(
        Contact.objects.exclude(id__in=highest)
        .order_by("-id")
        .values_list("id", flat=True)[:_SAMPLE]
    )
    ids = [*highest, *newest]
    result = Preview()
    try:
        with transaction.atomic():
            trial = _next_version(current, settings or {}, ScoreModel.State.RETIRED)
            earning.recompute(trial, ids)
            result = _compare(current, trial, ids)
            raise _Undo
    except _Undo:
        result.complete = len(newest) < _SAMPLE
    return result


def _compare(current: ScoreModel, trial: ScoreModel, ids: list[int]) -> Preview:
    at = timezone.now()
    before = scoring.standings(ids, at, model=current)
    after = scoring.standings(ids, at, model=trial)
    nothing = scoring.Standing(0.0, 0.0, 0, scoring.grade_of(0, current))
    result = Preview(contacts=len(ids))
    for contact_id in ids:
        old, new = before.get(contact_id, nothing), after.get(contact_id, nothing)
        result.leads_gained += (
            old.score < current.lead_threshold and new.score >= trial.lead_threshold
        )
        result.leads_lost += (
            old.score >= current.lead_threshold and new.score < trial.lead_threshold
        )
        if old.grade != new.grade:
            change = f"{old.grade}→{new.grade}"
            result.grades[change] = result.grades.get(change, 0) + 1
        if old == new:
            continue
        result.changed += 1
        result.up += new.score > old.score
        result.down += new.score < old.score
        if len(result.samples) < _SHOWN:
            result.samples.append({"contact": contact_id, "before": old, "after": new})
    return result


# -- the worker's part ----------------------------------------------------------------------------


def next_due() -> datetime | None:
    """Now while a version is being built or old rows wait to go; else when the epoch wears out."""
    if _building() is not None or _uncleared() is not None:
        return timezone.now()
    found = ScoreModel.objects.filter(state=ScoreModel.State.LIVE).first()
    if found is None:
        return None
    return found.epoch + timedelta(days=found.half_life_days * _EPOCH_HALF_LIVES)


def step() -> bool:
    """One chunk of work, in one transaction. Answers whether there was any."""
    building = _building()
    if building is not None:
        _hold_the_timeline()
        _build(building)
        return True
    retired = _uncleared()
    if retired is not None:
        _clear(retired)
        return True
    due = next_due()
    if due is not None and due <= timezone.now():
        publish()
        return True
    return False


def _building() -> ScoreModel | None:
    return ScoreModel.objects.filter(state=ScoreModel.State.BUILDING).first()


def _uncleared() -> ScoreModel | None:
    return (
        ScoreModel.objects.filter(state=ScoreModel.State.RETIRED)
        .exclude(done_to=_CLEARED)
        .order_by("version")
        .first()
    )


def _hold_the_timeline() -> None:
    """Points are counted by one at a time for a tenant: the lock of timeline.drain."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('timeline'), %s::int)", [current_tenant_id()]
        )


_KEEP_CROSSINGS = """
UPDATE journeys_score s SET crossed_at = o.crossed_at FROM journeys_score o
WHERE s.tenant_id = %(tenant)s AND s.model_id = %(new)s AND s.contact_id = ANY(%(ids)s)
  AND o.tenant_id = %(tenant)s AND o.model_id = %(old)s AND o.contact_id = s.contact_id
  AND s.crossed_at IS DISTINCT FROM o.crossed_at
"""


def _build(model: ScoreModel) -> None:
    ids = list(
        Contact.objects.filter(id__gt=model.done_to)
        .order_by("id")
        .values_list("id", flat=True)[:CHUNK]
    )
    if not ids:
        _switch(model)
        return
    earning.recompute(model, ids)
    with connection.cursor() as cursor:
        # Counting anew is no new interest: it must not bring a lost lead back.
        cursor.execute(
            _KEEP_CROSSINGS,
            {"tenant": current_tenant_id(), "new": model.pk, "old": scoring.live().pk, "ids": ids},
        )
    ScoreModel.objects.filter(pk=model.pk).update(done_to=ids[-1])


def _switch(model: ScoreModel) -> None:
    ScoreModel.objects.filter(state=ScoreModel.State.LIVE).update(
        state=ScoreModel.State.RETIRED, done_to=0
    )
    ScoreModel.objects.filter(pk=model.pk).update(
        state=ScoreModel.State.LIVE, published_at=timezone.now()
    )
    leads.follow_scores()
    stages.review_all()


def _clear(model: ScoreModel) -> None:
    """Delete the rows of a retired version, some at a time."""
    ids = list(
        Score.objects.filter(model=model)
        .order_by("key")
        .values_list("contact_id", flat=True)[:CHUNK]
    )
    if ids:
        ScorePoint.objects.filter(model=model, contact_id__in=ids).delete()
        Score.objects.filter(model=model, contact_id__in=ids).delete()
    else:
        ScoreModel.objects.filter(pk=model.pk).update(done_to=_CLEARED)


def next_review() -> datetime | None:
    """Now, while contacts wait to be looked at under changed rules."""
    return timezone.now() if Review.objects.exists() else None


def review_step() -> bool:
    """Look at the next contacts under the rules of now: their stages, then their leads."""
    _hold_the_timeline()
    review = Review.objects.select_for_update().first()
    if review is None:
        return False
    ids = list(
        Contact.objects.filter(id__gt=review.done_to)
        .order_by("id")
        .values_list("id", flat=True)[:CHUNK]
    )
    if not ids:
        review.delete()
        return True
    stage_review.review(dict.fromkeys(ids, timezone.now()))
    leads.review(ids)
    Review.objects.filter(pk=review.pk).update(done_to=ids[-1])
    return True


def work(tenant_id: int, most: int = 200) -> None:
    """The task: chunks, each in a scope of its own, then the next moment on the board."""
    for _chunk in range(most):
        with scope(tenant_id):
            if not step():
                break
    with scope(tenant_id):
        doorbell.settle(QUEUE)


def work_reviews(tenant_id: int, most: int = 200) -> None:
    for _chunk in range(most):
        with scope(tenant_id):
            if not review_step():
                break
    with scope(tenant_id):
        doorbell.settle(stages.REVIEWS)
