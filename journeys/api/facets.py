"""What journeys add to the contacts resource: stage, score, fit, engagement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Model, QuerySet
from rest_framework import serializers

from contacts import facets
from contacts.models import Contact
from journeys import scoring
from journeys.models import ContactStage, Score

_STAGES = """
SELECT p.contact_id, to_json(s.key) FROM journeys_contactstage p
JOIN journeys_stage s ON s.tenant_id = p.tenant_id AND s.id = p.stage_id
WHERE p.tenant_id = %(tenant)s AND p.contact_id = ANY(%(contacts)s::bigint[])
"""


def register() -> None:
    facets.field("stage", serializers.CharField(), facets.Query(_STAGES))
    facets.field("score", serializers.FloatField(), _standings, absent=0.0, part="score")
    facets.field("fit", serializers.CharField(), _standings, absent="C", part="grade")
    facets.field("engagement", serializers.FloatField(), _standings, absent=0.0, part="engagement")
    facets.filter("stage", serializers.CharField(max_length=40), _in_stage)
    facets.filter("min_score", serializers.FloatField(min_value=0), _scored)
    facets.ordering("score", _scores, "key", same_direction=False)


def _standings(contact_ids: Sequence[int]) -> Mapping[int, object]:
    return scoring.standings(contact_ids)


def _in_stage(contacts: QuerySet[Contact], key: str) -> QuerySet[Contact]:
    return contacts.filter(id__in=ContactStage.objects.filter(stage__key=key).values("contact_id"))


def _scored(contacts: QuerySet[Contact], score: float) -> QuerySet[Contact]:
    """An index range: the forward-decayed key says what a score is now."""
    if score == 0:
        return contacts
    model = scoring.live()
    ripe = Score.objects.filter(model=model, key__gte=scoring.key_of(score, model))
    return contacts.filter(id__in=ripe.values("contact_id"))


def _scores() -> QuerySet[Model]:
    rows: QuerySet[Any] = Score.objects.filter(model=scoring.live())
    return rows
