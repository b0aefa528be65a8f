"""What do journeys keep of an erased person, and what stops when somebody withdraws or objects?

Moves through stages, leads and runs stay as facts without words: figures read them. Scores, points
and personal links go. Withdrawn consent to marketing skips what is planned at once; the check
before sending stays the guarantee. An objection to profiling takes the score away, and nothing
earns points until the person agrees again.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q

from contacts.models import Consent, Event
from contacts.privacy import consents, decisions
from journeys import earning, enrolments, leads, ledger
from journeys.engine import Reason
from journeys.ledger import Move, State
from journeys.models import (
    ContactStage,
    Enrolment,
    FollowUp,
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

KINDS = frozenset({consents.GRANTED, consents.WITHDRAWN})
_PURPOSE = Consent.Purpose


def register() -> None:
    decisions.kept("how far they came, without a name", ContactStage)
    decisions.kept("that a script ran, and until when", Enrolment)
    decisions.cleared("a move and its time", StageMove, reason="")
    decisions.cleared("that sales worked a lead", Lead, reason="")
    decisions.cleared("that staff followed up", FollowUp, note="")
    decisions.cleared("that a message went out", Touch, request=None, provider_id="")
    decisions.cleared("that staff had a task", StaffTask, text="", notice_request=None)
    decisions.cleared("how content they were, without their words", SurveyAnswer, comment="")
    decisions.deleted("leads to the person", Link)
    decisions.deleted("judges the person", Score, ScorePoint)
    decisions.first(_end)
    decisions.last(lambda contact_id: leads.review([contact_id]))


def _end(contact_id: int) -> None:
    """Nothing goes out to them any more."""
    running = Enrolment.objects.filter(contact_id=contact_id, state=Enrolment.State.RUNNING)
    enrolments.leave(dict.fromkeys(running.values_list("id", flat=True), Reason.EXCLUDED))
    _stop(Q(contact_id=contact_id), State.CANCELLED, Reason.EXCLUDED)
    StaffTask.objects.filter(contact_id=contact_id, state=StaffTask.State.OPEN).update(
        state=StaffTask.State.CANCELLED
    )


def _stop(which: Q, state: State, reason: Reason) -> None:
    open_now = Touch.objects.filter(which, state__in=ledger.RECALLABLE).order_by("id")
    rows = open_now.select_for_update(no_key=True, of=("self",)).values_list("id", "attempt")
    ledger.move([Move(pk, attempt, state, reason) for pk, attempt in rows], ledger.RECALLABLE)


def on_consents(events: Sequence[Event]) -> None:
    """Timeline listener. What was said last counts, whatever the order of events."""
    told: dict[str, set[int]] = {}
    for event in events:
        purpose = str(event.properties.get("purpose", ""))
        told.setdefault(purpose, set()).add(event.contact_id)
    silent = consents.withdrawn(told.get(_PURPOSE.MARKETING, ()), _PURPOSE.MARKETING)
    if silent:
        _stop(Q(contact_id__in=silent), State.SKIPPED, Reason.CONSENT)
    concerned = sorted(told.get(_PURPOSE.PROFILING, ()))
    if concerned:
        _rescore(concerned)


def _rescore(contact_ids: Sequence[int]) -> None:
    """Those who object lose score and points; those who agree again earn from all they did."""
    for model in ScoreModel.objects.filter(
        state__in=[ScoreModel.State.LIVE, ScoreModel.State.BUILDING]
    ):
        building = model.state == ScoreModel.State.BUILDING
        ids = [pk for pk in contact_ids if not building or pk <= model.done_to]
        if ids:
            earning.recompute(model, ids)
