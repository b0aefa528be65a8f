"""Every condition that a rule may ask, on real rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from analytics.standing import in_lifecycle, in_ownership
from contacts import facets, kinds, people
from contacts.models import Channel, Consent, Contact, CustomField
from contacts.segments.rules import RuleError
from contacts.validation import Item
from journeys.models import Stage
from tenants.ids import encode
from tenants.models import Staff, Tenant
from tests.contacts.segments.people import bought, did, found, person, segment, settle, tagged

DAY = timedelta(days=1)


def test_columns_of_the_contact(tenant: Tenant) -> None:
    douyin = Channel.objects.create(name="Douyin")
    anna = Staff.objects.create(userid="anna", name="Anna Li")
    person("Wang", gender="female", channel=douyin, owner=anna, phone="+8613800138000")
    person("Li", gender="male", source="import", email="li@example.com", excluded=True)
    person("Zhao")

    assert found({"field": "gender", "is": "female"}) == {"Wang"}
    assert found({"field": "gender", "in": ["female", "male"]}) == {"Wang", "Li"}
    assert found({"field": "gender", "known": False}) == {"Zhao"}
    assert found({"not": {"field": "gender", "is": "female"}}) == {"Li", "Zhao"}
    assert found({"field": "name", "contains": "a"}) == {"Wang", "Zhao"}
    assert found({"field": {"name": "name", "is": "Li"}}) == {"Li"}
    assert found({"field": "channel", "is": "Douyin"}) == {"Wang"}
    assert found({"field": "channel", "in": [encode(douyin.pk)]}) == {"Wang"}
    assert found({"field": "channel", "known": False}) == {"Li", "Zhao"}
    assert found({"field": "owner", "is": "anna"}) == {"Wang"}
    assert found({"field": "phone", "known": True}) == {"Wang"}
    assert found({"field": "email", "known": False}) == {"Wang", "Zhao"}
    assert found({"field": "source", "is": "import"}) == {"Li"}
    assert found({"field": "excluded", "is": True}) == {"Li"}
    assert found({"field": "excluded", "is": False}) == {"Wang", "Zhao"}


def test_dates_and_birthdays(tenant: Tenant) -> None:
    now = datetime(2026, 6, 15, 12, tzinfo=UTC)
    person("May", birthday=date(1990, 5, 1), acquired_at=now - 40 * DAY)
    person("June", birthday=date(2000, 6, 15), acquired_at=now - 3 * DAY)
    person("Late", birthday=date(2000, 6, 16))

    assert found({"field": "acquired_at", "within_days": 7}, now) == {"June"}
    assert found({"field": "acquired_at", "more_than_days_ago": 30}, now) == {"May"}
    assert found({"field": "acquired_at", "known": False}, now) == {"Late"}
    window = {"field": "acquired_at", "after": "2026-06-12", "before": "2026-06-13"}
    assert found(window, now) == {"June"}
    assert found({"field": "birthday_month", "is": 5}, now) == {"May"}
    assert found({"field": "birthday_month", "is": "this"}, now) == {"June", "Late"}
    assert found({"field": "age", "at_least": 26}, now) == {"May", "June"}
    assert found({"field": "age", "at_least": 25, "at_most": 25}, now) == {"Late"}


def test_custom_fields(tenant: Tenant) -> None:
    person("A", custom={"city": "上海", "children": 2, "likes": ["tea", "silk"]})
    person("B", custom={"city": "北京", "children": "3", "since": "2026-03-01", "vip": True})
    person("C", custom={"city": "", "children": "many"})

    assert found({"field": "custom.city", "is": "上海"}) == {"A"}
    assert found({"field": "custom.city", "in": ["上海", "北京"]}) == {"A", "B"}
    assert found({"field": "custom.city", "known": True}) == {"A", "B"}
    assert found({"field": "custom.city", "contains": "京"}) == {"B"}
    assert found({"field": "custom.children", "at_least": 2}) == {"A", "B"}
    assert found({"field": "custom.children", "at_least": 2, "at_most": 2}) == {"A"}
    assert found({"field": "custom.likes", "is": "silk"}) == {"A"}
    assert found({"field": "custom.vip", "is": True}) == {"B"}
    assert found({"field": "custom.since", "after": "2026-03-01"}) == {"B"}
    assert found({"field": "custom.since", "before": "2026-03-01"}) == set()


def test_declared_custom_fields(tenant: Tenant) -> None:
    kinds = {"n": "number", "d": "date", "b": "boolean", "c": "choice", "m": "multi"}
    for key, kind in kinds.items():
        CustomField.objects.create(key=key, label=f"Field {key}", kind=kind, choices=["x", "y"])
    person("A", custom={"n": 5, "d": "2026-02-01", "b": True, "c": "x", "m": ["x", "y"]})
    person("B", custom={"n": 7.5, "b": False, "c": "gone"})

    assert found({"field": "custom.n", "is": 5}) == {"A"}
    assert found({"field": "custom.n", "at_least": 6}) == {"B"}
    assert found({"field": "custom.d", "before": "2026-02-02"}) == {"A"}
    assert found({"field": "custom.b", "is": False}) == {"B"}
    assert found({"field": "custom.b", "is": True}) == {"A"}
    assert found({"field": "custom.c", "in": ["x", "gone"]}) == {"A", "B"}
    assert found({"field": "custom.m", "is": "y"}) == {"A"}
    with pytest.raises(RuleError, match=r"field\.contains: Unknown setting"):
        found({"field": "custom.n", "contains": "5"})


def test_tags(tenant: Tenant) -> None:
    for name, tags in (("A", ["VIP"]), ("B", ["VIP", "Fair"]), ("C", ["Fair"]), ("D", [])):
        tagged(person(name), *tags)

    assert found({"tag": "VIP"}) == {"A", "B"}
    assert found({"tag": ["VIP", "Fair"]}) == {"A", "B", "C"}
    assert found({"all": [{"tag": "VIP"}, {"tag": "Fair"}]}) == {"B"}
    assert found({"all": [{"tag": "VIP"}, {"not": {"tag": "Fair"}}]}) == {"A"}
    assert found({"not": {"tag": ["VIP", "Fair"]}}) == {"D"}
    with pytest.raises(RuleError, match=r"all\[1\].tag: There is no tag called “Nope”"):
        found({"all": [{"tag": "VIP"}, {"tag": "Nope"}]})


def test_events(tenant: Tenant) -> None:
    keen, once, old, silent = (person(name) for name in ("keen", "once", "old", "silent"))
    for number in range(3):
        did(keen, "content.read", number * DAY, content=f"Piece {number % 2}", purpose="nurture")
    did(once, "content.read", DAY, content="Piece 1", purpose="awareness", seconds=45)
    did(old, "content.read", 30 * DAY, content="Piece 1", purpose="nurture", seconds="100")
    did(silent, "price.asked", DAY)
    read = "content.read"

    assert found({"event": read}) == {"keen", "once", "old"}
    assert found({"event": read, "within_days": 14}) == {"keen", "once"}
    assert found({"event": {"kind": read, "count": 2, "within_days": 14}}) == {"keen"}
    assert found({"event": {"kind": read, "count": {"is": 1}}}) == {"once", "old"}
    rule = {"event": {"kind": read, "count": {"at_most": 1}, "within_days": 14}}
    assert found(rule) == {"once", "old", "silent"}
    assert found({"event": {"kind": read, "count": {"is": 0}}}) == {"silent"}
    assert found({"not": {"event": {"kind": [read, "price.asked"]}}}) == set()
    assert found({"event": {"kind": read, "distinct": "content", "count": 2}}) == {"keen"}
    assert found({"event": {"kind": read, "distinct": "content", "count": 3}}) == set()
    nurture = {"kind": read, "properties": {"purpose": "nurture"}}
    assert found({"event": nurture}) == {"keen", "old"}
    assert found({"event": {"kind": read, "properties": {"seconds": {"at_least": 60}}}}) == {"old"}
    assert found({"event": {"kind": read, "properties": {"seconds": 45}}}) == {"once"}
    before = (timezone.now() - 20 * DAY).date().isoformat()
    assert found({"event": {"kind": read, "before": before}}) == {"old"}
    assert found({"event": {"kind": read, "after": before}}) == {"keen", "once"}


def test_orders(tenant: Tenant) -> None:
    big, small, back, none = (person(name) for name in ("big", "small", "back", "none"))
    bought(big, 800, 10 * DAY)
    bought(big, 500, 80 * DAY)
    bought(small, 20, 10 * DAY)
    bought(back, 2000, 10 * DAY, status="refunded")
    assert none

    assert found({"order": {}}) == {"big", "small"}
    assert found({"order": {"count": 2}}) == {"big"}
    assert found({"order": {"count": {"is": 0}}}) == {"back", "none"}
    assert found({"order": {"within_days": 30, "sum": {"at_least": "800.00"}}}) == {"big"}
    assert found({"order": {"sum": {"at_least": 1300}}}) == {"big"}
    assert found({"order": {"sum": {"at_least": 1301}}}) == set()
    assert found({"order": {"sum": {"at_most": 100}}}) == {"small", "back", "none"}
    assert found({"order": {"count": 1, "sum": {"at_most": 100}}}) == {"small"}
    assert found({"not": {"order": {"within_days": 90}}}) == {"back", "none"}


def test_orders_of_products(tenant: Tenant) -> None:
    tea, silk = person("tea"), person("silk")
    bought(tea, 10, items=(Item("T-1", 2), Item("S-1", 1)))
    bought(silk, 10, items=(Item("S-1", 1),))

    assert found({"order": {"sku": "T-1"}}) == {"tea"}
    assert found({"order": {"sku": ["T-1", "S-1"]}}) == {"tea", "silk"}
    assert found({"order": {"sku": "S-1", "count": {"at_most": 0}}}) == set()
    assert found({"not": {"order": {"sku": "T-1"}}}) == {"silk"}


def test_friendships_and_consent(tenant: Tenant) -> None:
    Staff.objects.create(userid="anna", name="Anna")
    Staff.objects.create(userid="ben", name="Ben")
    friend, gone, said = person("friend"), person("gone"), person("said")
    now = timezone.now()
    people.open_follows([(friend.pk, "anna", now - DAY), (gone.pk, "ben", now - 5 * DAY)])
    did(gone, kinds.FOLLOW_ENDED, DAY, staff="ben", by="customer")
    settle()
    for contact, granted in ((said, True), (gone, True), (gone, False)):
        Consent.objects.create(
            contact=contact, purpose="marketing", granted=granted, at=timezone.now()
        )

    assert found({"field": "staff", "is": "anna"}) == {"friend"}
    assert found({"field": "staff", "is": "ben"}) == set()
    assert found({"field": "staff", "known": True}) == {"friend"}
    assert found({"field": "reachable", "is": True}) == {"friend"}
    assert found({"field": "reachable", "is": False}) == {"gone", "said"}
    assert found({"field": "consent.marketing", "is": "granted"}) == {"said"}
    assert found({"field": "consent.marketing", "is": "withdrawn"}) == {"gone"}
    assert found({"field": "consent.marketing", "is": "unknown"}) == {"friend"}
    told = {"field": "consent.marketing", "in": ["granted", "unknown"]}
    assert found(told) == {"friend", "said"}


def test_stage_score_and_grade(tenant: Tenant) -> None:
    hot, warm, cold = person("hot", phone="+8613800138000"), person("warm"), person("cold")
    did(hot, "price.asked", timedelta(minutes=1))
    did(hot, "price.asked", timedelta(minutes=2))
    did(warm, "content.read", timedelta(minutes=1))
    bought(hot, 10)
    settle()
    assert cold

    assert found({"field": "score", "at_least": 60}) == {"hot"}
    assert found({"field": "score", "at_most": 60}) == {"warm", "cold"}
    assert found({"field": "score", "at_least": 5, "at_most": 60}) == {"warm"}
    assert found({"field": "score", "at_least": 0}) == {"hot", "warm", "cold"}
    assert found({"field": "stage", "is": "won"}) == {"hot"}
    assert found({"field": "stage", "at_least": "intent"}) == {"hot"}
    assert found({"field": "stage", "in": ["visitor", "prospect"]}) == {"warm"}
    assert found({"field": "stage", "known": False}) == {"cold"}
    assert found({"field": "stage_since", "within_days": 1}) == {"hot", "warm"}
    assert found({"field": "fit", "in": ["A", "B", "C", "D"]}) == {"hot", "warm", "cold"}
    assert found({"field": "grade", "is": "A"}) == set()
    later = timezone.now() + 60 * DAY
    assert found({"field": "score", "at_least": 60}, later) == set()
    with pytest.raises(RuleError, match=r"field.is: “nope” is none of its values: visitor"):
        found({"field": "stage", "is": "nope"})
    assert Stage.objects.count() == 6


def shown_to_all() -> list[dict[str, object]]:
    """Everybody's name, with what upper apps add."""
    names = dict(Contact.objects.values_list("id", "name"))
    return [{"name": names[pk], **added} for pk, added in facets.values(list(names)).items()]


