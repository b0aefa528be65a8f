"""What figures add to the contacts resource: life cycle, ownership, and predictions."""

from __future__ import annotations

from rest_framework import serializers

from analytics import standing
from analytics.prediction import contact_fields
from analytics.standing import Lifecycle, Ownership
from contacts import facets


def register() -> None:
    stages = [each.value for each in Lifecycle]
    levels = [each.value for each in Ownership]
    query = standing.OF_CONTACTS
    facets.field("lifecycle", serializers.ChoiceField(stages), query, part="lifecycle")
    facets.field("ownership", serializers.ChoiceField(levels), query, part="ownership")
    facets.filter("lifecycle", serializers.ChoiceField(stages), standing.in_lifecycle)
    facets.filter("ownership", serializers.ChoiceField(levels), standing.in_ownership)
    worth = contact_fields.OF_CONTACTS
    facets.field("predicted_ltv", serializers.CharField(), worth, part="predicted_ltv")
    facets.field("p_alive", serializers.FloatField(), worth, part="p_alive")
