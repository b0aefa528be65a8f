"""`survey-answers`: what contacts answered to surveys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet

from contacts import masking, validation
from contacts.api.events import OF_CONTACT, limited
from journeys.api.contents import ContactId, StaffName
from journeys.models import Content, SurveyAnswer
from tenants.rest.fields import IdField, Moment, Reference, of
from tenants.rest.filters import Filter, since, until
from tenants.rest.serializers import StrictModelSerializer
from tenants.rest.views import Listed
from tenants.roles import Can


class SurveyAnswerSerializer(StrictModelSerializer):
    """`scale` 5: the answer is 1 to 5; 10: it is 0 to 10."""

    id = IdField()
    survey = Reference(Content.objects.all, source="content")
    contact = ContactId()
    staff = StaffName(allow_null=True)

    class Meta:
        model = SurveyAnswer
        fields = (
            "id", "survey", "contact", "staff", "scale", "score", "comment", "answered_at",
            "changed_at",
        )  # fmt: skip

    def to_representation(self, instance: Any) -> Any:
        told = super().to_representation(instance)
        told["comment"] = masking.text(told["comment"])
        return told


class SurveyAnswers(Listed):
    """One answer of each contact to each survey; sales see those of their own customers."""

    queryset = SurveyAnswer.objects.select_related("staff")
    serializer_class = SurveyAnswerSerializer
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.READ}
    filters: ClassVar[Mapping[str, Filter]] = {
        "contact": OF_CONTACT,
        "survey": of("content_id"),
        "answered_after": since("answered_at", Moment(clean=validation.moment)),
        "answered_before": until("answered_at", Moment(clean=validation.moment)),
    }

    def get_queryset(self) -> QuerySet[SurveyAnswer]:
        return limited(self.request, SurveyAnswer.objects.select_related("staff"))
