"""People read and write while a business gets a new key: nobody notices."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from contacts.models import Contact
from tenants import key_rotation, resealing, vault
from tests.conftest import Business


@dataclass
class Crowd:
    """Threads that repeat their act until it is enough; what fails is kept."""

    business: Business
    people: list[Contact]
    enough: threading.Event = field(default_factory=threading.Event)
    failed: list[Exception] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)

    def repeat(self, act: Callable[[int], None]) -> threading.Thread:
        def run() -> None:
            number = 0
            while not self.enough.is_set():
                try:
                    act(number)
                except Exception as error:
                    self.failed.append(error)
                number += 1
            self.done[act.__name__] = number
            connections.close_all()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def read(self, number: int) -> None:
        place = number * 7 % len(self.people)
        with self.business.scope():
            found = Contact.objects.get(pk=self.people[place].pk)
            assert (found.email, str(found.phone)[:6]) == (f"p{place}@example.com", "+86139")

    def write(self, number: int) -> None:
        phone, row = f"+861391{number:07}", self.people[number * 11 % len(self.people)]
        with self.business.scope():
            held = Contact.objects.select_for_update(of=("self",)).get(pk=row.pk)
            held.phone = phone
            held.save(update_fields=["phone"])
        with self.business.scope():
            found = Contact.objects.get(phone_hash=vault.blind(phone, "phone"))
            assert (found.pk, found.phone) == (row.pk, phone)

    def save_whole(self, number: int) -> None:
        """Write back what was read, sealed as it was."""
        row = self.people[number * 13 % len(self.people)]
        with self.business.scope():
            held = Contact.objects.select_for_update(of=("self",)).get(pk=row.pk)
            held.name = f"n{number}"
            held.save()

    def create(self, number: int) -> None:
        with self.business.scope():
            Contact.objects.create(phone=f"+861371{number:07}")


def test_nobody_notices_a_rotation(business: Business, monkeypatch: Any) -> None:
    monkeypatch.setattr(vault, "LEARNS_WITHIN_S", 0.3)
    monkeypatch.setattr(key_rotation, "KEPT", timedelta(0))
    monkeypatch.setattr(resealing, "BATCH", 20)
    with business.scope():
        people = [
            Contact.objects.create(phone=f"+86139{nr:08}", email=f"p{nr}@example.com")
            for nr in range(300)
        ]
    crowd = Crowd(business, people)
    acts = (crowd.read, crowd.write, crowd.save_whole, crowd.create)

    threads = [crowd.repeat(act) for act in acts]
    try:
        call_command("rotate_tenant_key", business.tenant.slug)
        call_command("rotate_tenant_key", business.tenant.slug, verify=True)
        removed = _remove_between_transactions(business)
    finally:
        crowd.enough.set()
        for each in threads:
            each.join()

    assert crowd.failed == []
    assert min(crowd.done[act.__name__] for act in acts) > 10
    assert removed
    with business.scope():
        vault.forget()
        assert all(each.phone for each in Contact.objects.all())


def _remove_between_transactions(business: Business) -> bool:
    """Old versions are removed while the crowd goes on; its transactions are short."""
    for _try in range(50):
        try:
            call_command("rotate_tenant_key", business.tenant.slug, remove_old=True)
        except CommandError as refusal:
            assert "still open" in str(refusal) or "is needed by" in str(refusal), refusal
        else:
            return True
    pytest.fail("the old version was never free")
