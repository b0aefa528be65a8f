"""Members, keys and accounts are kept on the admin's pages: secrets are shown once or never."""

from __future__ import annotations

import re

import pytest
from django.db.models import ProtectedError
from django.urls import reverse

from tenants import audit, auth
from tenants.models import ApiKey, Membership, WeChatAccount
from tests.conftest import PASSWORD, Business
from tests.test_admin_acts import actions, open_as


def test_secrets_are_written_and_never_read(business: Business) -> None:
    browser = open_as(business, "owner")
    key = "a" * 43
    typed = {"kind": "wecom", "name": "Main", "app_id": "ww9", "agent_id": "1", "active": "on"}
    add = reverse("admin:tenants_wechataccount_add")
    assert browser.post(add, typed).status_code == 200  # a new account needs its secret
    first = {"new_secret": "alpha", "new_token": "beta", "new_aes_key": key}
    no_number = browser.post(add, typed | first | {"agent_id": "app one"})
    assert "（AgentId）是一串数字" in no_number.content.decode()
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


def test_a_key_is_not_deleted_but_revoked(business: Business) -> None:
    browser = open_as(business, "owner")
    with business.scope():
        key = ApiKey.objects.get()
        audit.record("contact.changed", key)
    delete = reverse("admin:tenants_apikey_delete", args=[key.pk])
    for answer in (browser.get(delete, follow=True), browser.post(delete, {}, follow=True)):
        assert answer.redirect_chain[-1][0] == reverse("admin:tenants_apikey_change", args=[key.pk])
        assert "密钥只能吊销，不能删除" in answer.content.decode()
    assert open_as(business, "operator").post(delete, {}).status_code == 403
    with business.scope():
        for gone in (key.delete, ApiKey.objects.all().delete):
            with pytest.raises(ProtectedError, match="吊销"):
                gone()
        assert ApiKey.objects.get().revoked_at is None
