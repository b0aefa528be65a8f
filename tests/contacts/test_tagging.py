"""Tags on many contacts at once: only real changes are written and told."""

from __future__ import annotations

from datetime import UTC, datetime

from contacts import tagging
from contacts.models import Contact, ContactTag, Event, Tag
from tenants.models import Tenant
from tests.conftest import Business


def people(number: int) -> list[int]:
    return [row.pk for row in Contact.objects.bulk_create([Contact() for _ in range(number)])]


def test_names_become_tags_once(tenant: Tenant) -> None:
    Tag.objects.create(name="vip")

    first = tagging.named(["vip", "fair", "fair"])
    second = tagging.named(["fair", "vip"])

    assert first == second
    assert Tag.objects.count() == 2
    assert tagging.named([]) == {}


def test_only_changes_are_written_and_told(tenant: Tenant) -> None:
    contacts = people(3)
    tags = tagging.named(["vip", "fair"])
    at = datetime(2026, 1, 1, tzinfo=UTC)

    assert tagging.add(contacts[:2], [tags["vip"]], "user:7", at) == 2
    assert tagging.add(contacts, list(tags.values()), "import:3") == 4
    assert tagging.add(contacts, list(tags.values()), "api") == 0

    assert ContactTag.objects.count() == 6
    assert ContactTag.objects.filter(by="user:7", at=at).count() == 2
    told = Event.objects.filter(kind="tag.added")
    assert told.count() == 6
    first = told.filter(contact_id=contacts[0]).order_by("id").first()
    assert first is not None
    assert (first.properties, first.at) == ({"tag": "vip", "by": "user"}, at)


def test_removing_and_adding_again_are_events_of_their_own(tenant: Tenant) -> None:
    (contact,) = people(1)
    (tag,) = tagging.named(["vip"]).values()
    tagging.add([contact], [tag], "api")

    assert tagging.remove([contact], [tag], "api") == 1
    assert tagging.remove([contact], [tag], "api") == 0
    assert tagging.add([contact], [tag], "api") == 1

    kinds = Event.objects.order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["tag.added", "tag.removed", "tag.added"]


def test_foreign_contacts_and_tags_are_no_ones(
    business: Business, other_business: Business
) -> None:
    with business.scope():
        ours, tag = people(1), list(tagging.named(["vip"]).values())
    with other_business.scope():
        theirs = people(1)

        assert tagging.add(ours + theirs, tag, "api") == 0
        assert tagging.add(ours, list(tagging.named(["x"]).values()), "api") == 0
        assert tagging.add([], [], "api") == 0
