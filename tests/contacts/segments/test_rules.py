"""What is no rule is refused with the place and a sentence; what is one is set algebra."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from contacts.models import Segment
from contacts.segments import compiling, keeping, leaves, membership, rules, words
from contacts.segments.rules import RuleError
from tenants.models import Tenant
from tests.contacts.segments.people import found, person, segment, tagged

_DEEP: dict[str, Any] = {"tag": "A"}
for _level in range(9):
    _DEEP = {"all": [_DEEP]}


@pytest.mark.parametrize(
    ("rule", "path", "says"),
    [
        ({}, "", "Write a condition"),
        ([], "", "Write a condition"),
        ("VIP", "", "Write a condition"),
        ({"all": []}, "all", "at least one condition"),
        ({"all": {}}, "all", "at least one condition"),
        ({"all": [{"tag": "A"}, 7]}, "all[1]", "Write a condition"),
        ({"all": [{"tag": "A"}], "any": [{"tag": "B"}]}, "", "not both"),
        ({"all": [{"tag": "A"}], "name": "x"}, "name", "nothing beside"),
        ({"tga": "A"}, "", "This is no condition"),
        ({"not": {"all": [{"tag": 5}]}}, "not.all[0].tag", "Write a text"),
        ({"tag": []}, "tag", "1 to 200"),
        ({"tag": ["A", ""]}, "tag[1]", "Write a text"),
        ({"tag": "A", "event": "x"}, "", "not both"),
        ({"field": "shoe_size", "is": "5"}, "field", "There is no field “shoe_size”"),
        ({"field": "gender"}, "field", "Say how"),
        ({"field": "gender", "is": "female", "in": ["male"]}, "field", "Say how"),
        ({"field": "gender", "is": "robot"}, "field.is", "none of its values: female, male"),
        ({"field": "gender", "at_least": 3}, "field.at_least", "Unknown setting"),
        ({"field": "age", "at_least": "ten"}, "field.at_least", "Write a number"),
        ({"field": "acquired_at", "within_days": 0}, "field.within_days", "number of days"),
        ({"field": "acquired_at", "after": "1.2.2026"}, "field.after", "2026-01-31"),
        ({"field": "excluded", "is": "yes"}, "field.is", "true or false"),
        ({"field": "channel", "is": "Nowhere"}, "field.is", "There is no channel called “Nowhere”"),
        ({"field": "consent.spam", "is": "granted"}, "field", "Purposes are"),
        ({"event": {"count": 2}}, "event.kind", "Write the kind"),
        ({"event": {"kind": "x", "count": "two"}}, "event.count", "at_least"),
        (
            {"all": [{"tag": "A"}, {"event": {"kind": "x", "count": {"at_least": "2"}}}]},
            "all[1].event.count.at_least",
            "whole number",
        ),
        ({"event": {"kind": "x", "count": {"at_least": 3, "at_most": 2}}}, "event.count", "nobody"),
        ({"event": {"kind": "x"}, "within_days": 3}, "event.within_days", "inside “event”"),
        ({"event": "x", "within_days": 3, "after": "2026-01-01"}, "event.within_days", "either"),
        ({"event": {"kind": "x", "often": 3}}, "event.often", "Unknown setting"),
        ({"event": {"kind": "x", "properties": []}}, "event.properties", "at most 10"),
        ({"order": {"sum": {"at_least": "-5"}}}, "order.sum.at_least", "amount such as"),
        ({"order": {"sku": ""}}, "order.sku", "Write a text"),
        ({"segment": "Nowhere"}, "segment", "There is no segment called “Nowhere”"),
        (_DEEP, "all[0]" + ".all[0]" * 7, "Too many groups"),
        ({"any": [{"event": "x"}] * 101}, "", "at most 100 conditions"),
    ],
)
def test_what_is_no_rule(tenant: Tenant, rule: Any, path: str, says: str) -> None:
    with translation.override("en"), pytest.raises(RuleError) as refusal:
        keeping.read(rule)
    assert refusal.value.path == path
    assert says in refusal.value.message


def test_nesting(tenant: Tenant) -> None:
    worn = {"A": "1", "AB": "12", "B": "2", "ABC": "123", "C": "3", "none": ""}
    for name, tags in worn.items():
        tagged(person(name, gender="female" if "B" in name else ""), *tags)
    a, b, c = ({"tag": tag} for tag in "123")
    woman = {"field": "gender", "is": "female"}
    everybody = set(worn)

    assert found({"all": [a, b]}) == {"AB", "ABC"}
    assert found({"any": [a, c]}) == {"A", "AB", "ABC", "C"}
    assert found({"any": [{"all": [a, b]}, c]}) == {"AB", "ABC", "C"}
    assert found({"all": [{"not": a}, {"not": b}]}) == {"C", "none"}
    assert found({"not": {"any": [a, b]}}) == {"C", "none"}
    assert found({"any": [{"not": a}, b]}) == everybody - {"A"}
    assert found({"any": [{"not": a}, {"not": b}]}) == everybody - {"AB", "ABC"}
    assert found({"not": {"not": a}}) == {"A", "AB", "ABC"}
    assert found({"all": [a, {"any": [b, {"not": c}]}]}) == {"A", "AB", "ABC"}
    assert found({"all": [woman, {"not": a}]}) == {"B"}
    assert found({"any": [woman, c]}) == {"AB", "B", "ABC", "C"}
    assert found({"any": [{"not": woman}, a]}) == everybody - {"B"}
    assert found({"not": {"all": [woman, a]}}) == everybody - {"AB", "ABC"}
    assert found({"all": [a, {"not": {"all": [b, c]}}, {"not": woman}]}) == {"A"}
    assert found({"not": woman}) == {"A", "C", "none"}
    assert found({"any": [{"not": woman}, {"not": a}]}) == everybody - {"AB", "ABC"}


def test_one_statement_of_set_algebra(tenant: Tenant) -> None:
    tagged(person("A"), "1", "2", "3")
    rule = {"any": [{"all": [{"tag": "1"}, {"not": {"tag": "2"}}]}, {"tag": "3"}]}

    sql = compiling.compile(rules.parse(rule, leaves.readers), membership.moment()).sql

    assert "EXISTS" not in sql
    assert " OR " not in sql
    assert sql.count("EXCEPT") == 1
    assert sql.count("UNION") == 1
    assert "contacts_contact " not in sql
    assert sql.count("tenant_id = %s") == 3


def test_a_circle_is_refused_by_name(tenant: Tenant) -> None:
    tagged(person("A"), "VIP")
    first = segment("First", {"tag": "VIP"})
    segment("Second", {"any": [{"segment": "First"}, {"tag": "VIP"}]})
    segment("Third", {"segment": "Second"})

    first.rule = {"all": [{"tag": "VIP"}, {"not": {"segment": "Third"}}]}
    with translation.override("en"), pytest.raises(RuleError) as refusal:
        keeping.save(first)
    assert refusal.value.path == "all[1].not.segment"
    assert "First → Third → Second → First" in refusal.value.message

    first.rule = {"segment": "First"}
    with pytest.raises(RuleError, match="First → First"):
        keeping.save(first)
    stored = Segment.objects.get(pk=first.pk)
    assert stored.rule == {"tag": "VIP"}


def test_rules_read_as_sentences(tenant: Tenant) -> None:
    tagged(person("A"), "VIP")
    rule = {
        "all": [
            {"tag": "VIP"},
            {"event": {"kind": "content.read", "count": 2, "within_days": 14,
                       "properties": {"purpose": "nurture"}}},
            {"not": {"order": {}}},
            {"any": [{"field": "gender", "is": "female"}, {"field": "score", "at_least": 60}]},
        ]
    }  # fmt: skip
    with translation.override("en"):
        assert words.of_rule(rule) == (
            "has the tag “VIP” and Read “…” at least 2 times in the last 14 days"
            " with purpose = nurture and not: paid orders at least once"
            " and (gender is female or score is at least 60)"
        )
    with translation.override("zh-hans"):
        said = words.of_rule(rule)
    assert "标签“VIP”" in said
    assert "在最近 14 天内" in said


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"at_least": 100}, ">= 100"),
        ({"at_most": 500}, "<= 500"),
        ({"at_most": 500, "at_least": 100}, "100–500"),
        ({"is": 3}, "= 3"),
        (["a", "b"], "= a / b"),
    ],
)
def test_a_property_reads_as_it_is_asked(wanted: Any, said: str, tenant: Tenant) -> None:
    rule = {"event": {"kind": "cart.filled", "properties": {"amount": wanted}}}
    with translation.override("en"):
        assert words.of_rule(rule) == f"cart.filled at least once with amount {said}"


def test_two_ends_of_a_field_read_from_low_to_high(tenant: Tenant) -> None:
    with translation.override("en"):
        said = words.of_rule({"field": "age", "at_most": 40, "at_least": 18})
    assert said == "age is at least 18 is at most 40"
