"""What becomes of scores, stages, leads, enrolments and links when two contacts are one person?

Scores and the stage are made anew from the events of both; the furthest standing stays. One SOP
runs once for a person: the run that began later ends. Of two open leads the one that somebody
works stays, with the follow-ups of both. Of two answers to one survey the later one stays. Undoing
makes both people's scores and stages anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q
from django.utils import timezone

from contacts.merging import rules
from contacts.merging.rows import Merging, stored
from journeys import dispatch, earning, enrolments, leads, ledger, stage_review
from journeys.engine import Reason
from journeys.models import (
    ContactStage,
    Enrolment,
    Lead,
    Link,
    Score,
    ScoreModel,
    ScorePoint,
    StaffTask,
    StageMove,
    SurveyAnswer,
    Touch,
)
from tenants import doorbell


def register() -> None:
    rules.derived(ScorePoint, Score, ContactStage)
    rules.prefer(Lead, lambda absorbed, kept: _worked(absorbed) and not _worked(kept))
    rules.prefer(SurveyAnswer, lambda absorbed, kept: absorbed.answered_at > kept.answered_at)
    rules.restore_only(Touch, lambda: Q(due_at__gt=timezone.now()))
    rules.lock_first(_lock)
    rules.before_merge(_one_run_each)
    rules.before_merge(_spare_links)
    rules.before_merge(_furthest)
    rules.after_merge(_after)
    rules.after_undoing(_apart)


def _worked(lead: Lead) -> bool:
    return lead.state == Lead.State.CLAIMED


def _lock(contact_ids: Sequence[int]) -> None:
    """As those who send, close tasks or work leads do: these first, contacts after."""
    touches = Touch.objects.filter(contact_id__in=contact_ids, state__in=ledger.OPEN)
    list(touches.order_by("id").select_for_update(no_key=True).values_list("id", flat=True))
    tasks = StaffTask.objects.filter(contact_id__in=contact_ids, state=StaffTask.State.OPEN)
    list(tasks.order_by("id").select_for_update(no_key=True).values_list("id", flat=True))
    active = Lead.objects.active().filter(contact_id__in=contact_ids)
    list(active.order_by("id").select_for_update(no_key=True).values_list("id", flat=True))


# --- before rows move ---


def _one_run_each(work: Merging) -> None:
    running = Enrolment.objects.filter(
        contact_id__in=(work.survivor, work.absorbed), state=Enrolment.State.RUNNING
    ).order_by("started_at", "id")
    first: dict[int, int] = {}
    later = [row.pk for row in running if first.setdefault(row.sop_id, row.pk) != row.pk]
    if not later:
        return
    touches = list(
        Touch.objects.filter(enrolment_id__in=later, state__in=ledger.OPEN).values_list(
            "id", flat=True
        )
    )
    tasks = list(
        StaffTask.objects.filter(touch_id__in=touches, state=StaffTask.State.OPEN).values_list(
            "id", flat=True
        )
    )
    kept = ((Enrolment, later), (Touch, touches), (StaffTask, tasks))
    was = {(model, pk): stored(model, pk) for model, pks in kept for pk in pks}
    enrolments.leave(dict.fromkeys(later, Reason.MERGED))
    for (model, pk), before in was.items():
        now = stored(model, pk) or {}
        names = [name for name in now if before is not None and now[name] != before[name]]
        if before is not None and names:
            values = ({name: row[name] for name in names} for row in (before, now))
            work.changed(model, pk, *values)


def _spare_links(work: Merging) -> None:
    """A link that was sent goes on opening, though the survivor has one of its own."""
    own = set(
        Link.objects.filter(contact_id=work.survivor, spare=False).values_list(
            "content_id", "staff_id"
        )
    )
    for link in Link.objects.filter(contact_id=work.absorbed, spare=False):
        if (link.content_id, link.staff_id) in own:
            work.change(link, spare=True)


def _furthest(work: Merging) -> None:
    """What _after compares with: the further standing, and the later crossing of the threshold."""
    places = list(
        ContactStage.objects.filter(contact_id__in=(work.survivor, work.absorbed)).select_related(
            "stage"
        )
    )
    if places:
        best = max(places, key=lambda place: place.stage.position)
        stage_review.put([(work.survivor, best.stage_id, best.entered_at, best.named_since)])
    absorbed = Score.objects.filter(contact_id=work.absorbed, crossed_at__isnull=False)
    for model_id, crossed_at in absorbed.values_list("model_id", "crossed_at"):
        own = Score.objects.filter(contact_id=work.survivor, model_id=model_id)
        own.filter(Q(crossed_at=None) | Q(crossed_at__lt=crossed_at)).update(crossed_at=crossed_at)


# --- afterwards ---


def _after(work: Merging) -> None:
    place = ContactStage.objects.filter(contact_id=work.survivor).select_related("stage").first()
    _recompute([work.survivor])
    now = ContactStage.objects.filter(contact_id=work.survivor).select_related("stage").first()
    if place is not None and (now is None or now.stage.position < place.stage.position):
        at = timezone.now()
        move = StageMove.objects.create(
            contact_id=work.survivor,
            from_stage=now.stage if now else None,
            to_stage=place.stage,
            at=at,
            why=StageMove.Why.PERSON,
            reason="merge",
        )
        work.made(move)
        stage_review.put([(work.survivor, place.stage_id, at, place.named_since)])
    leads.review([work.survivor])


def _apart(contact_ids: Sequence[int]) -> None:
    _recompute(contact_ids)
    leads.review(contact_ids)
    due = dispatch.next_due()
    if due is not None:
        doorbell.ring(ledger.QUEUE, due)


def _recompute(contact_ids: Sequence[int]) -> None:
    """Points and stages from the events alone. Counting anew is no new interest: who had crossed
    the threshold did so when they did."""
    for model in ScoreModel.objects.filter(
        state__in=[ScoreModel.State.LIVE, ScoreModel.State.BUILDING]
    ):
        building = model.state == ScoreModel.State.BUILDING
        ids = [pk for pk in contact_ids if not building or pk <= model.done_to]
        if not ids:
            continue
        scores = Score.objects.filter(model=model, contact_id__in=ids)
        crossed = dict(scores.exclude(crossed_at=None).values_list("contact_id", "crossed_at"))
        earning.recompute(model, ids)
        for contact_id, at in crossed.items():
            Score.objects.filter(model=model, contact_id=contact_id).update(crossed_at=at)
    stage_review.review(dict.fromkeys(contact_ids, timezone.now()))
