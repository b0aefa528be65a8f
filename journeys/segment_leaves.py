"""What may a segment's rule ask of the journey? Stage, since when, score, grade."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.segments import leaves, pieces
from contacts.segments.leaves import Field, Shape, Tests
from contacts.segments.pieces import Ids, Moment, Piece
from contacts.segments.rules import RuleError, at
from journeys import scoring
from journeys.models import ScoreModel, Stage

_SCORES = "journeys_score"
_STAGES = "journeys_contactstage"


def register() -> None:
    leaves.add(
        Field(
            "stage",
            gettext_lazy("stage"),
            Shape.CHOICE,
            _stage,
            choices=_stages,
            hears=None,
            basis=_order_of_stages,
            tests=("is", "in", "at_least", "known"),
        )
    )
    leaves.add(
        Field(
            "stage_since",
            gettext_lazy("in its stage since"),
            Shape.DATE,
            _since,
            hears=None,
            moved=_since_passed,
        )
    )
    leaves.add(
        Field(
            "score",
            gettext_lazy("score"),
            Shape.NUMBER,
            _score,
            hears=None,
            moved=_score_faded,
            basis=_scoring,
            tests=("at_least", "at_most"),
        )
    )
    leaves.add(
        Field(
            "fit",
            gettext_lazy("grade"),
            Shape.CHOICE,
            _grade,
            choices=lambda: [(grade, grade) for grade in "ABCD"],
            hears=None,
            basis=_scoring,
            tests=("is", "in"),
        ),
        also="grade",
    )


# --- stage ---


def _stages() -> list[tuple[str, str]]:
    return [(stage.key, str(stage)) for stage in Stage.objects.order_by("position")]


def _order_of_stages() -> str:
    return ",".join(Stage.objects.order_by("position").values_list("key", flat=True))


def _stage(tests: Tests, moment: Moment, path: str) -> Piece:
    ((test, value),) = tests.items()
    if test == "known":
        return pieces.rows(_STAGES, "", (), moment, distinct=True)
    stages = list(Stage.objects.order_by("position"))
    keys = list(value) if isinstance(value, tuple) else [value]
    wanted = [stage.pk for stage in stages if stage.key in keys]
    if len(wanted) < len(set(keys)):
        gone = sorted(set(keys) - {stage.key for stage in stages})
        raise RuleError(
            at(path, test),
            _("There is no stage “%(name)s”; choose another one.") % {"name": gone[0]},
        )
    if test == "at_least":
        order = [stage.pk for stage in stages]
        wanted = order[order.index(wanted[0]) :]
    return pieces.rows(_STAGES, "t.stage_id = ANY(%s::bigint[])", (wanted,), moment, distinct=True)


def _since(tests: Tests, moment: Moment, path: str) -> Piece:
    where = leaves.during("t.entered_at", tests, moment)
    return pieces.rows(_STAGES, where.sql, where.values, moment, distinct=True)


def _since_passed(tests: Tests, before: datetime, moment: Moment) -> Sequence[Ids]:
    days = tests.get("within_days", tests.get("more_than_days_ago"))
    if days is None:
        return ()
    bounds = (before - timedelta(days=days), moment.ago(days))
    where = "t.entered_at > %s AND t.entered_at <= %s"
    return [pieces.rows(_STAGES, where, bounds, moment, distinct=True)]


# --- score ---


def _scoring() -> str:
    """The version in force; with a new one every score may differ."""
    return f"score:{scoring.live().pk}"


def _ripe(model: ScoreModel, score: float, moment: Moment) -> Ids:
    """Those whose score is at least that: an index range of forward-decayed keys."""
    where = "t.model_id = %s AND t.key >= %s"
    values = (model.pk, scoring.key_of(score, model, moment.now))
    return pieces.rows(_SCORES, where, values, moment, distinct=True)


def _score(tests: Tests, moment: Moment, path: str) -> Piece:
    """Who never earned anything has a score of 0."""
    model = scoring.live()
    low, high = tests.get("at_least", 0), tests.get("at_most")
    if high is None:
        return _ripe(model, low, moment) if low > 0 else pieces.contacts(moment)
    above = "t.model_id = %s AND t.key > %s"
    bound = high * scoring.growth(model, moment.now) / scoring.REACHED
    over = pieces.rows(_SCORES, above, (model.pk, bound), moment, distinct=True)
    if low <= 0:
        return ~over
    where = "t.model_id = %s AND t.key >= %s AND t.key <= %s"
    values = (model.pk, scoring.key_of(low, model, moment.now), bound)
    return pieces.rows(_SCORES, where, values, moment, distinct=True)


def _score_faded(tests: Tests, before: datetime, moment: Moment) -> Sequence[Ids]:
    """Whose score sank below a bound since then: a narrow range of keys."""
    model = scoring.live()
    found = []
    for bound in tests.values():
        low = scoring.key_of(bound, model, before)
        high = bound * scoring.growth(model, moment.now) / scoring.REACHED
        where = "t.model_id = %s AND t.key >= %s AND t.key <= %s"
        values: tuple[Any, ...] = (model.pk, low, high)
        found.append(pieces.rows(_SCORES, where, values, moment, distinct=True))
    return found


def _grade(tests: Tests, moment: Moment, path: str) -> Piece:
    value = tests.get("in", tests.get("is"))
    grades = list(value) if isinstance(value, tuple) else [value]
    where = "t.model_id = %s AND t.grade = ANY(%s::text[])"
    return pieces.rows(_SCORES, where, (scoring.live().pk, grades), moment, distinct=True)
