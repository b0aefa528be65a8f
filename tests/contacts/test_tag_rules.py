"""Tags by rule: when the condition begins to hold, and never in a circle."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import override

from contacts import kinds, tagging, timeline
from contacts.models import Contact, ContactTag, Event, Tag, TagRule, TagRuleMatch
from contacts.segments.rules import RuleError
from contacts.tag_rules import acting, keeping, upkeep
from contacts.timeline import NewEvent
from tenants.ids import encode
from tests.conftest import Business

READS = {"event": {"kind": "content.read", "count": {"at_least": 2}, "within_days": 14}}


def rule(
    name: str, condition: Any, adds: list[str], removes: list[str] | None = None, **values: Any
) -> TagRule:
    tags = tagging.named([*adds, *(removes or [])])
    return keeping.save(
        TagRule(name=name, rule=condition, **values),
        [tags[each] for each in adds],
        [tags[each] for each in removes or []],
    )


def read(contact: Contact, key: str, days_ago: float = 0) -> None:
    at = timezone.now() - timedelta(days=days_ago)
    timeline.record([NewEvent(contact.pk, "content.read", at, "api", key)])


def worn(contact: Contact) -> set[str]:
    return set(ContactTag.objects.filter(contact=contact).values_list("tag__name", flat=True))


def settle(business: Business) -> None:
    timeline.work(business.pk)
    upkeep.work(business.pk)
    timeline.work(business.pk)


def test_a_count_in_a_window_tags_and_says_which_rule(business: Business) -> None:
    with business.scope():
        made = rule("Keen readers", READS, ["keen"], ["cold"])
        one, old = Contact.objects.create(name="A"), Contact.objects.create(name="B")
        tagging.add([one.pk], [Tag.objects.get(name="cold").pk], "api")
        read(one, "1")
        read(old, "2", 30)
        read(old, "3")
    settle(business)
    with business.scope():
        assert worn(one) == {"cold"}
        read(one, "4")
    settle(business)

    with business.scope(), override("en"):
        assert worn(one) == {"keen"}
        assert worn(old) == set()
        tagging_row = ContactTag.objects.get(contact=one)
        assert (tagging_row.by, tagging_row.why) == (f"rule:{encode(made.pk)}", "Keen readers")
        told = Event.objects.get(contact=one, kind="tag.added", properties__tag="keen")
        assert (
            kinds.sentence_of(told.kind, told.properties)
            == "Got the tag “keen” by the rule “Keen readers”"
        )
        gone = Event.objects.get(contact=one, kind="tag.removed")
        assert "by the rule “Keen readers”" in kinds.sentence_of(gone.kind, gone.properties)


def test_what_a_person_takes_away_does_not_come_back(business: Business) -> None:
    with business.scope():
        rule("Keen", READS, ["keen"])
        one = Contact.objects.create()
        read(one, "1")
        read(one, "2")
    settle(business)
    with business.scope():
        assert worn(one) == {"keen"}
        tagging.remove([one.pk], [Tag.objects.get(name="keen").pk], "user:1")
        read(one, "3")
    settle(business)

    with business.scope():
        assert worn(one) == set()


def test_a_run_over_all_tags_those_who_are_there(business: Business) -> None:
    upkeep_chunk = upkeep.CHUNK
    with business.scope():
        rows = Contact.objects.bulk_create(Contact(gender="female") for _ in range(5))
        Contact.objects.bulk_create(Contact(gender="male") for _ in range(2))
        condition = {"field": "gender", "is": "female"}
        quiet = rule("Quiet", condition, ["quiet"])
        loud = rule("Loud", condition, ["loud"], run_on_existing=True)
        assert loud.state == TagRule.State.RUNNING
    try:
        upkeep.CHUNK = 3
        settle(business)
    finally:
        upkeep.CHUNK = upkeep_chunk

    with business.scope():
        assert ContactTag.objects.filter(tag__name="loud").count() == 5
        assert not ContactTag.objects.filter(tag__name="quiet").exists()
        loud.refresh_from_db()
        assert (loud.state, loud.done, loud.changed) == ("ready", 7, 5)
        assert TagRuleMatch.objects.filter(rule=quiet, holds=True).count() == 5
        read(rows[0], "x")  # it held before, so nothing begins
    settle(business)
    with business.scope():
        assert not ContactTag.objects.filter(tag__name="quiet").exists()


def test_rules_that_set_each_other_off_come_to_rest(business: Business) -> None:
    with business.scope():
        tagging.named(["x", "y"])
        rule("There", {"tag": "x"}, ["y"], ["x"])
        rule("And back", {"tag": "y"}, ["x"], ["y"])
        one = Contact.objects.create()
        tagging.add([one.pk], [Tag.objects.get(name="x").pk], "api")
    for _ in range(6):
        settle(business)

    with business.scope():
        assert Event.objects.filter(kind="tag.added").count() <= 1 + 2 * acting.MOST_TIMES
        before = Event.objects.count()
    settle(business)
    with business.scope():
        assert Event.objects.count() == before


def test_a_rule_hears_segments_and_time(business: Business) -> None:
    """“No visit in 14 days” begins to hold without any event."""
    with business.scope():
        quiet = {"all": [{"event": "content.read"}, {"not": {"event": {"kind": "content.read",
                 "within_days": 14}}}]}  # fmt: skip
        made = rule("Asleep", quiet, ["asleep"])
        one = Contact.objects.create()
        read(one, "1", 13)
    settle(business)
    later = timezone.now() + timedelta(days=2)
    with business.scope():
        assert worn(one) == set()
        TagRule.objects.filter(pk=made.pk).update(due_at=timezone.now())
        assert upkeep.step(later)
        assert worn(one) == {"asleep"}


def test_what_is_no_rule_is_refused(tenant: Any) -> None:
    with pytest.raises(RuleError, match="nope"):
        rule("R", {"tag": "nope"}, ["a"])
    with pytest.raises(ValidationError) as none:
        rule("R", {"field": "gender", "is": "male"}, [])
    with pytest.raises(ValidationError) as both:
        rule("R", {"field": "gender", "is": "male"}, ["a"], ["a"])
    assert (none.value.error_list[0].code, both.value.error_list[0].code) == ("no_tags", "both")


def test_a_rule_that_names_what_is_gone_is_broken(business: Business) -> None:
    with business.scope():
        tagging.named(["x"])
        made = rule("R", {"tag": "x"}, ["y"])
        Tag.objects.get(name="x").delete()
        read(Contact.objects.create(), "1")
        timeline.record([NewEvent(Contact.objects.get().pk, "tag.added", timezone.now(), "t", "t")])
    settle(business)
    with business.scope():
        made.refresh_from_db()
        assert made.state == TagRule.State.BROKEN
        assert "“x”" in made.problem


def test_a_sync_leaves_our_own_tags_alone(tenant: Any) -> None:
    one = Contact.objects.create()
    tags = tagging.named(["ours", "theirs", "old"])
    Tag.objects.filter(name="ours").update(local_only=True)
    tagging.add([one.pk], [tags["ours"], tags["old"]], "api")

    assert tagging.to_push([one.pk]) == {one.pk: ["old"]}
    assert tagging.sync(one, ["theirs", "new"]) == (2, 1)
    assert worn(one) == {"ours", "theirs", "new"}
    assert tagging.sync(one, ["theirs", "new", "ours"]) == (0, 0)
    assert tagging.sync(one, []) == (0, 2)
    assert worn(one) == {"ours"}