def test_lifecycle_and_ownership(tenant: Tenant) -> None:
    now = timezone.now()
    new, repeat, prospect, lapsed = (person(name) for name in ("new", "repeat", "none", "lapsed"))
    bought(new, 10, 5 * DAY)
    bought(repeat, 10, 60 * DAY)
    bought(repeat, 10, 20 * DAY)
    bought(lapsed, 10, 300 * DAY)
    people.open_follows([(each.pk, "anna", now - 40 * DAY) for each in (new, prospect, repeat)])
    did(new, "message.received", 2 * DAY)
    did(prospect, "message.received", 2 * DAY)
    settle()

    def standing(field: str, *values: str) -> set[str]:
        return found({"field": field, "in": list(values)})

    assert standing("lifecycle", "prospect") == {"none"}
    assert standing("lifecycle", "new") == {"new"}
    assert standing("lifecycle", "repeat") == {"repeat"}
    assert standing("lifecycle", "lapsed") == {"lapsed"}
    assert standing("lifecycle", "prospect", "new") == {"none", "new"}
    assert standing("lifecycle", "prospect", "new", "repeat", "lapsed") == {
        "none", "new", "repeat", "lapsed",
    }  # fmt: skip
    assert standing("ownership", "L1") == {"repeat"}
    assert standing("ownership", "L2") == {"none"}
    assert standing("ownership", "L3") == {"new"}
    assert standing("ownership", "L1", "L3") == {"new", "repeat"}
    assert found({"field": "ownership", "known": False}) == {"lapsed"}
    assert {
        each["name"]: (each["lifecycle"], each["ownership"]) for each in shown_to_all()
    } == {
        "none": ("prospect", "L2"), "new": ("new", "L3"), "repeat": ("repeat", "L1"),
        "lapsed": ("lapsed", None),
    }  # fmt: skip
    everybody = Contact.objects.all()
    for value in ("prospect", "new", "repeat", "lapsed"):
        rows = in_lifecycle(everybody, value).values_list("name", flat=True)
        assert standing("lifecycle", value) == set(rows)
    for value in ("L1", "L2", "L3"):
        rows = in_ownership(everybody, value).values_list("name", flat=True)
        assert standing("ownership", value) == set(rows)


def test_other_segments(tenant: Tenant) -> None:
    tagged(person("A"), "VIP")
    person("B")
    vip = segment("Vips", {"tag": "VIP"})

    assert found({"segment": "Vips"}) == {"A"}
    assert found({"segment": encode(vip.pk)}) == {"A"}
    assert found({"not": {"segment": "Vips"}}) == {"B"}
