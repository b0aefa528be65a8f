"""What lists of the admin find, offer and ask of the database; the menu; files that are gone."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts import people, timeline
from contacts.models import (
    Channel,
    Contact,
    ContactTag,
    Import,
    LiveCodeStaff,
    Tag,
)  # fmt: skip
from journeys.models import Sop
from tenants.models import (
    ApiKey,
    AuditEntry,
    Membership,
    Staff,
    User,
)
from tests.conftest import Business, make_business
from tests.test_admin import furnished, url

__all__ = ["furnished"]


def test_an_import_whose_file_is_gone_says_so(furnished: Any) -> None:
    ours, _theirs, rows, _other = furnished
    browser, job = ours.as_role("operator"), rows[Import]
    said = "The file of the rejected rows is no longer kept."
    shown = browser.get(url(Import, "change", job.pk), headers={"accept-language": "en"})
    assert shown.status_code == 200 and said in shown.content.decode()
    assert "refused.csv" not in shown.content.decode()
    answer = browser.get(
        url(Import, "refused", job.pk), follow=True, headers={"accept-language": "en"}
    )
    assert answer.redirect_chain[0][0] == url(Import, "change", job.pk)
    assert answer.content.decode().count(said) == 2


def test_a_draft_whose_file_is_gone_fails() -> None:
    business = make_business()
    with business.scope():
        job = Import.objects.create(
            token=uuid.uuid4(), kind="contacts", file="gone.csv", status="draft"
        )
    answer = business.as_role("operator").get(url(Import, "columns", job.pk), follow=True)
    assert answer.status_code == 200
    with business.scope():
        job.refresh_from_db()
    assert (job.status, job.error_code) == ("failed", "gone")


def test_search_finds_by_name_pinyin_and_phone_suffix(furnished: Any) -> None:
    ours = furnished[0]
    browser = ours.as_role("operator")
    for text in ("张欣怡", "zhangxinyi", "5678", f"canary-{ours.pk}"):
        page = browser.get(url(Contact, "changelist"), {"q": text}).content.decode()
        assert "139****5678" in page, text
    assert (
        "139****5678" not in browser.get(url(Contact, "changelist"), {"q": "0000"}).content.decode()
    )


def test_filters_hold_and_malformed_ones_are_turned_back(furnished: Any) -> None:
    ours, _theirs, rows, other = furnished
    browser = ours.as_role("operator")
    found = {"tags__id__exact": rows[Tag].pk, "stage": "", "owner__id__exact": rows[Staff].pk}
    assert "139****5678" in browser.get(url(Contact, "changelist"), found).content.decode()
    foreign = browser.get(url(Contact, "changelist"), {"tags__id__exact": other[Tag].pk})
    assert foreign.status_code == 200 and "139****5678" not in foreign.content.decode()
    assert browser.get(url(Contact, "changelist"), {"tags__id__exact": "x"}).status_code == 302


def test_the_list_of_contacts_counts_nothing(
    furnished: Any, django_assert_num_queries: Any, monkeypatch: Any
) -> None:
    ours = furnished[0]
    browser = ours.as_role("viewer")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models.QuerySet, "count", lambda self: pytest.fail("counted"))
        assert browser.get(url(Contact, "changelist")).status_code == 200


def test_the_list_of_contacts_asks_as_much_for_many_rows_as_for_one() -> None:
    business = make_business()
    browser, address = business.as_role("operator"), url(Contact, "changelist")
    _people(business, 1)
    browser.get(address)
    with CaptureQueriesContext(connection) as few:
        assert browser.get(address).status_code == 200
    _people(business, 30)
    with CaptureQueriesContext(connection) as many:
        page = browser.get(address).content.decode()
    assert page.count('name="_selected_action"') == 31 and page.count("person-") >= 31
    assert len(many) == len(few) <= 17


def _people(business: Business, number: int) -> None:
    """Contacts with everything that the list shows."""
    now = timezone.now()
    with business.scope():
        tag, _made = Tag.objects.get_or_create(name="VIP")
        channel, _made = Channel.objects.get_or_create(name="Shop")
        for _each in range(number):
            contact = Contact.objects.create(
                name=f"person-{Contact.objects.count()}", owner=business.staff["sales"],
                channel=channel, acquired_at=now,
            )  # fmt: skip
            ContactTag.objects.create(contact=contact, tag=tag, by="test")
            people.open_follows([(contact.pk, business.staff["sales"].userid, now)])
        timeline.drain_all()


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (Contact, "owner"),
        (Contact, "channel"),
        (Contact, "tags"),
        (LiveCodeStaff, "staff"),
        (Sop, "live_code"),
    ],
)
def test_autocomplete_offers_only_ones_own(
    model: type[models.Model], field: str, furnished: Any
) -> None:
    ours, theirs, _rows, _other = furnished
    query = {
        "app_label": model._meta.app_label,
        "model_name": model._meta.model_name,
        "field_name": field,
    }
    answer = ours.as_role("operator").get("/admin/autocomplete/", {**query, "term": "canary"})

    assert answer.status_code == 200
    body = answer.content.decode()
    assert f"canary-{theirs.pk}" not in body
    assert field in {"owner", "staff"} or f"canary-{ours.pk}" in body


def test_the_menu_shows_what_the_role_may_open(furnished: Any) -> None:
    ours = furnished[0]
    owner = ours.as_role("owner").get("/admin/").content.decode()
    viewer = ours.as_role("viewer").get("/admin/").content.decode()
    assert ours.tenant.name in owner
    for model in (Membership, ApiKey, AuditEntry, Import):
        assert f'href="{url(model, "changelist")}"' in owner
        assert f'href="{url(model, "changelist")}"' not in viewer
    assert User.objects.exists() and User not in admin.site._registry
