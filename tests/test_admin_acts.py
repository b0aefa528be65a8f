"""What operators do in the admin: saved, checked, told to the timeline and the audit log."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from contacts.models import (
    Channel,
    Contact,
    ContactSettings,
    ContactTag,
    Cost,
    Event,
    Import,
    LiveCode,
    LiveCodeStaff,
    LiveCodeTag,
    Product,
    Tag,
)  # fmt: skip
from tenants.models import AuditEntry, Team, Tenant, WeChatAccount
from tests.conftest import Business


def open_as(business: Business, role: str) -> Client:
    """A browser, which posts forms, of the member with this role."""
    client = Client()
    client.force_login(business.users[role])
    session = client.session
    session["tenant"] = business.pk
    session.save()
    return client


def actions(business: Business) -> list[str]:
    with business.scope():
        return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def account_of(business: Business) -> WeChatAccount:
    with business.scope():
        return WeChatAccount.objects.create(name="WeCom", app_id="ww1", secret="s3cret")


def test_a_contact_is_added_by_hand_tagged_and_changed(business: Business) -> None:
    browser = open_as(business, "operator")
    with business.scope():
        tag = Tag.objects.create(name="VIP")
    typed = {
        "name": "张欣怡", "new_phone": "139 1234 5678", "email": "", "gender": "female",
        "worn_tags": [tag.pk], "owner": business.staff["sales"].pk, "excluded_reason": "",
    }  # fmt: skip

    assert browser.post(reverse("admin:contacts_contact_add"), typed).status_code == 302

    with business.scope():
        contact = Contact.objects.get()
        assert (contact.phone, contact.source) == ("+8613912345678", "manual")
        assert ContactTag.objects.get().contact_id == contact.pk
        kinds = set(Event.objects.values_list("kind", flat=True))
    assert {"contact.created", "tag.added"} <= kinds

    page = reverse("admin:contacts_contact_change", args=[contact.pk])
    answer = browser.post(page, {**typed, "new_phone": "", "name": "张欣", "worn_tags": []})
    assert answer.status_code == 302
    with business.scope():
        contact.refresh_from_db()
        assert (contact.name, contact.phone) == ("张欣", "+8613912345678")
        assert not ContactTag.objects.exists()
        assert Event.objects.get(kind="contact.changed").properties == {"fields": ["name"]}
        entry = AuditEntry.objects.get(action="contact.changed")
    assert entry.summary == ""
    assert browser.post(page, {**typed, "new_phone": "12"}).status_code == 200


def test_a_phone_is_shown_only_with_the_ability_and_a_reason(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(external_id="c1", name="Li", phone="+8613912345678")
    address = reverse("admin:contacts_contact_reveal", args=[contact.pk])
    owner = open_as(business, "owner")

    assert open_as(business, "operator").post(address, {"confirmed": "on"}).status_code == 403
    assert "13912345678" not in owner.get(address).content.decode()
    assert "13912345678" not in owner.post(address, {"confirmed": "on"}).content.decode()
    shown = owner.post(address, {"confirmed": "on", "reason": "call back"}).content.decode()

    assert "+8613912345678" in shown
    with business.scope():
        entry = AuditEntry.objects.get(action="contact.revealed")
        assert (entry.detail, entry.reason) == ({"fields": ["phone"]}, "call back")
    assert entry.user == business.users["owner"]


def test_choices_of_another_tenant_are_refused(
    business: Business, other_business: Business
) -> None:
    browser = open_as(business, "operator")
    with other_business.scope():
        tag = Tag.objects.create(name="theirs")
        channel = Channel.objects.create(name="theirs")
    theirs = {
        "owner": other_business.staff["sales"].pk,
        "channel": channel.pk,
        "worn_tags": [tag.pk],
    }
    for field, value in theirs.items():
        typed = {"name": "x", "new_phone": "", "email": "", "gender": "", field: value}
        foreign = browser.post(reverse("admin:contacts_contact_add"), typed)
        unknown = browser.post(
            reverse("admin:contacts_contact_add"),
            typed | {field: [2**40] if isinstance(value, list) else 2**40},
        )
        assert foreign.status_code == unknown.status_code == 200, field
        assert foreign.context["adminform"].form.errors.keys() == {field}
        assert unknown.context["adminform"].form.errors.keys() == {field}
    with business.scope():
        assert not Contact.objects.exists()


def test_a_live_code_is_made_changed_and_retired(business: Business) -> None:  # noqa: PLR0915
    browser = open_as(business, "operator")
    account = account_of(business)
    with business.scope():
        tag = Tag.objects.create(name="poster")
    typed = {
        "name": "Poster", "account": account.pk, "brought_tags": [tag.pk],
        "welcome_text": "Hello!", "skip_verify": "on", "livecodestaff-TOTAL_FORMS": "1",
        "livecodestaff-INITIAL_FORMS": "0", "livecodestaff-0-weight": "1",
        "livecodestaff-0-staff": business.staff["sales"].pk,
    }  # fmt: skip
    for other in ("livecodeshift", "livecodefreehours", "livecodewelcome"):
        typed |= {f"{other}-TOTAL_FORMS": "0", f"{other}-INITIAL_FORMS": "0"}
    assert browser.post(reverse("admin:contacts_livecode_add"), typed).status_code == 302
    with business.scope():
        code = LiveCode.objects.get()
        assert code.status == "pending" and code.due_at is not None
        assert LiveCodeStaff.objects.get().staff == business.staff["sales"]
        assert LiveCodeTag.objects.get().tag == tag
        LiveCode.objects.update(status="active", due_at=None, qr_url="https://example.com/q")

        row = LiveCodeStaff.objects.get()
    typed |= {
        "livecodestaff-INITIAL_FORMS": "1", "livecodestaff-0-id": row.pk,
        "livecodestaff-0-live_code": code.pk,
    }  # fmt: skip
    page = reverse("admin:contacts_livecode_change", args=[code.pk])
    shown = browser.get(page).content.decode()
    assert "data:image/svg+xml" in shown and "https://example.com/q" in shown
    assert browser.post(page, typed | {"welcome_text": "我" * 1400}).status_code == 200
    assert browser.post(page, typed | {"name": "Poster 2", "brought_tags": []}).status_code == 302
    picture = browser.get(reverse("admin:contacts_livecode_qr", args=[code.pk]))
    assert picture["Content-Type"] == "image/svg+xml"
    with business.scope():
        code.refresh_from_db()
        assert (code.name, code.status) == ("Poster 2", "pending")
        assert not LiveCodeTag.objects.exists()

    retire = reverse("admin:contacts_livecode_retire", args=[code.pk])
    assert browser.get(retire).status_code == 200
    with business.scope():
        assert LiveCode.objects.get().status == "pending"  # looking does nothing
    assert browser.post(retire, {"confirmed": "on"}).status_code == 302
    with business.scope():
        assert LiveCode.objects.get().status == "retired"
    assert actions(business)[-3:] == ["live_code.created", "live_code.changed", "live_code.retired"]


def test_money_is_typed_in_yuan_and_kept_in_fen(business: Business) -> None:
    browser = open_as(business, "operator")
    typed = {
        "date": "2026-11-01",
        "kind": "ad",
        "amount_fen": "1299.5",
        "channel": "",
        "cost_id": "",
    }
    add = reverse("admin:contacts_cost_add")
    assert browser.post(add, typed).status_code == 302
    assert browser.post(add, typed | {"amount_fen": "1,299"}).status_code == 200
    assert browser.post(add, typed).status_code == 200  # one a day, channel and kind
    with business.scope():
        cost = Cost.objects.get()
    assert cost.amount_fen == 129950
    page = browser.get(reverse("admin:contacts_cost_change", args=[cost.pk])).content.decode()
    assert 'value="1299.50"' in page
    product = {"sku": "M1", "name": "Milk", "role": "", "price_fen": "298", "cost_fen": ""}
    assert browser.post(reverse("admin:contacts_product_add"), product).status_code == 302
    with business.scope():
        assert Product.objects.values_list("price_fen", "cost_fen").get() == (29800, None)


def test_what_is_unique_is_refused_in_the_form(business: Business) -> None:
    browser = open_as(business, "owner")
    add = reverse("admin:tenants_team_add")
    assert browser.post(add, {"name": "North"}).status_code == 302
    answer = browser.post(add, {"name": "North"})
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors.keys() == {"name"}
    with business.scope():
        assert Team.objects.filter(name="North").count() == 1


def test_a_file_waits_for_a_look_at_its_columns(business: Business) -> None:
    browser = open_as(business, "operator")
    file = SimpleUploadedFile("客户.csv", "客户编号,姓名\nc1,张三\n".encode())
    answer = browser.post(reverse("admin:contacts_import_add"), {"kind": "contacts", "file": file})
    with business.scope():
        job = Import.objects.get()
        assert (job.kind, job.dry_run, job.status) == ("contacts", False, "draft")
        assert job.user == business.users["operator"]
    columns = reverse("admin:contacts_import_columns", args=[job.pk])
    assert (answer.status_code, answer.headers["Location"]) == (302, columns)
    page = browser.get(reverse("admin:contacts_import_change", args=[job.pk]))
    assert (page.status_code, page.headers["Location"]) == (302, columns)
    refused = browser.get(reverse("admin:contacts_import_refused", args=[job.pk]))
    assert refused.status_code == 302  # there is no such file


def test_the_business_is_renamed_by_those_who_manage_it(business: Business) -> None:
    page = reverse("admin:business_settings")
    shown = open_as(business, "owner").get(page).content.decode()
    assert "Asia/Shanghai" in shown and "CNY" in shown
    typed = {"name": "新名字", "zone": "UTC", "currency": "USD", "slug": "taken"}
    for role in ("operator", "viewer"):
        assert open_as(business, role).post(page, typed).status_code == 403
    assert open_as(business, "owner").post(page, {"name": ""}).status_code == 200
    assert open_as(business, "admin").post(page, typed).status_code == 302
    tenant = Tenant.objects.get(pk=business.pk)
    assert (tenant.name, tenant.zone, tenant.currency) == ("新名字", "Asia/Shanghai", "CNY")
    assert tenant.slug == business.tenant.slug
    assert actions(business)[-1] == "tenant.changed"


def test_each_form_of_the_settings_is_saved_by_itself(business: Business) -> None:
    page, browser = reverse("admin:business_settings"), open_as(business, "owner")
    typed = {"sales_see": "team", "remind": "both", "remind_when": "instant"}
    sent = {f"customers-{name}": value for name, value in typed.items()}
    assert browser.post(page, {**sent, "customers-remind": "nobody-knows"}).status_code == 200
    assert browser.post(page, sent).status_code == 302
    assert actions(business)[-1] == "contact_settings.changed"
    assert browser.post(page, {"name": "新名字"}).status_code == 302
    assert browser.post(page, {}).status_code == 200
    with business.scope():
        kept = ContactSettings.of_tenant()
    assert (kept.sales_see, kept.remind) == ("team", "both")
    assert Tenant.objects.get(pk=business.pk).name == "新名字"


@pytest.mark.parametrize("role", ["admin", "operator"])
def test_only_those_who_manage_delete_contacts(business: Business, role: str) -> None:
    with business.scope():
        contact = Contact.objects.create(name="Li", external_id="c1")
    address = reverse("admin:contacts_contact_delete", args=[contact.pk])
    answer = open_as(business, role).post(address, {"post": "yes"})
    assert answer.status_code == (302 if role == "admin" else 403)
    with business.scope():
        assert Contact.objects.exists() == (role == "operator")


def test_a_gap_in_the_shifts_is_refused_by_name_and_a_poster_is_made(business: Business) -> None:
    browser = open_as(business, "operator")
    sales = business.staff["sales"].pk
    typed = {
        "name": "Poster", "account": account_of(business).pk, "skip_verify": "on",
        "livecodestaff-TOTAL_FORMS": "1", "livecodestaff-INITIAL_FORMS": "0",
        "livecodestaff-0-weight": "1", "livecodestaff-0-staff": sales,
        "livecodeshift-TOTAL_FORMS": "1", "livecodeshift-INITIAL_FORMS": "0",
        "livecodeshift-0-staff": sales, "livecodeshift-0-weekdays": ["1", "2", "3", "4", "5"],
        "livecodeshift-0-starts": "09:00", "livecodeshift-0-ends": "18:00",
        "new_attachment": "link", "attachment_title": "New", "attachment_url": "https://a.example/",
        "closed_message": "Over",
    }  # fmt: skip
    for other in ("livecodefreehours", "livecodewelcome"):
        typed |= {f"{other}-TOTAL_FORMS": "0", f"{other}-INITIAL_FORMS": "0"}
    add = reverse("admin:contacts_livecode_add")
    refused = browser.post(add, typed)
    assert refused.status_code == 200
    assert "09:00" in refused.content.decode()
    with business.scope():
        assert not LiveCode.objects.exists()

    answer = browser.post(add, typed | {"livecodeshift-0-ends": "09:00",
                          "livecodeshift-0-weekdays": list("1234567")})  # fmt: skip
    assert answer.status_code == 302
    with business.scope():
        code = LiveCode.objects.get()
        assert code.welcome_attachments == [
            {"type": "link", "title": "New", "url": "https://a.example/"}
        ]
        LiveCode.objects.update(status="active", qr_url="https://example.com/q")

    page = reverse("admin:contacts_livecode_print", args=[code.pk])
    assert "data:image/png" in browser.get(page).content.decode()
    looks = {"title": "扫码", "subtitle": "", "size": "square", "ink": "#000000"}
    pale = browser.post(page, looks | {"paper": "#333333"})
    assert pale.status_code == 200 and "data:image/png" not in pale.content.decode()
    file = browser.post(page, looks | {"paper": "#ffffff", "as": "png"})
    assert file["Content-Type"] == "image/png"
    public = reverse("live-code", args=[code.public_code])
    assert browser.get(public)["Location"] == "https://example.com/q"
    with business.scope():
        LiveCode.objects.update(status="retired")
    assert "Over" in browser.get(public).content.decode()
