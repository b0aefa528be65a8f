"""The page of satisfaction: what surveys were answered with, and what people said."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from analytics import behind, satisfaction, shown
from analytics.answers import number
from analytics.exact import ratio
from analytics.pages import frame
from analytics.pages.frame import Asked
from analytics.pages.tables import Card, Column, Figure, Table, counted
from analytics.periods import Question, midnight
from analytics.satisfaction import Survey
from contacts import masking
from journeys.models import Scale, SurveyAnswer

_DAYS, _COMMENTS = 90, 20


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, "survey", days=_DAYS)
    surveys = satisfaction.report(asked.question)
    chosen = next((s for s in surveys if str(s.content_id) == asked.given.get("survey")), None)
    drawn = chosen or max(surveys, key=lambda survey: survey.answers, default=None)

    def made(question: Question) -> tuple[Table, Table]:
        earlier = satisfaction.report(question)
        return _table(earlier, None), _file(earlier)

    return frame.show(
        request,
        asked,
        _table(surveys, drawn),
        "analytics/satisfaction.html",
        file=("satisfaction", _file(surveys)),
        again=made,
        heading=_("Satisfaction"),
        surveys=[(str(survey.content_id), survey.title) for survey in surveys],
        drawn=drawn,
        comments=_comments(asked, drawn) if drawn else [],
        contents=reverse("admin:journeys_content_changelist") + "?kind__exact=survey",
    )


def _columns() -> list[Column]:
    return [
        Column(_("Survey")),
        Column(_("Asked"), _("Contacts who got a link to it in the period for the first time.")),
        Column(_("Response rate"), _("Of those asked in the period: who has answered by now.")),
        Column(_("Answers"), _("Given in the period, each contact once.")),
        Column(_("Mean"), _("Of the answers, on the survey's own scale.")),
        Column(
            _("Satisfaction"),
            _("The mean from 0 % for the lowest answer to 100 % for the highest."),
        ),
        Column(_("Low"), _("Answers of at most 2 of 5, or 4 of 10. Each makes a staff task.")),
    ]


def _table(surveys: Sequence[Survey], drawn: Survey | None) -> Table:
    table = Table(_columns())
    table.rows = [
        [
            survey.title,
            counted(survey.asked, "survey-asked", survey=survey.content_id),
            shown.rate(survey.response_rate),
            counted(survey.answers, "survey-answers", survey=survey.content_id),
            _of_scale(survey),
            shown.rate(survey.level),
            counted(survey.low, "survey-low", survey=survey.content_id),
        ]
        for survey in surveys
    ]
    if not surveys:
        return table
    answers, low = sum(s.answers for s in surveys), sum(s.low for s in surveys)
    people, answered = sum(s.asked for s in surveys), sum(s.answered for s in surveys)
    responded = ratio(answered, people)
    together = satisfaction.together(list(surveys))
    table.cards = [
        Card(
            _("Satisfaction"),
            shown.rate(together),
            tone=_tone(together),
            figure=Figure(together, 1, rate=True),
        ),
        Card(_("Response rate"), shown.rate(responded), figure=Figure(responded, 1, rate=True)),
        Card(_("Answers"), shown.count(answers), figure=Figure(answers, 1)),
        Card(_("Low"), shown.count(low), tone="warn" if low else "", figure=Figure(low, -1)),
    ]
    if drawn is not None:
        table.chart = _chart(drawn)
    return table


def _chart(drawn: Survey) -> dict[str, object]:
    return {
        "kind": "pairs",
        "labels": [str(score) for score in drawn.scores],
        "series": [
            {
                "label": _("Answers"),
                "values": [drawn.counts[score] for score in drawn.scores],
                "texts": [shown.count(drawn.counts[score]) for score in drawn.scores],
            }
        ],
    }


def _of_scale(survey: Survey) -> str:
    if survey.mean is None:
        return shown.NONE
    return f"{shown.ratio(survey.mean)} / {survey.scale.value}"


def _tone(level: Fraction | None) -> str:
    if level is None:
        return ""
    return "good" if level >= Fraction(3, 4) else "warn" if level >= Fraction(1, 2) else "bad"


def _file(surveys: Sequence[Survey]) -> Table:
    first, *others = _columns()
    scores = range(Scale.TEN + 1)
    table = Table([first, Column(_("Scale")), *others, *(Column(str(score)) for score in scores)])
    table.raw = [
        [
            survey.title,
            str(survey.scale.label),
            survey.asked,
            number(survey.response_rate),
            survey.answers,
            number(survey.mean),
            number(survey.level),
            survey.low,
            *(survey.counts[score] if score in survey.scores else None for score in scores),
        ]
        for survey in surveys
    ]
    return table


def _comments(asked: Asked, drawn: Survey) -> list[dict[str, object]]:
    """The latest words to the survey that is drawn, within the filters; numbers masked."""
    question = asked.question
    zone = question.span.zone
    rows = SurveyAnswer.objects.select_related("contact").filter(
        content_id=drawn.content_id,
        answered_at__gte=midnight(question.span.start, zone),
        answered_at__lt=min(midnight(question.span.end, zone), question.as_of),
    )
    if not question.of_everybody:
        rows = rows.filter(contact_id__in=behind.meant(question))
    return [
        {
            "at": row.answered_at,
            "contact_id": row.contact_id,
            "contact": row.contact,
            "score": row.score,
            "comment": masking.text(row.comment),
        }
        for row in rows.exclude(comment="").order_by("-answered_at", "-id")[:_COMMENTS]
    ]
