"""Tag rules and pre-tag lists over the API and in the admin; filters by several tags."""

from __future__ import annotations

import json

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from contacts import pretags, tagging, timeline
from contacts.models import Contact, ContactTag, PreTag, PreTagList, Tag, TagGroup, TagRule
from contacts.tag_rules import upkeep
from tenants.ids import encode
from tests.conftest import Business

API = "/api/v1"
FEMALE = {"field": "gender", "is": "female"}


def work(business: Business) -> None:
    timeline.work(business.pk)
    upkeep.work(business.pk)
    pretags.work(business.pk)


def test_a_rule_over_the_api(business: Business) -> None:
    api = business.api()
    with business.scope():
        Contact.objects.bulk_create([Contact(gender="female"), Contact(gender="male")])
    rule = {"name": "Women", "rule": FEMALE, "add_tags": ["w"], "run_on_existing": True}

    seen = api.post(f"{API}/tag-rules/preview", {"rule": FEMALE}, format="json").json()
    made = api.post(f"{API}/tag-rules", rule, format="json")

    assert seen["count"] == 1
    assert made.status_code == 201, made.content
    assert (made.json()["state"], made.json()["add_tags"]) == ("running", ["w"])
    work(business)
    path = f"{API}/tag-rules/{made.json()['id']}"
    told = api.get(path).json()
    assert (told["state"], told["done"], told["changed"]) == ("ready", 2, 1)
    changed = api.patch(path, {"remove_tags": ["m"], "active": False}, format="json")
    assert (changed.json()["remove_tags"], changed.json()["add_tags"]) == (["m"], ["w"])
    assert api.post(f"{path}/run", format="json").status_code == 409
    assert api.patch(path, {"active": True}, format="json").status_code == 200
    work(business)
    assert api.post(f"{path}/run", format="json").status_code == 202
    assert api.delete(path).status_code == 204


def test_what_is_no_rule_is_refused_by_name(business: Business) -> None:
    api = business.api()
    rule = {"name": "R", "rule": FEMALE, "add_tags": ["w"]}
    wrong = api.post(f"{API}/tag-rules", {**rule, "rule": {"tag": "?"}}, format="json")
    assert "rule" in wrong.json()["error"]["fields"]
    none = api.post(f"{API}/tag-rules", {"name": "Y", "rule": FEMALE}, format="json")
    assert none.status_code == 400
    assert api.post(f"{API}/tag-rules", rule, format="json").status_code == 201
    assert api.post(f"{API}/tag-rules", rule, format="json").status_code == 409
    viewer = business.as_role("viewer")
    assert viewer.post(f"{API}/tag-rules", rule, format="json").status_code == 403


def test_a_rule_is_built_in_the_admin(business: Business) -> None:
    browser = business.browser("operator")
    with business.scope():
        Contact.objects.create(name="Lin", gender="female")
        tag = Tag.objects.create(name="w")
    typed = {"name": "Women", "rule": json.dumps(FEMALE), "active": "on", "run_on_existing": "on"}
    add = reverse("admin:contacts_tagrule_add")
    assert "at least one tag" in browser.post(add, typed).content.decode()
    assert browser.post(add, {**typed, "adds": [tag.pk]}).status_code == 302
    work(business)

    with business.scope():
        made = TagRule.objects.get()
        assert ContactTag.objects.filter(tag=tag).count() == 1
    change = reverse("admin:contacts_tagrule_change", args=[made.pk])
    assert "1 looked at, 1 tags changed" in browser.get(change).content.decode()
    listed = browser.get(reverse("admin:contacts_tagrule_changelist")).content.decode()
    assert "+w" in listed
    run = reverse("admin:contacts_tagrule_run", args=[made.pk])
    assert browser.post(run, {"confirmed": "on"}).status_code == 302
    work(business)
    assert browser.post(change, {**typed, "adds": [tag.pk], "active": ""}).status_code == 302
    with business.scope():
        made.refresh_from_db()
        assert not made.active


