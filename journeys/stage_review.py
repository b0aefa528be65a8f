"""Which moves follow from all that is known of a contact? The stored ones are made to agree.

The outcome is a function of the facts, so the order in which they arrive does not matter. Moves by
hand are facts themselves and stay as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.db import connection, transaction

from contacts import changes
from contacts.privacy import erasing
from journeys import entry_rules, scoring
from journeys.entry_rules import Facts
from journeys.models import ContactStage, ScoreModel, Stage, StageMove
from journeys.stage_facts import Look, Person, add_scores, gather
from tenants.scope import current_tenant_id

CHUNK = 1000
# Stands for "as long as we know them".
FROM_THE_START = datetime(1970, 1, 1, tzinfo=UTC)
_ROUNDS = 5


@dataclass(frozen=True)
class Move:
    """A move by rule, wanted or stored."""

    stage_id: int
    at: datetime
    from_id: int | None = None
    version: int = 1
    basis: str = ""


def review(noticed: Mapping[int, datetime]) -> None:
    """Make the moves by rule of these contacts what their facts say.

    The value is when we were last told something of the contact: the time of what has none, such as
    a phone number that became known.
    """
    # What an erased person was when they went stays: figures read it (FIGURES R17).
    ids = sorted(set(noticed) - erasing.among(noticed))
    for start in range(0, len(ids), CHUNK):
        with transaction.atomic():
            _Review(ids[start : start + CHUNK], noticed).run()


class _Review:
    """One look at up to CHUNK contacts."""

    def __init__(self, ids: Sequence[int], noticed: Mapping[int, datetime]) -> None:
        self.noticed = noticed
        self.stages = {stage.pk: stage for stage in Stage.objects.all()}
        self.rules = [stage.rule for stage in self.stages.values()]
        self.model: ScoreModel = scoring.live()
        self.places = {
            row.contact_id: row for row in ContactStage.objects.filter(contact_id__in=ids)
        }
        self.stored: dict[int, list[StageMove]] = defaultdict(list)
        self.by_hand: dict[int, list[StageMove]] = defaultdict(list)
        for move in StageMove.objects.filter(contact_id__in=ids).order_by("at", "id"):
            by_hand = move.why == StageMove.Why.PERSON
            (self.by_hand if by_hand else self.stored)[move.contact_id].append(move)
        self.floors: dict[int, list[datetime | None]] = {
            pk: [None, *sorted({move.at for move in self.by_hand[pk]})] for pk in ids
        }
        self.known: dict[Look, tuple[Person, Facts]] = {}
        self.named_since: dict[int, datetime | None] = {}
        self.moves: dict[int, list[Move]] = {}
        self.ends: dict[int, tuple[int, datetime]] = {}

    def run(self) -> None:
        due = list(self.floors)
        for _round in range(_ROUNDS):
            self._look(due)
            for contact_id in due:
                if Look(contact_id) in self.known:
                    self._replay(contact_id)
            due = [pk for pk in due if self._look_again(pk)]
            if not due:
                break
        self._write()

    def _look(self, contact_ids: Sequence[int]) -> None:
        looks = [
            look
            for pk in contact_ids
            for floor in self.floors[pk]
            if (look := Look(pk, floor)) not in self.known
        ]
        found = gather(looks, self.rules, self.model)
        for look, (person, facts) in found.items():
            facts.facts["name_and_phone"] = self._named_since(look.contact_id, person)
        by_score = {pk for pk, moves in self.stored.items() if any(move.basis for move in moves)}
        add_scores(found, self.rules, self.model, by_score)
        self.known |= found

    def _named_since(self, contact_id: int, person: Person) -> datetime | None:
        """An attribute has no time. Seen become known, it dates from then; else from the start."""
        place = self.places.get(contact_id)
        if not person.named:
            since = None
        elif place is None:
            since = FROM_THE_START
        else:
            since = place.named_since or self.noticed[contact_id]
        self.named_since[contact_id] = since
        return since

    def _wanted(self, contact_id: int) -> list[Move]:
        """The entries that the facts prove, in the order of time."""
        moves = set()
        for floor in self.floors[contact_id]:
            person, facts = self.known[Look(contact_id, floor)]
            for stage in self.stages.values():
                move = self._entry(stage, floor, person, facts)
                if move is not None:
                    moves.add(move)
        kept = self._kept(contact_id, moves)
        replaced = {(move.stage_id, self._floor_of(contact_id, move.at)) for move in kept}
        moves = {
            move
            for move in moves
            if (move.stage_id, self._floor_of(contact_id, move.at)) not in replaced
        }
        return sorted(moves | kept, key=lambda m: (m.at, self.stages[m.stage_id].position))

    def _entry(
        self, stage: Stage, floor: datetime | None, person: Person, facts: Facts
    ) -> Move | None:
        since = entry_rules.since(stage.rule, facts)
        seen = facts.facts["seen"]
        if since is None or seen is None:
            return None
        at = max(since, seen)
        if floor is not None and at <= floor:
            return None
        basis = f"{self.model.version}{person.grade}" if entry_rules.scores(stage.rule) else ""
        return Move(stage.pk, at, version=stage.rule_version, basis=basis)

    def _floor_of(self, contact_id: int, at: datetime) -> datetime | None:
        earlier = [f for f in self.floors[contact_id] if f is not None and f < at]
        return max(earlier, default=None)

    def _kept(self, contact_id: int, proven: set[Move]) -> set[Move]:
        """Stored moves that hold although the rule does not now: it was edited since, or what it
        lacks has no time (an exclusion, another grade). What was disproved (a refund, a late event
        that takes points away) goes."""
        again = {(move.stage_id, self._floor_of(contact_id, move.at)) for move in proven}
        kept = set()
        for stored in self.stored[contact_id]:
            stage = self.stages[stored.to_stage_id]
            floor = self._floor_of(contact_id, stored.at)
            edited = stored.rule_version != stage.rule_version
            if not edited:
                if (stage.pk, floor) in again:
                    continue
                person, facts = self.known[Look(contact_id, floor)]
                basis = f"{self.model.version}{person.grade}"
                other = bool(stored.basis) and stored.basis != basis
                facts = entry_rules.lenient(facts, stage.rule, stored.at, other_basis=other)
                if entry_rules.since(stage.rule, facts) is None:
                    continue
            kept.add(
                Move(stage.pk, stored.at, version=stored.rule_version or 1, basis=stored.basis)
            )
        return kept

    def _replay(self, contact_id: int) -> None:
        """Walk the entries and the moves by hand in the order of time."""
        steps: list[Move | StageMove] = [*self._wanted(contact_id), *self.by_hand[contact_id]]
        here: Stage | None = None
        moves: list[Move] = []
        for move in sorted(steps, key=lambda each: (each.at, isinstance(each, StageMove))):
            if isinstance(move, StageMove):
                here = self.stages[move.to_stage_id]
            elif self._may_enter(self.stages[move.stage_id], here):
                moves.append(replace(move, from_id=here.pk if here else None))
                here = self.stages[move.stage_id]
            else:
                continue
            self.ends[contact_id] = here.pk, move.at
        self.moves[contact_id] = moves

    def _may_enter(self, stage: Stage, here: Stage | None) -> bool:
        if here is None or stage.position > here.position:
            return True
        return here.key in stage.rule.get("back_from", ())

    def _look_again(self, contact_id: int) -> bool:
        """After a move from which a rule may lead back, only what happens from then on counts."""
        back_from = {key for rule in self.rules for key in rule.get("back_from", ())}
        after = {
            move.at
            for move in self.moves.get(contact_id, ())
            if self.stages[move.stage_id].key in back_from or self._is_backward(move)
        }
        new = after - set(self.floors[contact_id])
        self.floors[contact_id] += sorted(new)
        return bool(new)

    def _is_backward(self, move: Move) -> bool:
        from_stage = self.stages.get(move.from_id or 0)
        return from_stage is not None and from_stage.position > self.stages[move.stage_id].position

    def _write(self) -> None:
        new: list[StageMove] = []
        changed: list[StageMove] = []
        gone: list[int] = []
        moved: set[int] = set()
        for contact_id, moves in self.moves.items():
            stored = defaultdict(list)
            for row in self.stored[contact_id]:
                stored[row.to_stage_id].append(row)
            for move in moves:
                if stored[move.stage_id]:
                    row = stored[move.stage_id].pop(0)
                    if _correct(row, move):
                        changed.append(row)
                        moved.add(contact_id)
                else:
                    new.append(_correct_new(contact_id, move))
                    moved.add(contact_id)
            left = [row.pk for rows in stored.values() for row in rows]
            if left:
                gone += left
                moved.add(contact_id)
        StageMove.objects.filter(id__in=gone).delete()
        _change(changed)
        StageMove.objects.bulk_create(new)
        changes.note(moved)
        self._place()

    def _place(self) -> None:
        ids = sorted(self.moves)
        lost = [pk for pk in ids if pk not in self.ends and pk in self.places]
        ContactStage.objects.filter(contact_id__in=lost).delete()
        put([(pk, *self.ends[pk], self.named_since[pk]) for pk in ids if pk in self.ends])


_CHANGE = """
UPDATE journeys_stagemove m
SET at = c.at, from_stage_id = c.from_id, rule_version = c.version, basis = c.basis
FROM unnest(%s::bigint[], %s::timestamptz[], %s::bigint[], %s::int[], %s::text[])
  AS c(id, at, from_id, version, basis)
