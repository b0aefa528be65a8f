"""The page of the private-domain fit: radar, how suited, what to start with, the questionnaire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics import shown
from analytics.answers import number
from analytics.models.seven_factor_fit import FitAnswer, Industry
from analytics.pages import frame
from analytics.pages.frame import Asked
from analytics.pages.tables import Card, Column, Table
from analytics.seven_factor_fit import keeping, plays, rule, words
from tenants import audit
from tenants.models import User
from tenants.roles import Can

_PAST = 20
_TONES: Mapping[rule.Suited, str] = {
    rule.Suited.MADE: "good",
    rule.Suited.WELL: "good",
    rule.Suited.PARTLY: "warn",
    rule.Suited.HARDLY: "bad",
}


class Questionnaire(forms.Form):
    """A radio button for each level of each factor."""

    industry = forms.ChoiceField(label=gettext_lazy("Industry"), choices=Industry.choices)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for key, asked in words.asked().items():
            self.fields[key] = forms.TypedChoiceField(
                label=asked.title,
                choices=list(enumerate(asked.levels, start=rule.LOWEST)),
                coerce=int,
                error_messages={"required": _("Choose a level.")},
            )

    def questions(self) -> list[dict[str, object]]:
        """For the template: a question with its levels and the one that is chosen."""
        asked = words.asked()
        return [
            {
                "number": place,
                "key": factor.key,
                "asked": asked[factor.key],
                "weight": factor.weight,
                "chosen": str(self[factor.key].value() or ""),
                "levels": [
                    (str(level), text)
                    for level, text in enumerate(asked[factor.key].levels, start=rule.LOWEST)
                ],
                "errors": self[factor.key].errors,
            }
            for place, factor in enumerate(rule.FACTORS, start=1)
        ]


def page(request: HttpRequest) -> HttpResponse:
    return _answer(request) if request.method == "POST" else _shown(request)


def _answer(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not isinstance(user, User) or user.membership is None:
        return redirect("sign-in")
    if not user.membership.can(Can.CONFIGURE):
        raise PermissionDenied
    form = Questionnaire(request.POST)
    if not form.is_valid():
        return _with_form(request, form, status=400)
    given = form.cleaned_data
    row = keeping.keep(Industry(given["industry"]), given, request)
    audit.record("fit.answered", row, request=request)
    return redirect("dashboard-fit")


@frame.page
def _shown(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, "edit", "industry")
    latest = FitAnswer.latest()
    if asked.given.get("edit") and _may_answer(request):
        return _with_form(request, Questionnaire(initial=_beginning(asked, latest)))
    industry = _industry(asked, latest)
    return frame.show(
        request,
        asked,
        _table(latest, industry),
        "analytics/seven_factor_fit.html",
        file=("fit", _file(latest, industry)),
        heading=_("Private-domain fit"),
        filters=[],
        industries=Industry.choices,
        industry=industry,
        latest=latest,
        band=_band(latest),
        starts=_starts(latest),
        past=_past(),
        may_answer=_may_answer(request),
        bands=_bands(),
    )


def _with_form(request: HttpRequest, form: Questionnaire, status: int = 200) -> HttpResponse:
    asked = Asked({}, frame.read(request).question, {})
    answer = frame.show(
        request,
        asked,
        Table([]),
        "analytics/seven_factor_fit_form.html",
        heading=_("Private-domain fit"),
        filters=[],
        form=form,
        questions=form.questions(),
        presets_of=[(industry.value, industry.label) for industry in Industry],
    )
    answer.status_code = status
    return answer


def _may_answer(request: HttpRequest) -> bool:
    membership = request.user.membership if isinstance(request.user, User) else None
    return membership is not None and membership.can(Can.CONFIGURE)


def _beginning(asked: Asked, latest: FitAnswer | None) -> dict[str, object]:
    """What the form begins with: an industry's preset, the answers so far, or nothing."""
    given = asked.given.get("industry")
    if given in Industry.values:
        return {"industry": given, **rule.preset(Industry(given))}
    return {"industry": latest.industry, **keeping.answers_of(latest)} if latest else {}


