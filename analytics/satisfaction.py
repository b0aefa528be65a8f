"""How content are the customers? Answers to the one-question surveys of journeys.

An answer counts in the period in which it was first given. On a scale from 1 to 5, and on one from
0 to 10, the lowest is 0 and the highest 1: so answers of both make one mean.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from analytics import buying
from analytics.exact import ratio
from analytics.periods import Question, among
from journeys.models import Content, Scale
from journeys.surveys import LOW, is_low

_GIVEN = """
FROM journeys_surveyanswer
WHERE tenant_id = %(tenant)s AND answered_at >= %(from)s AND answered_at < %(until)s{among}
"""
_ANSWERS = f"SELECT content_id, scale, score, count(*) {_GIVEN} GROUP BY 1, 2, 3"
# A contact is asked when they first get a link of their own; whether they answer may come later.
_FIRST_LINKS = """
  SELECT l.content_id, l.contact_id FROM journeys_link l
  JOIN journeys_content c ON c.tenant_id = l.tenant_id AND c.id = l.content_id
  WHERE l.tenant_id = %(tenant)s AND c.kind = 'survey' AND l.contact_id IS NOT NULL
    AND l.created_at < %(until)s{among}
  GROUP BY 1, 2 HAVING min(l.created_at) >= %(from)s
"""
_ASKED = f"""
SELECT l.content_id, count(*), count(a.id)
FROM ({_FIRST_LINKS}) l
LEFT JOIN journeys_surveyanswer a ON a.tenant_id = %(tenant)s
  AND a.content_id = l.content_id AND a.contact_id = l.contact_id AND a.answered_at < %(as_of)s
GROUP BY 1
"""  # noqa: S608 - our own names


@dataclass
class Survey:
    """One survey in the period. `answered` are those who were asked in it, whenever they did."""

    content_id: int
    title: str
    question: str
    scale: Scale
    asked: int = 0
    answered: int = 0
    counts: Counter[int] = field(default_factory=Counter)  # answers by score

    @property
    def answers(self) -> int:
        return self.counts.total()

    @property
    def mean(self) -> Fraction | None:
        return ratio(sum(score * n for score, n in self.counts.items()), self.answers)

    @property
    def level(self) -> Fraction | None:
        """The mean, from 0 to 1."""
        lowest = self.scale.lowest
        return None if self.mean is None else (self.mean - lowest) / (self.scale - lowest)

    @property
    def response_rate(self) -> Fraction | None:
        return ratio(self.answered, self.asked)

    @property
    def low(self) -> int:
        return sum(n for score, n in self.counts.items() if is_low(self.scale, score))

    @property
    def scores(self) -> range:
        return range(self.scale.lowest, self.scale + 1)


def report(question: Question) -> list[Survey]:
    """Inside a scope: surveys of which somebody was asked, or answered, in the period; by title."""
    given = buying.given(question)
    counted = buying.rows(_ANSWERS.format(among=among(question)), given)
    asked = buying.rows(_ASKED.format(among=among(question, "l.contact_id")), given)
    pieces = Content.objects.in_bulk({content_id for content_id, *_counts in (*counted, *asked)})
    surveys = {
        pk: Survey(pk, piece.title, piece.body, Scale(piece.scale)) for pk, piece in pieces.items()
    }
    for content_id, _scale, score, number in counted:
        surveys[content_id].counts[score] += number
    for content_id, people, answered in asked:
        surveys[content_id].asked, surveys[content_id].answered = people, answered
    return sorted(surveys.values(), key=lambda survey: survey.title)


def behind(question: Question, of: str, survey: int) -> tuple[str, dict[str, Any]]:
    """SQL of the contacts of a survey who were `asked`, gave `answers`, or `low` ones; and its
    parameters.
    """
    given = buying.given(question) | {"survey": survey}
    if of == "asked":
        sql = _FIRST_LINKS.format(among=among(question, "l.contact_id"))
        return f"SELECT contact_id FROM ({sql}) l WHERE content_id = %(survey)s", given  # noqa: S608 - our own names
    given_in = _GIVEN.format(among=among(question))
    sql = f"SELECT contact_id {given_in} AND content_id = %(survey)s"
    if of == "low":
        sql += " AND score <= %(low)s"
        piece = Content.objects.filter(pk=survey).first()
        given["low"] = LOW[Scale(piece.scale)] if piece else -1
    return sql, given


@dataclass(frozen=True)
class Level:
    """The mean of so many answers, from 0 to 1."""

    mean: Fraction | None
    answers: int


def level(question: Question) -> Level:
    """Inside a scope: of all answers of the period."""
    counted = buying.rows(_ANSWERS.format(among=among(question)), buying.given(question))
    answers = [(Scale(scale), score, number) for _pk, scale, score, number in counted]
    return Level(mean_of(answers), sum(number for _scale, _score, number in answers))


def mean_of(answers: list[tuple[Scale, int, int]]) -> Fraction | None:
    """Of (scale, score, how many): each answer counts once, from 0 for the lowest to 1."""
    total = sum(
        (Fraction(score - scale.lowest, scale - scale.lowest) * n for scale, score, n in answers),
        Fraction(0),
    )
    return ratio(total, sum(n for _scale, _score, n in answers))


def together(surveys: list[Survey]) -> Fraction | None:
    """The mean of the answers of all of them."""
    return mean_of([(s.scale, score, n) for s in surveys for score, n in s.counts.items()])
