"""Keys are replaced while people read and write: nothing fails, and the old key can go."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.utils import timezone

from contacts import search
from contacts.merging import merge, undo
from contacts.models import Contact, Follow, Merge
from tenants import key_rotation, resealing, vault
from tenants.models import Tenant, TenantKey, WeChatAccount
from tenants.scope import scope
from tests.conftest import Business

NEW_MASTER = base64.b64encode(b"the-master-key-that-comes-next-1").decode()
PHONE, EMAIL = "+8613812345678", "alice@example.com"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes learn of a new version at once, and old ones may go at once."""
    monkeypatch.setattr(vault, "LEARNS_WITHIN_S", 0.05)
    monkeypatch.setattr(key_rotation, "KEPT", timedelta(0))


@pytest.fixture
def master(settings: Any) -> Iterator[str]:
    """The master key of the other tests' tenants, which wraps them again afterwards."""
    key = settings.MASTER_KEY
    yield key
    settings.MASTER_KEY, settings.OTHER_MASTER_KEYS = key, [NEW_MASTER]
    key_rotation.wrap_anew(dry_run=False)


def stored(contact: Contact, column: str = "phone") -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM contacts_contact WHERE id = %s", [contact.pk])
        return str(cursor.fetchone()[0])


# --- the master key ---


def test_the_master_key_is_replaced_and_the_old_one_can_go(
    business: Business, other_business: Business, settings: Any, master: str, capsys: Any
) -> None:
    with business.scope():
        contact = Contact.objects.create(phone=PHONE)
    settings.MASTER_KEY, settings.OTHER_MASTER_KEYS = NEW_MASTER, [master]
    with pytest.raises(CommandError, match="still need another master key"):
        call_command("rotate_master_key", verify=True)

    call_command("rotate_master_key")

    assert "can be removed" in capsys.readouterr().out
    settings.OTHER_MASTER_KEYS = []
    call_command("rotate_master_key", verify=True)
    with business.scope():
        vault.forget()  # as a process that was started anew
        assert Contact.objects.get(pk=contact.pk).phone == PHONE
    settings.MASTER_KEY = master
    with other_business.scope():
        vault.forget()
        with pytest.raises(vault.Unreadable, match="SCRM_OTHER_MASTER_KEYS"):
            vault.keys()
    with pytest.raises(CommandError, match="open with no master key"):
        call_command("rotate_master_key", verify=True)


def test_verifying_changes_nothing(business: Business, settings: Any) -> None:
    with business.scope():
        before = bytes(TenantKey.objects.get().wrapped)
    settings.OTHER_MASTER_KEYS = [settings.MASTER_KEY]
    settings.MASTER_KEY = NEW_MASTER
    with pytest.raises(CommandError):
        call_command("rotate_master_key", verify=True)
    with business.scope():
        assert bytes(TenantKey.objects.get().wrapped) == before


# --- a tenant's key ---


