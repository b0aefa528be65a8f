"""What is expected of a contact, for the pages and resources of contacts, and for segments.

Rows are forecasts.py's. Once there is a model, who never bought is worth nothing, and nobody knows
their P(alive) (FIGURES R25).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from django.utils.translation import gettext_lazy

from analytics import answers, models
from analytics.prediction import forecasts
from contacts.facets import Query
from contacts.segments import leaves, pieces
from contacts.segments.leaves import Field, Shape, Tests
from contacts.segments.pieces import NOBODY, Ids, Moment, Piece

_TABLE = "analytics_forecast"
_SIGNS = {"at_least": ">=", "at_most": "<="}


@dataclass(frozen=True, slots=True)
class Foretold:
    predicted_ltv: str | None
    p_alive: float | None


_FORETOLD = """
SELECT c.id, json_build_array(f.margin, f.p_alive)
FROM unnest(%(contacts)s::bigint[]) AS c(id)
JOIN analytics_forecaststate s ON s.tenant_id = %(tenant)s AND s.known
LEFT JOIN analytics_forecast f ON f.tenant_id = %(tenant)s AND f.contact_id = c.id
"""


def _read(rows: Mapping[int, tuple[float | None, float | None]]) -> Mapping[int, Foretold]:
    return {
        pk: Foretold(answers.amount(Fraction(margin or 0)), alive)
        for pk, (margin, alive) in rows.items()
    }


OF_CONTACTS = Query(_FORETOLD, _read)


def register() -> None:
    """Fields of segments' rules."""
    leaves.add(
        Field(
            "predicted_ltv",
            gettext_lazy("predicted LTV"),
            Shape.NUMBER,
            _worth,
            hears=("order.",),
            moved=_written,
            basis=_basis,
            tests=("at_least", "at_most", "known"),
        )
    )
    leaves.add(
        Field(
            "p_alive",
            gettext_lazy("P(alive)"),
            Shape.NUMBER,
            _alive,
            hears=("order.",),
            moved=_written,
            basis=_basis,
            tests=("at_least", "at_most", "known"),
        )
    )


def _alive(tests: Tests, moment: Moment, path: str) -> Piece:
    return _rows("p_alive", tests, 1, moment)


def _worth(tests: Tests, moment: Moment, path: str) -> Piece:
    """Who never bought is worth 0, and has no row: a range around 0 is everybody outside the rest.

    Sets have no "or" of their own: NOT (below OR above).
    """
    if not forecasts.state().known:
        return NOBODY
    if "known" in tests:
        return pieces.contacts(moment)
    if tests.get("at_least", 0) > 0 or tests.get("at_most", 0) < 0:
        return _rows("margin", tests, 100, moment)
    outside = []
    given = []
    for test, sign in (("at_least", "<"), ("at_most", ">")):
        if test in tests:
            outside.append(f"t.margin {sign} %s")
            given.append(float(tests[test]) * 100)
    return ~pieces.rows(_TABLE, " OR ".join(outside), given, moment, distinct=True)


def _rows(column: str, tests: Tests, scale: int, moment: Moment) -> Ids:
    where = [f"t.{column} {_SIGNS[test]} %s" for test in tests if test in _SIGNS]
    given = [float(value) * scale for test, value in tests.items() if test in _SIGNS]
    return pieces.rows(_TABLE, " AND ".join(where), given, moment, distinct=True)


def _written(tests: Tests, before: datetime, moment: Moment) -> Sequence[Ids]:
    """Whose forecast was made since then."""
    return [pieces.rows(_TABLE, "t.as_of >= %s", (before,), moment, distinct=True)]


def _basis() -> str:
    """With a new fit everybody's forecast is another."""
    found = models.ForecastState.objects.first()
    return f"fit:{found.as_of:%Y%m%dT%H%M%S}" if found is not None and found.as_of else ""
