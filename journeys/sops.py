"""How does a script come to be, go live, stand still, and what has it done?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from journeys import attaching, dispatch, engine, pace, step_checks
from journeys.engine import Rehearsed
from journeys.models import Enrolment, Sop, SopStep, SopVersion, Touch


class WrongStatus(Exception):  # noqa: N818 - reads as what happened
    """The script is not in a status in which this can be done. The message is for people."""


@dataclass(frozen=True, slots=True)
class StepReport:
    position: int
    states: dict[str, int]
    reasons: dict[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    entered: int
    running: int
    done: int
    left: dict[str, int]
    steps: list[StepReport]


# --- writing ---


def current(sop: Sop) -> SopVersion | None:
    """The version that an editor sees: the draft, else what is published."""
    versions = SopVersion.objects.filter(sop=sop).prefetch_related("steps__content")
    return versions.order_by("-number").first()


def write_steps(sop: Sop, steps: Sequence[SopStep]) -> SopVersion:
    """Replace the steps of the draft; a published version stays as it is, a new draft begins."""
    latest = SopVersion.objects.filter(sop=sop).order_by("-number").first()
    if latest is None or latest.published_at is not None:
        number = latest.number + 1 if latest else 1
        latest = SopVersion.objects.create(sop=sop, number=number)
    SopStep.objects.filter(version=latest).delete()
    for position, step in enumerate(steps, start=1):
        step.version, step.position = latest, position
    SopStep.objects.bulk_create(steps)
    return latest


def check(steps: Sequence[SopStep]) -> None:
    """Raise ValidationError, a sentence for every fault, when these steps cannot be published."""
    if not steps:
        raise ValidationError({"steps": [_("There is no step yet.")]})
    words, accounts = pace.of_tenant().sensitive_words, step_checks.officials()
    faults = [
        _("Step %(number)s: %(fault)s") % {"number": step.position, "fault": fault}
        for step in steps
        for fault in step_checks.faults(step, words, accounts)
    ]
    if faults:
        raise ValidationError({"steps": faults})


def warnings(steps: Sequence[SopStep]) -> list[str]:
    """What of these steps does not go along by some route; nothing stops for it."""
    return [
        _("Step %(number)s: %(fault)s") % {"number": step.position, "fault": sentence}
        for step in steps
        for sentence in attaching.warnings(step)
    ]


# --- status ---


def publish(sop: Sop) -> SopVersion:
    """Freeze the draft: newcomers get it, the enrolled keep theirs. A paused one stays paused."""
    sop = _locked(sop)
    draft = current(sop)
    if draft is not None and draft.published_at is not None:
        raise WrongStatus(_("There is nothing new to publish."))
    check(list(draft.steps.all()) if draft else [])
    assert draft is not None  # noqa: S101 - check() refuses a script without steps
    draft.published_at = timezone.now()
    draft.save(update_fields=["published_at"])
    attaching.want_uploaded(draft.steps.all())
    if sop.status == Sop.Status.DRAFT:
        _set(sop, Sop.Status.ACTIVE)
    return draft


def pause(sop: Sop) -> int:
    """Nobody enters and nothing goes out until it is resumed. Answers how many touches wait."""
    sop = _locked(sop)
    if sop.status != Sop.Status.ACTIVE:
        raise WrongStatus(_("Only an active script can be paused."))
    _set(sop, Sop.Status.PAUSED)
    return dispatch.hold(Q(enrolment__sop=sop))


def resume(sop: Sop) -> int:
    """What was due meanwhile goes out now, within the pace."""
    sop = _locked(sop)
    if sop.status != Sop.Status.PAUSED:
        raise WrongStatus(_("Only a paused script can be resumed."))
    _set(sop, Sop.Status.ACTIVE)
    return dispatch.release(Q(enrolment__sop=sop))


def _locked(sop: Sop) -> Sop:
    return Sop.objects.select_for_update(no_key=True).get(pk=sop.pk)


def _set(sop: Sop, status: str) -> None:
    sop.status = status
    sop.save(update_fields=["status"])


# --- looking ahead and back ---


def preview(sop: Sop, started: datetime | None = None) -> list[tuple[SopStep, Rehearsed]]:
    """When each step would go out to a contact who starts now and gets nothing else."""
    version = current(sop)
    steps = {step.position: step for step in version.steps.all()} if version else {}
    rehearsed = engine.rehearse(list(steps.values()), started or timezone.now(), pace.of_tenant())
    return [(steps[one.position], one) for one in rehearsed]


def report(sop: Sop) -> Report:
    """All runs of all versions; steps by their position."""
    runs = Enrolment.objects.filter(sop=sop)
    states = dict(runs.values_list("state").annotate(Count("id")))
    left = runs.filter(state=Enrolment.State.LEFT).values_list("reason").annotate(Count("id"))
    touches = Touch.objects.filter(enrolment__sop=sop, step__isnull=False)
    rows = touches.values_list("step__position", "state", "reason").annotate(Count("id"))
    steps: dict[int, StepReport] = {}
    for position, state, reason, count in rows.order_by("step__position"):
        step = steps.setdefault(position, StepReport(position, {}, {}))
        step.states[state] = step.states.get(state, 0) + count
        if reason:
            step.reasons[reason] = step.reasons.get(reason, 0) + count
    return Report(
        entered=sum(states.values()),
        running=states.get(Enrolment.State.RUNNING, 0),
        done=states.get(Enrolment.State.DONE, 0),
        left=dict(left),
        steps=list(steps.values()),
    )
