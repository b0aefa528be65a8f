"""The pages of segments: a rule saved from the builder, its estimate, its pickers, its members."""

from __future__ import annotations

import json
from typing import Any

from django.urls import reverse

from contacts import timeline
from contacts.models import Contact, Segment, Tag
from contacts.segments import keeping, upkeep
from journeys.models import Stage
from tenants.ids import encode
from tests.conftest import Business
from tests.contacts.segments.people import members, person, segment, tagged

ADD = "admin:contacts_segment_add"
PREVIEW = "admin:contacts_segment_preview"
CHOICES = "admin:contacts_segment_choices"


def _asked(business: Business, rule: Any, role: str = "operator") -> dict[str, Any]:
    answer = business.browser(role).post(
        reverse(PREVIEW), json.dumps({"rule": rule}), content_type="application/json"
    )
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def test_a_rule_is_built_saved_and_counted(business: Business) -> None:
    browser = business.browser("operator")
    with business.scope():
        tagged(person("Wang"), "VIP")
        tag = encode(Tag.objects.get(name="VIP").pk)
    page = browser.get(reverse(ADD)).content.decode()
    assert "segment-schema" in page
    assert "contacts/segments.js" in page

    typed = {"name": "Vips", "kind": "rule", "description": "", "rule": json.dumps({"tag": tag})}
    assert browser.post(reverse(ADD), typed).status_code == 302
    timeline.work(business.pk)
    upkeep.work(business.pk)

    with business.scope():
        made = Segment.objects.get()
        assert members(made) == {"Wang"}
        wang = Contact.objects.get()
    change = reverse("admin:contacts_segment_change", args=[made.pk])
    shown = browser.get(change).content.decode()
    assert "has the tag “VIP”" in shown
    assert "Wang" in shown
    assert "as of" in browser.get(reverse("admin:contacts_segment_changelist")).content.decode()
    contact = browser.get(reverse("admin:contacts_contact_change", args=[wang.pk]))
    assert "Vips" in contact.content.decode()
    listed = browser.get(reverse("admin:contacts_contact_changelist"), {"segment": made.pk})
    assert "Wang" in listed.content.decode()


def test_a_stored_rule_is_changed(business: Business) -> None:
    with business.scope():
        tagged(person("A"), "VIP")
        made = segment("Vips", {"tag": "VIP"})
        key = Stage.objects.order_by("position").values_list("key", flat=True)[0]
    rule = {"any": [{"tag": "VIP"}, {"field": "stage", "is": key}]}
    typed = {"name": "Vips", "description": "", "rule": json.dumps(rule)}
    change = reverse("admin:contacts_segment_change", args=[made.pk])

    assert business.browser("operator").post(change, typed).status_code == 302

    with business.scope():
        made.refresh_from_db()
        assert (made.rule, made.state) == (rule, "counting")


def test_what_is_no_rule_is_said_on_the_page(business: Business) -> None:
    browser = business.browser("operator")
    typed = {"name": "S", "kind": "rule", "description": ""}

    for rule, said in (
        ("{}", "Write a condition"),
        ("nonsense", "Write a condition"),
        ('{"all": [{"tag": "Nope"}]}', "all[0].tag: There is no tag called “Nope”"),
    ):
        answer = browser.post(reverse(ADD), {**typed, "rule": rule})
        assert answer.status_code == 200
        assert said in answer.content.decode()

    with business.scope():
        assert not Segment.objects.exists()
        tagged(person("A"), "VIP")
        made = segment("S", {"tag": "VIP"})
    change = reverse("admin:contacts_segment_change", args=[made.pk])
    circle = browser.post(change, {**typed, "rule": '{"segment": "S"}'})
    assert "S → S" in circle.content.decode()


def test_the_estimate_names_the_part_at_fault(business: Business) -> None:
    with business.scope():
        tagged(person("A"), "VIP")
    told = _asked(business, {"tag": "VIP"})
    assert told["said"].startswith("1 contact now")
    assert told["sample"] == ["A"]
    told = _asked(business, {"all": [{"tag": "VIP"}, {"event": {"kind": "x", "count": -1}}]})
    assert told["path"] == "all[1].event.count.at_least"
    assert told["message"]
    assert _asked(business, None)["error"]
    refused = business.browser("viewer").post(
        reverse(PREVIEW), "{}", content_type="application/json"
    )
    assert refused.status_code == 403
    assert business.browser("operator").get(reverse(PREVIEW)).status_code == 405


def test_pickers_find_names_of_this_business(business: Business, other_business: Business) -> None:
    with other_business.scope():
        Tag.objects.create(name="Theirs")
    with business.scope():
        ours = Tag.objects.create(name="Ours")
        Tag.objects.create(name="Other")
        keeping.save(Segment(name="List", kind=Segment.Kind.STATIC))
    browser = business.browser("operator")

    def offered(of: str, typed: str = "") -> list[str]:
        answer = browser.get(reverse(CHOICES), {"of": of, "q": typed})
        return [name for _value, name in answer.json()["choices"]]

    assert offered("tag") == ["Other", "Ours"]
    assert offered("tag", "ou") == ["Ours"]
    answer = browser.get(reverse(CHOICES), {"of": "tag", "q": "Ours"}).json()
    assert answer == {"choices": [[encode(ours.pk), "Ours"]]}
    assert offered("segment") == ["List"]
    assert "Owner" in offered("owner")
    assert offered("channel") == offered("nonsense") == offered("gender") == []


def test_a_list_by_hand_is_kept_by_external_ids(business: Business) -> None:
    browser = business.browser("operator")
    with business.scope():
        person("A", external_id="a-1")
    typed = {"name": "List", "kind": "static", "description": "", "rule": "{}"}
    assert browser.post(reverse(ADD), typed).status_code == 302
    with business.scope():
        made = Segment.objects.get()
    put_on = reverse("admin:contacts_segment_put_on", args=[made.pk])

    answer = browser.post(put_on, {"confirmed": "on", "contacts": "a-1\nnobody"}, follow=True)
    assert "1 contact changed." in answer.content.decode()
    assert "nobody" in answer.content.decode()
    with business.scope():
        assert members(made) == {"A"}
    take_off = reverse("admin:contacts_segment_take_off", args=[made.pk])
    browser.post(take_off, {"confirmed": "on", "contacts": "a-1"})
    with business.scope():
        assert members(made) == set()
