"""Where does a contact stand in the journey, since when, and why?

A contact moves forward when the rule of a stage holds (skipping stages is fine), backward by hand or
by a rule that says from where. Rules: entry_rules.py; what moves follow from them: stage_review.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from contacts import timeline
from contacts.models import Contact, Event
from journeys import entry_rules, scoring, stage_review
from journeys.models import ContactStage, Purpose, Review, Stage, StageMove
from journeys.stage_facts import NOTES
from tenants import doorbell
from tenants.models import User

REVIEWS = "reviews"

_PURPOSES = {
    "visitor": Purpose.AWARENESS,
    "prospect": Purpose.AWARENESS,
    "profiled": Purpose.NURTURE,
    "intent": Purpose.CHOICE,
    "pending": Purpose.CHOICE,
    "won": Purpose.ADVOCACY,
}
# Families of events that may change what a rule asks for, beside the kinds it names.
_TELLING = frozenset({"contact", "tag", "order", "follow", "subscription", "form", "quiz"})
_TELLING_KINDS = frozenset({"lead.followed_up", "stage.moved"})


def begin() -> None:
    """The six default stages of a new tenant."""
    for position, (key, purpose) in enumerate(_PURPOSES.items(), start=1):
        Stage.objects.get_or_create(
            key=key,
            defaults={
                "position": position,
                "purpose": purpose,
                "rule": entry_rules.DEFAULT_RULES[key],
                "makes_leads": key == "intent",
            },
        )


def on_events(events: Sequence[Event]) -> None:
    """Timeline listener: review the contacts whose moves these events could change."""
    stages = list(Stage.objects.all())
    model = scoring.live()
    entered, moved_by_hand = _entered({e.contact_id for e in events})
    leads_back = any(stage.rule.get("back_from") for stage in stages)
    kinds = {stage.pk: entry_rules.kinds(stage.rule) for stage in stages}
    scored = {rule["kind"] for rule in scoring.engagement_rules(model)}
    by_score = {stage.pk for stage in stages if entry_rules.scores(stage.rule)}
    noticed: dict[int, datetime] = {}
    for event in events:
        moves = entered.get(event.contact_id)
        asked = {pk for pk, named in kinds.items() if event.kind in named}
        if event.kind in scored:
            asked |= by_score
        if (
            moves is None
            or _telling(event.kind)
            or (event.at < min(moves.values()) and event.kind.partition(".")[0] not in NOTES)
            # What was entered before this event stays so, unless the contact was moved back since.
            or any(pk not in moves or event.at <= moves[pk] for pk in asked)
            or (asked and (leads_back or event.contact_id in moved_by_hand))
        ):
            noticed[event.contact_id] = max(noticed.get(event.contact_id, event.at), event.at)
    stage_review.review(noticed)


def _telling(kind: str) -> bool:
    return kind in _TELLING_KINDS or kind.partition(".")[0] in _TELLING


def _entered(contact_ids: Iterable[int]) -> tuple[dict[int, dict[int, datetime]], set[int]]:
    """contact → stage → when it was first entered; and who was ever moved by hand."""
    entered: dict[int, dict[int, datetime]] = defaultdict(dict)
    by_hand = set()
    moves = StageMove.objects.filter(contact_id__in=contact_ids).order_by("-at")
    for contact_id, stage_id, at, why in moves.values_list(
        "contact_id", "to_stage_id", "at", "why"
    ):
        entered[contact_id][stage_id] = at
        if why == StageMove.Why.PERSON:
            by_hand.add(contact_id)
    return dict(entered), by_hand


def edit(stage: Stage, rule: Mapping[str, Any]) -> None:
    """Give the stage another rule: a new version, under which all contacts are looked at again."""
    entry_rules.check(rule)
    if rule != stage.rule:
        stage.rule = dict(rule)
        stage.rule_version += 1
        stage.save(update_fields=["rule", "rule_version"])
        review_all()


def place(stage: Stage, position: int) -> None:
    """Put the stage at this position; the others make room."""
    order = [other for other in Stage.objects.order_by("position") if other.pk != stage.pk]
    order.insert(max(0, position - 1), stage)
    for number, each in enumerate(order, start=1):
        Stage.objects.filter(pk=each.pk).exclude(position=number).update(position=number)
    stage.position = order.index(stage) + 1
    review_all()


def review_all() -> None:
    """Ask the worker to look at every contact under the rules of now."""
    Review.objects.all().delete()
    Review.objects.create(asked_at=timezone.now())
    doorbell.ring(REVIEWS)


def move_by_hand(
    contact: Contact, stage: Stage, *, user: User | None, reason: str = ""
) -> StageMove | None:
    """A person puts the contact into a stage, forward or back. None when it stands there already."""
    with transaction.atomic():
        Contact.objects.select_for_update().get(pk=contact.pk)
        place = ContactStage.objects.filter(contact=contact).select_related("stage").first()
        if place is not None and place.stage_id == stage.pk:
            return None
        now = timezone.now()
        move = StageMove.objects.create(
            contact=contact,
            from_stage=place.stage if place else None,
            to_stage=stage,
            at=now,
            why=StageMove.Why.PERSON,
            reason=reason[:200],
            user=user,
        )
        named = stage_review.FROM_THE_START if contact.name and contact.phone else None
        stage_review.put([(contact.pk, stage.pk, now, place.named_since if place else named)])
        timeline.record(
            [
                timeline.NewEvent(
                    contact_id=contact.pk,
                    kind="stage.moved",
                    at=now,
                    source="journeys",
                    key=f"move:{move.pk}",
                    properties={
                        "from": str(place.stage) if place else "",
                        "to": str(stage),
                        "by": str(user or ""),
                    },
                )
            ]
        )
    return move