@pytest.mark.usefixtures("quick")
def test_everything_is_sealed_anew_and_found_as_before(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(phone=PHONE, email=EMAIL)
        account = WeChatAccount.objects.create(name="w", app_id="ww1", secret="s3cret")
        nobody = Contact.objects.create()
        hashed = vault.blind(PHONE, "phone")

    call_command("rotate_tenant_key", business.tenant.slug)

    with business.scope():
        assert stored(contact).startswith("v2:") and stored(contact, "email").startswith("v2:")
        found = Contact.objects.get(pk=contact.pk)
        assert (found.phone, found.email) == (PHONE, EMAIL)
        assert WeChatAccount.objects.get(pk=account.pk).secret == "s3cret"
        assert vault.blind(PHONE, "phone") == hashed
        assert list(search.filter(Contact.objects.all(), "13812345678")) == [contact]
        assert Contact.objects.get(pk=nobody.pk).phone is None
        assert stored(Contact.objects.create(phone=PHONE)).startswith("v2:")
    call_command("rotate_tenant_key", business.tenant.slug, verify=True)
    call_command("rotate_tenant_key", business.tenant.slug, remove_old=True)
    with business.scope():
        assert list(TenantKey.objects.values_list("version", flat=True)) == [2]
        vault.forget()
        assert Contact.objects.get(pk=contact.pk).phone == PHONE
        assert vault.blind(PHONE, "phone") == hashed


@pytest.mark.usefixtures("quick")
def test_a_key_rotates_again_and_again(business: Business) -> None:
    with business.scope():
        contact, hashed = Contact.objects.create(phone=PHONE), vault.blind(PHONE, "phone")
    for version in (2, 3):
        call_command("rotate_tenant_key", business.tenant.slug)
        call_command("rotate_tenant_key", business.tenant.slug, remove_old=True)
        with business.scope():
            assert stored(contact).startswith(f"v{version}:")
            assert Contact.objects.get(pk=contact.pk).phone == PHONE
            assert vault.blind(PHONE, "phone") == hashed


@pytest.mark.usefixtures("quick")
def test_an_interrupted_rotation_goes_on(business: Business, monkeypatch: Any) -> None:
    monkeypatch.setattr(resealing, "BATCH", 2)
    with business.scope():
        people = [Contact.objects.create(phone=PHONE) for _ in range(7)]
    key_rotation.begin(business.pk)
    holder = next(h for h in resealing.holders() if h.name == "contacts_contact")
    assert holder.reseal is not None
    with business.scope():
        assert holder.reseal(0) == people[1].pk  # … and there the command died
    with pytest.raises(CommandError, match="5 in contacts_contact"):
        call_command("rotate_tenant_key", business.tenant.slug, verify=True)
    with pytest.raises(CommandError, match="5 in contacts_contact"):
        call_command("rotate_tenant_key", business.tenant.slug, remove_old=True)
    with business.scope():  # both versions read meanwhile
        assert [c.phone for c in Contact.objects.order_by("id")] == [PHONE] * 7

    call_command("rotate_tenant_key", business.tenant.slug)

    with business.scope():
        assert list(TenantKey.objects.order_by("version").values_list("version", flat=True)) == [
            1, 2,
        ]  # fmt: skip
        assert {stored(each)[:3] for each in people} == {"v2:"}


def test_an_old_version_stays_while_it_may_be_in_use(business: Business, monkeypatch: Any) -> None:
    monkeypatch.setattr(vault, "LEARNS_WITHIN_S", 0.05)
    monkeypatch.setattr(key_rotation, "PATIENCE_S", 0.2)
    call_command("rotate_tenant_key", business.tenant.slug)
    with pytest.raises(CommandError, match="may be in use until"):
        call_command("rotate_tenant_key", business.tenant.slug, remove_old=True)
    opened, close = threading.Event(), threading.Event()

    def work_long() -> None:
        with business.scope():
            Contact.objects.count()
            opened.set()
            close.wait(20)
        connections.close_all()

    worker = threading.Thread(target=work_long)
    worker.start()
    opened.wait(20)
    with business.scope():
        hour_ago = timezone.now() - key_rotation.KEPT
        TenantKey.objects.filter(version=2).update(created_at=hour_ago)
    try:
        with pytest.raises(CommandError, match="still open"):
            call_command("rotate_tenant_key", business.tenant.slug, remove_old=True)
    finally:
        close.set()
        worker.join()
    call_command("rotate_tenant_key", business.tenant.slug, remove_old=True)
    with business.scope():
        assert TenantKey.objects.get().version == 2


@pytest.mark.usefixtures("quick")
def test_what_was_read_before_is_written_back_with_the_new_version(business: Business) -> None:
    with business.scope():
        made = Contact.objects.create(phone=PHONE)
        unopened = Contact.objects.get(pk=made.pk)
        some = list(Contact.objects.filter(pk=made.pk))
    call_command("rotate_tenant_key", business.tenant.slug)

    with business.scope():
        unopened.save()
        assert stored(made).startswith("v2:")
        Contact.objects.bulk_update(some, ["phone", "name"])
        assert stored(made).startswith("v2:")
        assert Contact.objects.get(pk=made.pk).phone == PHONE


@pytest.mark.usefixtures("quick")
def test_a_process_that_has_not_heard_reads_what_the_new_version_sealed(
    business: Business, monkeypatch: Any
) -> None:
    with business.scope():
        contact = Contact.objects.create(phone=PHONE)
        old = vault.keys()
    call_command("rotate_tenant_key", business.tenant.slug)
    monkeypatch.setattr(vault, "LEARNS_WITHIN_S", 60.0)
    with business.scope():
        vault._remember(old, time.monotonic())
        assert vault.keys() is old
        assert Contact.objects.get(pk=contact.pk).phone == PHONE
        assert vault.keys().version == 2
        with pytest.raises(vault.Unreadable, match="no version 7"):
            vault.unseal("v7:AAAA", "x")
        with pytest.raises(vault.Unreadable, match="not sealed"):
            vault.unseal("+8613812345678", "x")


@pytest.mark.usefixtures("quick")
def test_what_lies_in_a_wrong_row_stays_unreadable_and_keeps_the_old_key(
    business: Business,
) -> None:
    with business.scope():
        one, other = (Contact.objects.create(phone=PHONE) for _ in range(2))
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE contacts_contact SET phone = %s WHERE id = %s", [stored(one), other.pk]
            )

    with pytest.raises(CommandError, match="1 in contacts_contact"):
        call_command("rotate_tenant_key", business.tenant.slug)

    with business.scope():
        assert Contact.objects.get(pk=one.pk).phone == PHONE
        with pytest.raises(vault.Unreadable):
            _ = Contact.objects.get(pk=other.pk).phone
        with connection.cursor() as cursor:  # nor does what the new version sealed
            cursor.execute(
                "UPDATE contacts_contact SET phone = %s WHERE id = %s", [stored(one), other.pk]
            )
        with pytest.raises(vault.Unreadable):
            _ = Contact.objects.get(pk=other.pk).phone