WHERE m.tenant_id = %s AND m.id = c.id
"""


def _change(rows: Sequence[StageMove]) -> None:
    if rows:
        columns = zip(
            *((row.pk, row.at, row.from_stage_id, row.rule_version, row.basis) for row in rows),
            strict=True,
        )
        with connection.cursor() as cursor:
            cursor.execute(_CHANGE, [*(list(column) for column in columns), current_tenant_id()])


def _correct(row: StageMove, move: Move) -> bool:
    stored = (row.at, row.from_stage_id, row.rule_version, row.basis)
    row.at, row.from_stage_id = move.at, move.from_id
    row.rule_version, row.basis = move.version, move.basis
    return stored != (move.at, move.from_id, move.version, move.basis)


def _correct_new(contact_id: int, move: Move) -> StageMove:
    row = StageMove(contact_id=contact_id, to_stage_id=move.stage_id, why=StageMove.Why.RULE)
    _correct(row, move)
    return row


_PUT = """
INSERT INTO journeys_contactstage AS p (tenant_id, contact_id, stage_id, entered_at, named_since)
SELECT %s, * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])
ON CONFLICT (tenant_id, contact_id) DO UPDATE
SET stage_id = EXCLUDED.stage_id, entered_at = EXCLUDED.entered_at,
  named_since = EXCLUDED.named_since
WHERE (p.stage_id, p.entered_at) <> (EXCLUDED.stage_id, EXCLUDED.entered_at)
   OR p.named_since IS DISTINCT FROM EXCLUDED.named_since
"""


def put(places: Sequence[tuple[int, int, datetime, datetime | None]]) -> None:
    if places:
        with connection.cursor() as cursor:
            cursor.execute(
                _PUT, [current_tenant_id(), *(list(column) for column in zip(*places, strict=True))]
            )
