"""Where does a contact stand in the journey, since when, and why?

A contact moves forward when the rule of a stage holds (skipping stages is fine), backward by hand
or by a rule that says from where. Rules: entry_rules.py; the moves that follow: stage_review.py.
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
from journeys.models import ContactStage, Purpose, Review, Score, ScorePoint, Stage, StageMove
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
    known = set(Stage.objects.values_list("key", flat=True))
    missing = [
        Stage(
            key=key,
            position=position,
            purpose=purpose,
            rule=entry_rules.DEFAULT_RULES[key],
            makes_leads=key == "intent",
        )
        for position, (key, purpose) in enumerate(_PURPOSES.items(), start=1)
        if key not in known
    ]
    Stage.objects.bulk_create(missing)


def on_events(events: Sequence[Event]) -> None:
    """Timeline listener: review the contacts whose moves these events could change."""
    watch = _Watch({event.contact_id for event in events})
    latest: dict[int, datetime] = {}
    due: set[int] = set()
    raised: dict[int, datetime] = {}  # only the score changed: since when
    for event in events:
        contact_id = event.contact_id
        latest[contact_id] = max(latest.get(contact_id, event.at), event.at)
        if watch.concerns(event):
            due.add(contact_id)
        elif watch.raises(event):
            raised[contact_id] = min(raised.get(contact_id, event.at), event.at)
    due |= watch.within_reach({pk: at for pk, at in raised.items() if pk not in due})
    stage_review.review({pk: latest[pk] for pk in due})


class _Watch:
    """Which events matter for which contacts? What was entered before an event stays entered."""

    def __init__(self, contact_ids: set[int]) -> None:
        stages = list(Stage.objects.all())
        self.model = scoring.live()
        self.entered, self.moved_by_hand = _entered(contact_ids)
        self.leads_back = any(stage.rule.get("back_from") for stage in stages)
        self.kinds = {stage.pk: entry_rules.kinds(stage.rule) for stage in stages}
        self.rules = scoring.engagement_rules(self.model)
        self.scored = {rule["kind"] for rule in self.rules}
        self.by_score = [stage.pk for stage in stages if entry_rules.scores(stage.rule)]
        self.lowest = min(
            (
                self.model.lead_threshold if score == "threshold" else float(score)
                for stage in stages
                for score in (leaf["min_score"] for leaf in entry_rules.scores(stage.rule))
            ),
            default=0.0,
        )

    def concerns(self, event: Event) -> bool:
        moves = self.entered.get(event.contact_id)
        family = event.kind.partition(".")[0]
        return (
            moves is None
            or _telling(event.kind)
            or (event.at < min(moves.values()) and family not in NOTES)
            or self._could_enter(
                event, [pk for pk, kinds in self.kinds.items() if event.kind in kinds]
            )
        )

    def raises(self, event: Event) -> bool:
        """It earns (or costs) points, and a stage not entered by then asks for a score."""
        return event.kind in self.scored and self._could_enter(event, self.by_score)

    def _could_enter(self, event: Event, stage_ids: Sequence[int]) -> bool:
        moves = self.entered[event.contact_id]
        again = self.leads_back or event.contact_id in self.moved_by_hand
        return any(again or pk not in moves or event.at <= moves[pk] for pk in stage_ids)

    def within_reach(self, raised: Mapping[int, datetime]) -> set[int]:
        """Those whose score can have reached the lowest one asked for since then.

        The sum of all points bounds every earlier sum, unless points were taken away. Whoever
        entered by score before is looked at in any case: the entry may have moved, or be gone.
        """
        entered = {pk for pk in raised if set(self.by_score) & set(self.entered[pk])}
        taking = [rule["id"] for rule in self.rules if rule["points"] < 0]
        points = ScorePoint.objects.filter(model=self.model, rule_id__in=taking)
        lowered = points.filter(contact_id__in=raised).values_list("contact_id", flat=True)
        scores = Score.objects.filter(model=self.model, contact_id__in=raised)
        high = {
            pk
            for pk, key in scores.values_list("contact_id", "key")
            if key >= scoring.key_of(self.lowest, self.model, raised[pk])
        }
        return entered | set(lowered) | high


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
    """A person puts the contact into a stage, forward or back. None when it is there already."""
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
