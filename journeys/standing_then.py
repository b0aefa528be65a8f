"""Where did contacts stand in the journey, and what was their score, at a moment gone by?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from contacts import loss_notices, losses
from journeys import scoring
from journeys.models import Score, Stage, StageMove


def register() -> None:
    losses.ask(standings)
    loss_notices.stages_from(stages)


def stages() -> list[tuple[str, str]]:
    return [(stage.key, str(stage)) for stage in Stage.objects.order_by("position")]


def standings(moments: Sequence[tuple[int, datetime]]) -> list[losses.Standing]:
    """The last move up to each moment; the score of today, as old as it was then."""
    people = {contact_id for contact_id, _at in moments}
    moves: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    told = StageMove.objects.filter(contact_id__in=people).order_by("at", "id")
    for contact_id, at, key in told.values_list("contact_id", "at", "to_stage__key"):
        moves[contact_id].append((at, key))
    model = scoring.live()
    keys = dict(
        Score.objects.filter(model=model, contact_id__in=people).values_list("contact_id", "key")
    )
    found = []
    for contact_id, at in moments:
        before = [key for moved_at, key in moves[contact_id] if moved_at <= at]
        score = scoring.score_now(keys.get(contact_id, 0.0), model, at)
        found.append(losses.Standing(before[-1] if before else "", score))
    return found