def test_a_list_over_the_api(business: Business) -> None:
    api = business.api()
    made = api.post(f"{API}/pre-tag-lists", {"name": "Fair"}, format="json")
    assert made.status_code == 201, made.content
    path = f"{API}/pre-tag-lists/{made.json()['id']}"
    items = [
        {"phone": "13800138000", "tags": ["vip"]},
        {"unionid": "u1", "tags": ["vip", "fair"]},
        {"phone": "1" * 30, "tags": ["vip"]},
        {"phone": "13800138000", "tags": []},
        {"phone": "13800138000", "unionid": "u", "tags": ["a"]},
        "nonsense",
    ]
    answer = api.post(f"{path}/bulk", {"items": items}, format="json")
    statuses = [each["status"] for each in answer.json()["results"]]
    assert statuses == ["created", "created", *["rejected"] * 4]
    again = api.post(f"{path}/bulk", {"items": items[:2]}, format="json")
    assert {each["status"] for each in again.json()["results"]} == {"unchanged"}
    work(business)
    told = api.get(path).json()
    assert (told["waiting"], told["applied"]) == (3, 0)
    api.post(f"{API}/contacts", {"external_id": "a", "phone": "13800138000"}, format="json")
    work(business)
    assert api.get(f"{API}/pre-tag-lists").json()["results"][0]["applied"] == 1
    assert api.delete(path).status_code == 204


def test_a_file_is_uploaded_in_the_admin(business: Business) -> None:
    browser = business.browser("operator")
    with business.scope():
        made = PreTagList.objects.create(name="Fair")
    bring = reverse("admin:contacts_pretaglist_bring", args=[made.pk])
    content = "手机号,标签\n13800138000,vip;fair\n123,vip\n".encode("gb18030")
    typed = {"file": SimpleUploadedFile("a.csv", content), "confirmed": "on"}

    assert browser.post(bring, typed).status_code == 302

    shown = browser.get(reverse("admin:contacts_pretaglist_change", args=[made.pk]))
    assert "1 people read, 2 tags new" in shown.content.decode()
    assert "3: " in shown.content.decode()
    with business.scope():
        assert PreTag.objects.count() == 2
    bad = {"file": SimpleUploadedFile("a.csv", b"name\nx\n"), "confirmed": "on"}
    browser.post(bring, bad)
    said = browser.get(reverse("admin:contacts_pretaglist_change", args=[made.pk]))
    assert "columns are missing" in said.content.decode()


def test_several_tags_narrow_the_list(business: Business) -> None:
    """OR inside a group, AND across groups, and exclusion."""
    with business.scope():
        city, level = (TagGroup.objects.create(name=name) for name in ("City", "Level"))
        tags = tagging.named(["Beijing", "Shanghai", "gold", "silver", "bad"])
        Tag.objects.filter(name__in=["Beijing", "Shanghai"]).update(group=city)
        Tag.objects.filter(name__in=["gold", "silver"]).update(group=level)
        worn = {"a": ["Beijing", "gold"], "b": ["Shanghai", "silver"], "c": ["Beijing"],
                "d": ["Beijing", "Shanghai", "gold", "bad"]}  # fmt: skip
        for name, names in worn.items():
            contact = Contact.objects.create(external_id=name, name=name)
            tagging.add([contact.pk], [tags[each] for each in names], "api")
    api = business.api()

    def found(query: str) -> set[str]:
        rows = api.get(f"{API}/contacts?{query}").json()["results"]
        return {row["external_id"] for row in rows}

    assert found("tags_by_group=Beijing,Shanghai,gold") == {"a", "d"}
    assert found("tags_by_group=Beijing,Shanghai") == {"a", "b", "c", "d"}
    assert found("tags_by_group=Shanghai,gold&not_tag=bad") == set()
    assert found("tags_by_group=Beijing,gold&not_tag=bad") == {"a"}
    assert found(f"tags_by_group={encode(tags['silver'])}") == {"b"}
    assert found("tags_by_group=nobody") == set()
    assert found("not_tag=nobody") == {"a", "b", "c", "d"}
    listed = business.browser("operator").get(
        reverse("admin:contacts_contact_changelist"),
        {"tags_by_group": [tags["Beijing"], tags["gold"]], "not_tag": [tags["bad"]]},
    )
    rows = {row.external_id for row in listed.context["cl"].result_list}
    assert rows == {"a"}


def test_the_choice_of_tags_speaks_the_language_of_the_page(business: Business) -> None:
    for language, script in (("zh-hans", "i18n/zh-CN.js"), ("en", "i18n/en.js")):
        page = business.browser("operator", language).get("/admin/contacts/tagrule/add/")
        text = page.content.decode()
        assert script in text
        assert f'lang="{script[5:-3]}"' in text
