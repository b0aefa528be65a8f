"""What all reports over HTTP share: their parameters, who may read them, as of when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from rest_framework import serializers
from rest_framework.response import Response

from analytics import answers, asking
from analytics.periods import Question
from contacts.models import Product
from tenants.middleware import tenant_of
from tenants.rest import errors
from tenants.rest.filters import Filter
from tenants.rest.views import Resource
from tenants.roles import Can


def text(help_text: str) -> Filter:
    return Filter(serializers.CharField(max_length=200, allow_blank=True), help=help_text)


def one_of(*choices: str) -> Filter:
    """The first one is meant when none is given."""
    return Filter(serializers.ChoiceField(choices, default=choices[0]))


PERIOD: Final[Mapping[str, Filter]] = {
    "from": text("First day, YYYY-MM-DD."),
    "to": text("The day after the last one; by default the period ends today."),
    "as_of": text("RFC 3339, or a date (its first moment). Facts from then on are ignored."),
    "channel": text("Name or id of a channel."),
    "staff": text("userid or id: contacts that this member owns."),
    "team": text("Name or id: contacts that members of this team own."),
    "segment": text("Name or id: contacts that are members of this segment now."),
    "product_role": Filter(
        serializers.ChoiceField(Product.Role.choices, allow_blank=True),
        help="Contacts that paid for a product of this role before as_of.",
    ),
}
COMPARE: Final[Mapping[str, Filter]] = {"compare": one_of("none", "previous", "year")}


class PeriodFigures(serializers.Serializer):
    """Figures, and of which days; an answer has those of the other period too: `compared`."""

    period_from = serializers.DateField(help_text="First day.")
    period_to = serializers.DateField(help_text="The day after the last one.")


def period(question: Question) -> dict[str, object]:
    span = question.span
    return {"period_from": span.start.isoformat(), "period_to": span.end.isoformat()}


class Report(Resource):
    """One report under `reports/`: an action of that name, with its `parameters`."""

    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.REPORT}
    pagination_class = None
    filter_backends = []

    def asked(self, *, days: int | None = None, fresh: bool = True) -> Question:
        """What the parameters ask. `fresh`: the facts of contacts are brought up to date first,
        or as_of is as late as they are.
        """
        given = {name: given for name, given in self.given().items() if name in asking.NAMES}
        try:
            question = asking.ask(given, tenant_of(self.request), days=days)
        except asking.Wrong as wrong:
            raise errors.invalid(**wrong.fields) from None
        return answers.complete(question) if fresh else question

    def other(self, question: Question) -> Question | None:
        """Of the period to compare with, if `compare` asks for one."""
        return question.against(self.given().get("compare", "none"))

    def compared(
        self, question: Question, read: Callable[[Question], dict[str, object]], **more: object
    ) -> Response:
        """What `read` answers, and the same of the other period, if `compare` asks for one."""
        other = self.other(question)
        return self.answer(
            question, **read(question), **more, compared=read(other) if other else None
        )

    def answer(self, question: Question, **figures: object) -> Response:
        as_of = answers.text_of_moment(question.as_of, tenant_of(self.request).tz)
        return Response({"as_of": as_of, **figures})