def _industry(asked: Asked, latest: FitAnswer | None) -> Industry:
    """With which industry to compare: the one asked for, else one's own."""
    given = asked.given.get("industry")
    if given in Industry.values:
        return Industry(given)
    return Industry(latest.industry) if latest else Industry.BEAUTY


def _table(latest: FitAnswer | None, industry: Industry) -> Table:
    asked = words.asked()
    table = Table(
        [
            Column(_("Factor")),
            Column(_("Your level"), _("The level from 1 to 5 that you chose.")),
            Column(
                _("Your points"),
                _("The level; of brand strength 6 − level: a strong brand needs it less."),
            ),
            Column(
                _("Points of the industry"),
                _("What is typical of it, in our judgement. It is no measurement."),
            ),
            Column(_("Weight"), _("How much the factor counts in the mean.")),
        ]
    )
    if latest is None:
        return table
    answers, typical = keeping.answers_of(latest), rule.points(rule.preset(industry))
    got = rule.points(answers)
    table.rows = [
        [
            asked[factor.key].title,
            str(answers[factor.key]),
            str(got[factor.key]),
            str(typical[factor.key]),
            str(factor.weight),
        ]
        for factor in rule.FACTORS
    ]
    own, others = rule.mean(answers), rule.mean(rule.preset(industry))
    table.total = [
        _("Weighted mean"), "", shown.ratio(own), shown.ratio(others),
        str(sum(factor.weight for factor in rule.FACTORS)),
    ]  # fmt: skip
    table.cards = [_card(_("Fit"), own), _card(str(industry.label), others)]
    table.meanings = [Column(each.title, each.why) for each in asked.values()]
    table.chart = _chart([(_("You"), got), (str(industry.label), typical)])
    return table


def _card(title: str, exact: Fraction) -> Card:
    band = rule.suited(exact)
    return Card(title, shown.ratio(exact), words.of_band(band), _TONES[band])


def _chart(series: Sequence[tuple[str, Mapping[str, int]]]) -> dict[str, object]:
    asked = words.asked()
    return {
        "kind": "radar",
        "labels": [asked[key].title for key in rule.KEYS],
        "series": [
            {"label": label, "values": [points[key] for key in rule.KEYS]}
            for label, points in series
        ],
        "most": rule.HIGHEST,
    }


def _file(latest: FitAnswer | None, industry: Industry) -> Table:
    table = _table(latest, industry)
    if latest is not None:
        answers, typical = keeping.answers_of(latest), rule.points(rule.preset(industry))
        got = rule.points(answers)
        table.raw = [
            [row[0], answers[each.key], got[each.key], typical[each.key], each.weight]
            for row, each in zip(table.rows, rule.FACTORS, strict=True)
        ]
        means = (number(rule.mean(answers)), number(rule.mean(rule.preset(industry))))
        table.raw.append([table.total[0], None, *means, None])
    return table


def _band(latest: FitAnswer | None) -> dict[str, str] | None:
    if latest is None:
        return None
    band = rule.suited(rule.mean(keeping.answers_of(latest)))
    return {"title": words.of_band(band), "advice": words.advice(band), "tone": _TONES[band]}


def _bands() -> list[tuple[str, str]]:
    return [(shown.ratio(least), words.of_band(band)) for least, band in rule.BANDS]


def _starts(latest: FitAnswer | None) -> list[dict[str, object]]:
    if latest is None:
        return []
    asked, strengths, weaknesses = words.asked(), plays.of_strengths(), plays.of_weaknesses()
    return [
        {
            "factor": asked[start.factor.key].title,
            "points": start.points,
            "strength": start.strength,
            "play": (strengths if start.strength else weaknesses)[start.factor.key],
        }
        for start in rule.starts(keeping.answers_of(latest))
    ]


def _past() -> list[dict[str, object]]:
    rows = FitAnswer.objects.select_related("user").order_by("-id")[:_PAST]
    return [
        {
            "at": row.answered_at,
            "by": str(row.user) if row.user else "API",
            "industry": row.get_industry_display(),
            "levels": " ".join(str(level) for level in keeping.answers_of(row).values()),
            "score": shown.ratio(rule.mean(keeping.answers_of(row))),
        }
        for row in rows
    ]
