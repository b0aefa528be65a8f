"""A business's own fields: one rule for what they hold, in the API, in files and in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from contacts import custom_fields
from contacts.models import Contact, CustomField, Event
from contacts.validation import Invalid
from tenants import ids
from tenants.models import AuditEntry
from tests.conftest import Business
from tests.contacts.imports.conftest import Load, counts, load, media, reasons
from tests.test_admin_acts import open_as

__all__ = ["load", "media"]

CONTACTS, FIELDS = "/api/v1/contacts", "/api/v1/custom-fields"
NAME = "👩‍🎤 عائشة 王欣怡"


@pytest.fixture
def fields(business: Business) -> dict[str, CustomField]:
    with business.scope():
        made = [
            CustomField(key="city", label="城市", kind="text"),
            CustomField(key="budget", label="预算", kind="number"),
            CustomField(key="visited", label="到店日期", kind="date"),
            CustomField(key="skin", label="肤质", kind="choice", choices=["干性", "Oily"]),
            CustomField(key="wants", label="诉求", kind="multi", choices=["补水", "美白", "防晒"]),
            CustomField(key="member", label="会员", kind="boolean"),
        ]
        for position, of in enumerate(made):
            of.position = position
            of.save()
    return {of.key: of for of in made}


@pytest.mark.parametrize(
    ("key", "given", "stored"),
    [
        ("city", NAME, NAME),
        ("budget", " １２．５０ ", 12.5),
        ("budget", 300, 300),
        ("budget", "-7", -7),
        ("visited", "2026-01-05 00:00:00", "2026-01-05"),
        ("skin", " oily ", "Oily"),
        ("wants", "防晒；补水", ["补水", "防晒"]),
        ("wants", ["美白", "美白"], ["美白"]),
        ("member", "是", True),
        ("member", False, False),
    ],
)
def test_a_value_is_stored_as_its_kind_says(
    key: str, given: object, stored: object, fields: dict[str, CustomField]
) -> None:
    found = custom_fields.clean(fields[key], given)

    assert (found, type(found)) == (stored, type(stored))


@pytest.mark.parametrize(
    ("key", "given", "code"),
    [
        ("city", 7, "custom"),
        ("city", "a\x00b", "control_character"),
        ("budget", "1,299", "number"),
        ("budget", "1e400", "number"),
        ("budget", "NaN", "number"),
        ("budget", True, "number"),
        ("visited", "05.01.2026", "date"),
        ("visited", 20260105, "date"),
        ("skin", "normal", "choice"),
        ("wants", "补水;烫发", "choice"),
        ("wants", [1], "choice"),
        ("member", "maybe", "boolean"),
        ("member", 1, "boolean"),
    ],
)
def test_another_value_is_refused(
    key: str, given: object, code: str, fields: dict[str, CustomField]
) -> None:
    with pytest.raises(Invalid) as refused:
        custom_fields.clean(fields[key], given)

    assert refused.value.code == code


@pytest.mark.parametrize("key", ["", "1st", "a.b", "a__b", "contains", "a,b", "x" * 65, 'a"'])
def test_some_names_are_no_keys(key: str, business: Business) -> None:
    answer = business.api().post(FIELDS, {"key": key, "label": "x", "kind": "text"}, format="json")

    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {"key"}


def test_fields_are_made_changed_and_deleted_over_the_api(business: Business) -> None:
    api = business.api()
    made = api.post(
        FIELDS,
        {"key": "skin", "label": "肤质", "kind": "choice", "choices": ["干性"]},
        format="json",
    ).json()
    address = f"{FIELDS}/{made['id']}"

    assert api.get(FIELDS).json()["results"] == [made]
    more = api.patch(address, {"choices": ["干性", "油性"]}, format="json")
    assert more.json()["choices"] == ["干性", "油性"]
    refused: list[dict[str, object]] = [{"key": "other"}, {"kind": "text"}, {"choices": []}]
    for wrong in refused:
        assert api.patch(address, wrong, format="json").status_code == 400, wrong
    same = {"key": "skin", "label": "x", "kind": "text"}
    assert api.post(FIELDS, same, format="json").status_code == 409
    assert api.delete(address).status_code == 204
    with business.scope():
        actions = AuditEntry.objects.filter(action__startswith="custom_field.").order_by("id")
        assert [each.action.partition(".")[2] for each in actions] == [
            "created", "changed", "deleted",
        ]  # fmt: skip


def test_the_api_checks_values_and_keeps_what_no_field_defines(
    business: Business, fields: dict[str, CustomField]
) -> None:
    api = business.api()
    values = {"budget": "12.5", "wants": ["补水"], "member": True, "free": {"any": 1}}

    made = api.post(CONTACTS, {"name": NAME, "custom": values}, format="json").json()
    wrong = api.post(CONTACTS, {"custom": {"skin": "normal"}}, format="json")
    patched = api.patch(
        f"{CONTACTS}/{made['id']}", {"custom": {"budget": None, "visited": "2026-02-01"}},
        format="json",
    )  # fmt: skip

    assert made["name"] == NAME
    assert made["custom"] == {**values, "budget": 12.5}
    assert wrong.status_code == 400
    assert "skin" in str(wrong.json()["error"]["fields"]["custom"])
    rest = {name: value for name, value in made["custom"].items() if name != "budget"}
    assert patched.json()["custom"] == {**rest, "visited": "2026-02-01"}

    items = [
        {"external_id": "b1", "custom": {"skin": "OILY", "budget": None}},
        {"external_id": "b2", "custom": {"budget": "much"}},
    ]
    done = api.post(f"{CONTACTS}/bulk", {"items": items}, format="json").json()["results"]
    assert [each["status"] for each in done] == ["created", "rejected"]
    with business.scope():
        assert Contact.objects.get(external_id="b1").custom == {"skin": "Oily"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("custom.city=上海", "a"),
        ("custom.city=上海,Köln", "ab"),
        ("custom.city.known=false", "c"),
        ("custom.budget=300", "a"),
        ("custom.budget.gte=9.5", "ab"),
        ("custom.budget.gt=9.5", "a"),
        ("custom.budget.lt=300", "b"),
        ("custom.visited.gte=2026-01-05&custom.visited.lt=2026-02-01", "a"),
        ("custom.skin=oily", "b"),
        ("custom.wants=防晒", "ab"),
        ("custom.wants=补水", "a"),
        ("custom.member=false", "b"),
        ("custom.member=yes&custom.budget.gte=1", "a"),
    ],
)
def test_the_list_is_narrowed_by_them(
    query: str, found: str, business: Business, fields: dict[str, CustomField]
) -> None:
    with business.scope():
        one = {"city": "上海", "budget": 300, "visited": "2026-01-31", "wants": ["补水", "防晒"]}
        Contact.objects.create(external_id="a", custom={**one, "member": True})
        other = {"city": "Köln", "budget": "9.5", "visited": "2026-02-01", "skin": "Oily"}
        Contact.objects.create(
            external_id="b", custom={**other, "wants": ["防晒"], "member": False}
        )
        Contact.objects.create(external_id="c", custom={"budget": "many", "wants": []})

    answer = business.api().get(f"{CONTACTS}?{query}")

    assert answer.status_code == 200, answer.json()
    assert "".join(sorted(each["external_id"] for each in answer.json()["results"])) == found


@pytest.mark.parametrize(
    "query",
    [
        "custom.nothing=1",
        "custom.city.gte=a",
        "custom.budget=x",
        "custom.budget.near=1",
        "custom.=",
    ],
)
def test_an_unknown_field_or_a_wrong_value_is_named(
    query: str, business: Business, fields: dict[str, CustomField]
) -> None:
    answer = business.api().get(f"{CONTACTS}?{query}")

    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {query.partition("=")[0]}


def test_a_file_is_read_by_key_or_label(
    business: Business, load: Load, fields: dict[str, CustomField]
) -> None:
    head = "external_id,城市,BUDGET,到店日期,肤质,诉求,会员,来源备注\n"
    job = load(
        "contacts",
        head
        + "C1,上海,300,2026-01-05,oily,补水;防晒,是,展会\n"
        + "C2,,,,normal,,,\n"
        + "C3,,lots,,,,,\n",
    )

    assert counts(job) == (1, 0, 0, 2)
    assert reasons(job) == [(3, "肤质", "choice"), (4, "BUDGET", "number")]
    with business.scope():
        assert Contact.objects.get().custom == {
            "city": "上海", "budget": 300, "visited": "2026-01-05", "skin": "Oily",
            "wants": ["补水", "防晒"], "member": True, "来源备注": "展会",
        }  # fmt: skip


def typed_of(business: Business, **more: object) -> dict[str, Any]:
    usual = {"name": NAME, "new_phone": "", "new_email": "", "gender": "", "excluded_reason": ""}
    return {**usual, **more}


def test_the_admin_asks_for_them_and_filters_by_them(
    business: Business, fields: dict[str, CustomField]
) -> None:
    browser = open_as(business, "operator")
    name = {key: f"custom_{of.pk}" for key, of in fields.items()}
    page = reverse("admin:contacts_contact_add")
    typed = typed_of(business, **{
        name["budget"]: "12.5", name["skin"]: "干性", name["wants"]: ["美白"],
        name["member"]: "true", name["city"]: "上海", name["visited"]: "2026-01-05",
    })  # fmt: skip

    assert browser.post(page, {**typed, name["budget"]: "x"}).status_code == 200
    assert browser.post(page, typed).status_code == 302

    with business.scope():
        contact = Contact.objects.get()
        assert contact.name == NAME
        assert contact.custom == {
            "city": "上海", "budget": 12.5, "visited": "2026-01-05", "skin": "干性",
            "wants": ["美白"], "member": True,
        }  # fmt: skip
        contact.custom = {**contact.custom, "free": "kept", "skin": "gone from the list"}
        contact.save()
    change = reverse("admin:contacts_contact_change", args=[contact.pk])
    typed |= {name["skin"]: "gone from the list", name["member"]: "", name["budget"]: "12.5"}
    assert browser.post(change, typed).status_code == 302
    with business.scope():
        contact.refresh_from_db()
        assert contact.custom == {
            "city": "上海", "budget": 12.5, "visited": "2026-01-05", "skin": "gone from the list",
            "wants": ["美白"], "free": "kept",
        }  # fmt: skip
        assert Event.objects.get(kind="contact.changed").properties == {"fields": ["custom"]}
    assert "kept" in browser.get(change).content.decode()

    hits = {f"{name['budget']}_from=12": 1, f"{name['budget']}_from=13": 0,
            f"{name['wants']}=美白": 1, f"{name['city']}=北京": 0,
            f"{name['visited']}_to=2026-01-05": 1}  # fmt: skip
    listed = reverse("admin:contacts_contact_changelist")
    for query, hit in hits.items():
        answer = browser.get(f"{listed}?{query}")
        assert answer.status_code == 200, query
        assert (NAME in answer.content.decode()) is bool(hit), query
    assert browser.get(f"{listed}?{name['budget']}_from=x").status_code == 302


def test_operators_define_fields_in_the_admin(business: Business) -> None:
    browser: Client = open_as(business, "operator")
    page = reverse("admin:contacts_customfield_add")
    typed = {"label": "肤质", "key": "", "kind": "choice", "choices": "干性\n油性\n", "position": 0}

    assert browser.post(page, {**typed, "choices": ""}).status_code == 200
    assert browser.post(page, {**typed, "key": "a.b"}).status_code == 200
    assert browser.post(page, typed).status_code == 302
    assert open_as(business, "viewer").post(page, typed).status_code == 403

    with business.scope():
        of = CustomField.objects.get()
        assert (of.key, of.choices) == ("肤质", ["干性", "油性"])
    change = reverse("admin:contacts_customfield_change", args=[of.pk])
    more = {**typed, "label": "皮肤", "key": "other", "kind": "text", "archived": "on"}
    assert browser.post(change, more).status_code == 302
    with business.scope():
        of.refresh_from_db()
        assert (of.key, of.kind, of.label, of.archived) == ("肤质", "choice", "皮肤", True)
    assert ids.encode(of.pk) in str(business.api().get(FIELDS).json())
