"""Secrets at rest, API keys, ids and codes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from contacts.models import Follow
from tenants import auth, ids, setup, vault
from tenants.fields import EncryptedField
from tenants.models import ApiKey, AuditEntry, Membership, Tenant, WeChatAccount
from tenants.roles import Can
from tenants.scope import scope
from tests.conftest import Business


def test_a_secret_lies_sealed_and_reads_plain(business: Business) -> None:
    with business.scope():
        account = WeChatAccount.objects.create(name="w", app_id="ww1", secret="s3cret-数")
        with connection.cursor() as cursor:
            cursor.execute("SELECT secret FROM tenants_wechataccount WHERE id = %s", [account.pk])
            stored = cursor.fetchone()[0]

        assert stored.startswith("v1:") and "s3cret" not in stored
        assert WeChatAccount.objects.get(pk=account.pk).secret == "s3cret-数"


def test_a_ciphertext_opens_in_its_own_row_only(
    business: Business, other_business: Business
) -> None:
    with business.scope():
        one = WeChatAccount.objects.create(name="1", app_id="ww1", secret="one")
        two = WeChatAccount.objects.create(name="2", app_id="ww2", secret="two")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE tenants_wechataccount SET secret = "
                "(SELECT secret FROM tenants_wechataccount WHERE id = %s) WHERE id = %s",
                [one.pk, two.pk],
            )
        with pytest.raises(vault.Unreadable):
            WeChatAccount.objects.get(pk=two.pk).secret  # noqa: B018 - reading is the act


def test_a_secret_is_never_written_by_a_query(business: Business) -> None:
    with business.scope():
        account = WeChatAccount.objects.create(name="w", app_id="ww1", secret="x")
        with pytest.raises(TypeError, match="sealed"):
            WeChatAccount.objects.filter(pk=account.pk).update(secret="plain")


def test_what_is_bound_to_a_row_waits_for_its_id(business: Business) -> None:
    with business.scope():
        follow = Follow(remark_mobiles="13912345678")
        with pytest.raises(ValueError, match="save the row first"):
            EncryptedField.pre_save(Follow._meta.get_field("remark_mobiles"), follow, True)


def test_a_key_is_found_in_its_tenant_only_and_not_stored(
    business: Business, other_business: Business
) -> None:
    assert auth.tenant_of_key(business.key) == business.pk
    with business.scope():
        found = auth.find_key(business.key)
        assert found is not None
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM tenants_apikey WHERE prefix || digest::text LIKE %s",
                [f"%{business.key}%"],
            )
            assert cursor.fetchone()[0] == 0
    with other_business.scope():
        assert auth.find_key(business.key) is None


def test_expired_and_revoked_keys_open_nothing(business: Business) -> None:
    with business.scope():
        _key, text = auth.make_key("short", [Can.READ])
        ApiKey.objects.filter(name="short").update(expires_at=timezone.now() - timedelta(seconds=1))
        assert auth.find_key(text) is None
        ApiKey.objects.filter(name="short").update(expires_at=None, revoked_at=timezone.now())
        assert auth.find_key(text) is None


@pytest.mark.parametrize("text", ["", "1", "zzzzzzzzzzzz", "../etc", "张", "0" * 500])
def test_what_is_no_id_decodes_to_nothing(text: str) -> None:
    assert ids.decode(text) is None
    assert ids.tenant_of_code(text) is None


def test_ids_and_codes_come_back() -> None:
    for number in (1, 2, 2**40, 2**48 - 1):
        assert ids.decode(ids.encode(number)) == number
    assert ids.tenant_of_code(ids.new_code(77)) == 77


def test_a_new_tenant_has_an_owner_a_key_and_a_first_audit_line() -> None:
    created = setup.create("新店", "boss@new-shop.example")
    again = setup.create("新店", "boss@new-shop.example")

    assert created.tenant.zone == "Asia/Shanghai" and created.tenant.currency == "CNY"
    assert created.password and again.password is None
    assert created.tenant.slug != again.tenant.slug
    assert {place.tenant for place in auth.places_of(created.owner)} == {
        created.tenant,
        again.tenant,
    }
    with scope(created.tenant):
        assert Membership.objects.get().role == "owner"
        assert AuditEntry.objects.get().action == "tenant.created"
    assert Tenant.objects.filter(pk=created.tenant.pk, active=True).exists()
