"""The first score rules of a business are called as people speak, in its own language."""

from __future__ import annotations

import uuid

import pytest

from journeys.models import ScoreModel, ScoreRule
from tenants import setup
from tenants.scope import scope


@pytest.mark.parametrize(("language", "name"), [("zh-hans", "阅读内容"), ("en", "Read content")])
def test_names_of_the_first_rules(language: str, name: str, database: None) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    made = setup.create("Start", email, owner_name="何老板", language=language)
    with scope(made.tenant):
        rule = ScoreRule.objects.get(kind="content.read")
        frozen = ScoreModel.objects.get().rules
    assert rule.name == name
    assert {one["name"] for one in frozen} == set(_names(made)) and "." not in "".join(_names(made))
    assert made.owner.name == "何老板"


def _names(made: setup.Created) -> list[str]:
    with scope(made.tenant):
        return list(ScoreRule.objects.values_list("name", flat=True))
