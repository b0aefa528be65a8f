"""Contacts are found by what staff call them."""

from __future__ import annotations

import importlib
from datetime import timedelta

from django.db import connections
from django.utils import timezone

from contacts import search
from contacts.models import Contact, ContactToken, Follow
from tests.conftest import Business


def test_a_remark_finds_the_contact(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(name="Anna")
        Contact.objects.create(name="Other")
        remark = "展会-敏感肌 VIP 13800138000"
        Follow.objects.create(
            contact=contact, staff=business.staff["sales"], opened_at=timezone.now(), remark=remark
        )
        search.reindex([contact.pk])

        for text in ("敏感", "敏感肌", "vip", "展会", "anna vip"):
            assert list(search.filter(Contact.objects.all(), text)) == [contact], text
        tokens = list(ContactToken.objects.values_list("token", flat=True))
        assert not any("1380" in token for token in tokens)  # no number in the clear

        Follow.objects.update(remark="")
        search.reindex([contact.pk])
        assert not search.filter(Contact.objects.all(), "敏感")


def test_remarks_add_few_tokens(business: Business) -> None:
    with business.scope():
        tokens = search.tokens_of("张欣怡", None, ["长" + "文字" * 49, "word " * 20])
        assert len(tokens) <= search.MOST + search.MOST_OF_REMARKS
        assert set(search.tokens_of("张欣怡")) <= set(tokens)
        assert search.tokens_of("张欣怡", None, ["张欣怡"]) == search.tokens_of("张欣怡")


def test_remarks_from_before_their_tokens_are_found_after_the_migration(
    business: Business, other_business: Business
) -> None:
    migration = importlib.import_module("contacts.migrations.0015_remark_tokens")
    now = timezone.now()
    with business.scope():
        contact = Contact.objects.create(name="张欣怡", phone="+8613912345678")
        search.reindex([contact.pk])
        Contact.objects.create(name="Other")
        for role, remark in (("sales", "展会-敏感肌"), ("operator", "VIP 13800138000")):
            opened = now - timedelta(days=len(remark))
            Follow.objects.create(
                contact=contact, staff=business.staff[role], opened_at=opened, remark=remark
            )
        assert not search.filter(Contact.objects.all(), "敏感肌")

    for _time in range(2):
        with connections["owner"].cursor() as cursor:
            cursor.execute("BEGIN")
            migration.write_tokens(cursor, business.pk)
            migration.write_tokens(cursor, other_business.pk)
            cursor.execute("COMMIT")

    with business.scope():
        for text in ("敏感肌", "vip", "zhangxinyi", "5678"):
            assert list(search.filter(Contact.objects.all(), text)) == [contact], text
        written = set(ContactToken.objects.values_list("token", flat=True))
        search.reindex([contact.pk])
        assert set(ContactToken.objects.values_list("token", flat=True)) == written
    with other_business.scope():
        assert not ContactToken.objects.exists()
