"""Rows that go by the set take along what they would take along one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db.models import ProtectedError

from contacts import cascade
from contacts.models import Contact, Erasure, Event, Follow, Order
from journeys.models import Enrolment, Score, StaffTask, Touch
from tenants import ids
from tenants.isolation import tenant_models
from tests.conftest import Business
from tests.factories import furnish


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def left(business: Business, delete: Callable[[int], object]) -> dict[str, tuple[int, ...]]:
    """Of a business with a row in each table: rows, and how many have lost a key."""
    contact = furnish(business, "x")[Contact]
    with business.scope():
        Order.objects.all().delete()  # keeps its contact
        Contact.objects.create(external_id="referred", referrer=contact)
        delete(contact.pk)
        return {
            model._meta.label: (
                model.objects.count(),
                *(
                    model.objects.filter(**{f"{key.name}__isnull": True}).count()
                    for key in model._meta.local_fields
                    if key.is_relation and key.null
                ),
            )
            for model in tenant_models()
        }


def one_after_the_other(pk: int) -> None:
    # Django would take Follows and Enrolments first, which our keys do not let it.
    for model in (StaffTask, Touch, Enrolment):
        model.objects.filter(contact_id=pk).delete()
    Contact.objects.get(pk=pk).delete()


def test_all_that_django_would_take_along(business: Business, other_business: Business) -> None:
    by_set = left(business, lambda pk: cascade.delete(Contact, [pk]))
    one_by_one = left(other_business, one_after_the_other)

    assert by_set == one_by_one
    with business.scope():
        assert Contact.objects.get(external_id="referred").referrer_id is None
        assert Erasure.objects.get().contact_id is None
        for model in (Event, Follow, Score, StaffTask, Touch):
            assert not model.objects.exists()


def test_what_is_protected_stops_it(business: Business, other_business: Business) -> None:
    contact = furnish(business, "x")[Contact]
    furnish(other_business, "x")
    with pytest.raises(ProtectedError), business.scope():
        cascade.delete(Contact, [contact.pk])
    with business.scope():
        assert cascade.delete(Contact, []) == 0
        assert Order.objects.exists()
    with other_business.scope():
        assert cascade.delete(Contact, [contact.pk]) == 0
        assert Event.objects.exists()


def test_the_api_deletes_whoever_has_no_orders(business: Business) -> None:
    contact = furnish(business, "x")[Contact]
    path = f"/api/v1/contacts/{ids.encode(contact.pk)}"
    api = business.api()

    refused = api.delete(path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "in_use")
    with business.scope():
        Order.objects.all().delete()
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