@pytest.mark.usefixtures("quick")
def test_a_merge_is_undone_after_a_rotation(business: Business) -> None:
    with business.scope():
        first, second, third = (
            Contact.objects.create(external_id=f"c{nr}", phone=f"+861390000000{nr}", email=mail)
            for nr, mail in enumerate((None, EMAIL, "third@example.com"))
        )
        for each in (first, second):  # both are friends of one: the second row is dropped
            follow = Follow.objects.create(
                contact=each, staff=business.staff["sales"], opened_at=timezone.now()
            )
            follow.remark_mobiles = each.phone
            follow.save()
        done = merge.merge(first.pk, second.pk, by="api")
        after = merge.merge(third.pk, first.pk, by="api")  # the survivor is absorbed itself
    call_command("rotate_tenant_key", business.tenant.slug)
    call_command("rotate_tenant_key", business.tenant.slug, remove_old=True)

    with business.scope():
        vault.forget()
        undo.unmerge(Merge.objects.get(pk=after.pk), by="api")
        undo.unmerge(Merge.objects.get(pk=done.pk), by="api")
        people = Contact.objects.order_by("external_id")
        assert [(c.phone, c.email) for c in people] == [
            ("+8613900000000", None), ("+8613900000001", EMAIL),
            ("+8613900000002", "third@example.com"),
        ]  # fmt: skip
        mobiles = {each.contact_id: each.remark_mobiles for each in Follow.objects.all()}
        assert mobiles == {each.pk: each.phone for each in (first, second)}


def test_keys_of_a_tenant_without_any_are_made_once() -> None:
    tenant = Tenant.objects.create(name="Fresh", slug="fresh-keys")
    with scope(tenant):
        sealed = vault.seal("text", "a")
        vault.forget()
        assert vault.unseal(sealed, "a") == "text"
        assert TenantKey.objects.count() == 1
