"""What operators do in the admin: saved, checked, told to the timeline and the audit log."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from contacts.models import (
    Channel,
    Contact,
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
from journeys import scoring
from journeys.models import Content, Lead, ScoreModel, ScoreRule, Sop, SopStep, Stage, TouchRules
from tenants import auth
from tenants.models import ApiKey, AuditEntry, Membership, Team, WeChatAccount
from tests.conftest import PASSWORD, Business


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
    assert "张欣" not in entry.summary
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
    assert entry.detail == {"fields": ["phone"], "reason": "call back"}
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
        "name": "Poster", "account": account.pk, "staff_behind": [business.staff["sales"].pk],
        "brought_tags": [tag.pk], "welcome_text": "Hello!", "skip_verify": "on",
    }  # fmt: skip
    assert browser.post(reverse("admin:contacts_livecode_add"), typed).status_code == 302
    with business.scope():
        code = LiveCode.objects.get()
        assert code.status == "pending" and code.due_at is not None
        assert LiveCodeStaff.objects.get().staff == business.staff["sales"]
        assert LiveCodeTag.objects.get().tag == tag
        LiveCode.objects.update(status="active", due_at=None, qr_url="https://example.com/q")

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


def test_secrets_are_written_and_never_read(business: Business) -> None:
    browser = open_as(business, "owner")
    key = "a" * 43
    typed = {"kind": "wecom", "name": "Main", "app_id": "ww9", "agent_id": "1", "active": "on"}
    add = reverse("admin:tenants_wechataccount_add")
    assert browser.post(add, typed).status_code == 200  # a new account needs its secret
    first = {"new_secret": "alpha", "new_token": "beta", "new_aes_key": key}
    assert browser.post(add, typed | first).status_code == 302
    with business.scope():
        account = WeChatAccount.objects.get()
    page = reverse("admin:tenants_wechataccount_change", args=[account.pk])

    shown = browser.get(page).content.decode()
    assert account.code in shown and key not in shown and "alpha" not in shown
    assert browser.post(page, typed | {"name": "Renamed", "new_secret": ""}).status_code == 302
    with business.scope():
        account = WeChatAccount.objects.get()
        assert (account.name, account.secret, account.callback_aes_key) == ("Renamed", "alpha", key)


def test_a_member_is_added_with_a_password_that_works_once_shown(business: Business) -> None:
    browser = open_as(business, "owner")
    email = f"new-{business.pk}@example.com"
    answer = browser.post(
        reverse("admin:tenants_membership_add"), {"email": email, "name": "New", "role": "operator"}
    )
    assert answer.status_code == 200
    password = re.search(r'<code class="scrm-secret">([^<]+)</code>', answer.content.decode())
    assert password is not None
    assert browser.login(username=email, password=password[1])
    assert actions(business)[-1] == "member.created"


def test_an_existing_person_is_linked_without_a_password(
    business: Business, other_business: Business
) -> None:
    person = other_business.users["viewer"]
    answer = open_as(business, "owner").post(
        reverse("admin:tenants_membership_add"), {"email": person.email.upper(), "role": "viewer"}
    )
    assert answer.status_code == 302
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


def test_the_last_owner_stays_and_admins_make_no_owners(business: Business) -> None:
    with business.scope():
        owner = Membership.objects.get(role="owner")
        viewer = Membership.objects.get(role="viewer")
    page = reverse("admin:tenants_membership_change", args=[owner.pk])
    assert (
        open_as(business, "owner").post(page, {"role": "viewer", "active": "on"}).status_code == 200
    )
    page = reverse("admin:tenants_membership_change", args=[viewer.pk])
    assert (
        open_as(business, "admin").post(page, {"role": "owner", "active": "on"}).status_code == 200
    )
    assert (
        open_as(business, "admin").post(page, {"role": "operator", "active": "on"}).status_code
        == 302
    )
    with business.scope():
        assert Membership.objects.get(pk=owner.pk).role == "owner"
        assert Membership.objects.get(pk=viewer.pk).role == "operator"


def test_a_key_is_shown_once_works_and_is_revoked(business: Business) -> None:
    browser = open_as(business, "owner")
    typed = {"name": "shop", "abilities": ["read"], "days": "30"}
    answer = browser.post(reverse("admin:tenants_apikey_add"), typed)
    text = re.search(r'<code class="scrm-secret">([^<]+)</code>', answer.content.decode())
    assert text is not None
    with business.scope():
        key = auth.find_key(text[1])
        assert key is not None and key.scopes == ["read"] and key.expires_at is not None
    page = browser.get(reverse("admin:tenants_apikey_change", args=[key.pk])).content.decode()
    assert text[1] not in page

    revoke = reverse("admin:tenants_apikey_revoke", args=[key.pk])
    assert browser.post(revoke, {"confirmed": "on"}).status_code == 302
    with business.scope():
        assert auth.find_key(text[1]) is None
        assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
    assert actions(business)[-2:] == ["api_key.created", "api_key.revoked"]


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


def test_a_file_is_queued_as_its_sender_chose(business: Business) -> None:
    browser = open_as(business, "operator")
    file = SimpleUploadedFile("客户.csv", "客户编号,姓名\nc1,张三\n".encode())
    answer = browser.post(
        reverse("admin:contacts_import_add"), {"kind": "contacts", "file": file, "dry_run": "on"}
    )
    assert answer.status_code == 302
    with business.scope():
        job = Import.objects.get()
        assert (job.kind, job.dry_run, job.status) == ("contacts", True, "queued")
        assert job.user == business.users["operator"]
    page = browser.get(reverse("admin:contacts_import_change", args=[job.pk]))
    assert page.status_code == 200
    refused = browser.get(reverse("admin:contacts_import_refused", args=[job.pk]))
    assert refused.status_code == 302  # there is no such file


def step(number: int, **fields: str) -> dict[str, str]:
    given = {
        "delay_minutes": "", "day": "", "at_time": "", "route": "none", "kind": "service",
        "content": "", "text": "", "ORDER": str(number + 1),
    } | fields  # fmt: skip
    return {f"steps-{number}-{name}": value for name, value in given.items()}


def test_a_script_is_written_published_paused_and_resumed(business: Business) -> None:
    browser = open_as(business, "operator")
    typed = {"name": "Welcome", "trigger": "follow.opened", "channel": "", "live_code": ""}
    answer = browser.post(reverse("admin:journeys_sop_add"), typed)
    with business.scope():
        sop = Sop.objects.get()
    steps = reverse("admin:journeys_sop_steps", args=[sop.pk])
    assert answer["Location"] == steps

    management = {"steps-TOTAL_FORMS": "2", "steps-INITIAL_FORMS": "0"}
    bad = management | step(0, delay_minutes="5", day="1", text="x") | step(1, text="y")
    assert browser.post(steps, bad).status_code == 200
    good = (
        management
        | step(0, day="1", at_time="10:00", text="second", ORDER="2")
        | step(1, delay_minutes="5", text="first {name}", ORDER="1")
    )
    assert browser.post(steps, good).status_code == 302
    with business.scope():
        texts = list(SopStep.objects.order_by("position").values_list("text", flat=True))
    assert texts == ["first {name}", "second"]

    for verb, status in (("publish", "active"), ("pause", "paused"), ("resume", "active")):
        address = reverse(f"admin:journeys_sop_{verb}", args=[sop.pk])
        assert browser.post(address, {"confirmed": "on"}).status_code == 302
        with business.scope():
            assert Sop.objects.get().status == status
    page = browser.get(reverse("admin:journeys_sop_change", args=[sop.pk])).content.decode()
    assert "first {name}" in page
    assert actions(business)[-3:] == ["sop.published", "sop.paused", "sop.resumed"]


def test_stages_are_renamed_moved_and_their_rules_checked(business: Business) -> None:
    browser = open_as(business, "operator")
    with business.scope():
        stage = Stage.objects.get(key="profiled")
    page = reverse("admin:journeys_stage_change", args=[stage.pk])
    typed = {"name": "Known", "purpose": "nurture", "place": "2", "rule": '{"fact": "reachable"}'}
    assert browser.post(page, typed | {"rule": '{"fact": "nonsense"}'}).status_code == 200
    assert browser.post(page, typed).status_code == 302
    with business.scope():
        stage.refresh_from_db()
        assert (stage.name, stage.position, stage.rule_version) == ("Known", 2, 2)
        assert list(Stage.objects.order_by("position").values_list("position", flat=True)) == [
            1, 2, 3, 4, 5, 6,
        ]  # fmt: skip


def test_score_rules_are_tried_then_published(business: Business) -> None:
    browser = open_as(business, "operator")
    with business.scope():
        rule = ScoreRule.objects.get(name="price.asked")
        live = scoring.live()
    page = reverse("admin:journeys_scorerule_change", args=[rule.pk])
    typed = {
        "name": "price",
        "part": "engagement",
        "kind": "price.asked",
        "condition": "{}",
        "points": "50",
    }
    assert browser.post(page, typed | {"condition": '{"tag": "x"}'}).status_code == 200
    assert browser.post(page, typed | {"active": "on"}).status_code == 302

    try_out = reverse("admin:journeys_scorerule_try")
    settings = {
        "half_life_days": "7", "lead_threshold": "80", "weight_a": "1.5", "weight_b": "1.2",
        "weight_c": "1", "weight_d": "0.6", "from_a": "60", "from_b": "30", "from_c": "0",
    }  # fmt: skip
    assert browser.post(try_out, settings | {"preview": ""}).status_code == 200
    with business.scope():
        assert ScoreModel.objects.count() == 1
    assert browser.post(try_out, settings | {"from_a": "10", "publish": ""}).status_code == 200
    assert browser.post(try_out, settings | {"publish": ""}).status_code == 302
    with business.scope():
        model = ScoreModel.objects.get(state="building")
        assert (model.version, model.half_life_days) == (live.version + 1, 7)
        assert {r["points"] for r in model.rules if r["name"] == "price"} == {50}
    assert (
        browser.post(
            reverse("admin:journeys_scorerule_delete", args=[rule.pk]), {"post": "yes"}
        ).status_code
        == 302
    )
    with business.scope():
        assert ScoreRule.objects.get(pk=rule.pk).deleted_at is not None


def test_content_has_a_link_and_the_pace_its_words(business: Business) -> None:
    browser = open_as(business, "operator")
    typed = {"title": "Guide", "kind": "article", "purpose": "nurture", "url": "", "body": "text"}
    assert browser.post(reverse("admin:journeys_content_add"), typed).status_code == 302
    with business.scope():
        content = Content.objects.get()
    assert (
        "/l/"
        in browser.get(reverse("admin:journeys_content_change", args=[content.pk])).content.decode()
    )

    owner = open_as(business, "owner")
    page = owner.get(reverse("admin:journeys_touchrules_changelist"))["Location"]
    pace = {
        "quiet_from": "22:00", "quiet_to": "08:00", "per_contact_day": "1", "per_contact_week": "3",
        "promotions_per_week": "1", "per_staff_day": "100", "mass_quota": "day1",
        "sensitive_words": "最好\n\n第一 \n最好",
    }  # fmt: skip
    assert owner.post(page, pace).status_code == 302
    with business.scope():
        assert TouchRules.objects.get().sensitive_words == ["最好", "第一"]


def test_a_lead_is_handed_over_and_put_back(business: Business) -> None:
    browser = open_as(business, "operator")
    with business.scope():
        contact = Contact.objects.create(name="Li")
        lead = Lead.objects.create(contact=contact)
    over = reverse("admin:journeys_lead_hand_over", args=[lead.pk])
    assert (
        browser.post(over, {"confirmed": "on", "staff": business.staff["sales"].pk}).status_code
        == 302
    )
    with business.scope():
        assert Lead.objects.get().owner == business.staff["sales"]
    back = reverse("admin:journeys_lead_put_back", args=[lead.pk])
    assert browser.post(back, {"confirmed": "on"}).status_code == 302
    with business.scope():
        assert Lead.objects.get().owner is None


@pytest.mark.parametrize("role", ["admin", "operator"])
def test_only_those_who_manage_delete_contacts(business: Business, role: str) -> None:
    with business.scope():
        contact = Contact.objects.create(name="Li", external_id="c1")
    address = reverse("admin:contacts_contact_delete", args=[contact.pk])
    answer = open_as(business, role).post(address, {"post": "yes"})
    assert answer.status_code == (302 if role == "admin" else 403)
    with business.scope():
        assert Contact.objects.exists() == (role == "operator")
