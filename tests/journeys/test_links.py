"""Tracked links: the right page, the right events, nothing for machines or strangers."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from contacts.models import Contact, Event
from journeys import content
from journeys.content import Wanted
from journeys.models import Link
from tenants import ids
from tests.conftest import Business
from tests.journeys import ground


@pytest.fixture
def person(business: Business) -> Contact:
    with business.scope():
        return ground.friend(business.staff["sales"], "Ann")


def link_to(business: Business, person: Contact | None, **fields: Any) -> Link:
    with business.scope():
        piece = ground.article(**fields)
        if person is None:
            return Link.objects.create(content=piece)
        wanted = Wanted(piece.pk, business.staff["sales"].pk, person.pk)
        return content.links([wanted])[wanted]


def events(business: Business, prefix: str = "") -> list[tuple[str, dict[str, object]]]:
    with business.scope():
        rows = Event.objects.filter(source="link", kind__startswith=prefix).order_by("id")
        return list(rows.values_list("kind", "properties"))


def test_opening_redirects_and_records_one_click_and_one_reading(
    business: Business, person: Contact
) -> None:
    link = link_to(business, person, url="https://example.com/guide?a=1")

    answer = Client().get(f"/l/{link.code}")

    assert (answer.status_code, answer["Location"]) == (302, "https://example.com/guide?a=1")
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Referrer-Policy"] == "no-referrer"
    told = {
        "content": "Guide",
        "content_id": ids.encode(link.content_id),
        "content_kind": "article",
        "purpose": "nurture",
        "link": ids.encode(link.pk),
        "staff": "sales1",
    }
    assert events(business) == [("link.clicked", told), ("content.read", told)]
    with business.scope():
        assert set(Event.objects.filter(source="link").values_list("contact_id", flat=True)) == {
            person.pk
        }


def test_every_opening_counts(business: Business, person: Contact) -> None:
    link = link_to(business, person, url="https://example.com/")

    for _ in range(3):
        Client().get(f"/l/{link.code}")

    assert len(events(business, "link.clicked")) == 3
    assert len(events(business, "content.read")) == 3


def test_a_text_is_shown_in_the_readers_language_and_escaped(
    business: Business, person: Contact
) -> None:
    link = link_to(business, person, title="Tea <b>", body="Line 1\n\n<script>x</script>")

    english = Client(headers={"Accept-Language": "en"}).get(f"/l/{link.code}")
    chinese = Client(headers={"Accept-Language": "zh-CN"}).get(f"/l/{link.code}")

    page = english.content.decode()
    assert english.status_code == 200
    assert "<h1>Tea &lt;b&gt;</h1>" in page
    assert "<p>Line 1</p>" in page
    assert "<script>" not in page
    assert '<html lang="en">' in page
    assert '<html lang="zh-hans">' in chinese.content.decode()
    assert len(events(business, "content.read")) == 2


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "ftp://example.com/x"])
def test_no_unsafe_address_is_followed(business: Business, person: Contact, url: str) -> None:
    link = link_to(business, person, url=url, body="Text")

    answer = Client().get(f"/l/{link.code}")

    assert (answer.status_code, answer.has_header("Location")) == (200, False)


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
        {"User-Agent": "WeChat link-preview"},
    ],
)
def test_machines_read_nothing(
    business: Business, person: Contact, headers: dict[str, str]
) -> None:
    link = link_to(business, person, url="https://example.com/")

    answer = Client(headers=headers).get(f"/l/{link.code}")

    assert answer.status_code == 302
    assert events(business) == []


def test_head_answers_without_counting_and_post_is_refused(
    business: Business, person: Contact
) -> None:
    link = link_to(business, person, url="https://example.com/")

    assert Client().head(f"/l/{link.code}").status_code == 302
    assert Client().post(f"/l/{link.code}").status_code == 405
    assert events(business) == []


def test_unknown_foreign_and_malformed_codes_are_the_same_404(
    business: Business, other_business: Business, person: Contact
) -> None:
    link = link_to(business, person)
    _own, secret = ids._codes.decode(link.code)
    codes = [
        ids.new_code(business.pk),
        ids._codes.encode([other_business.pk, secret]),  # the secret under another tenant
        ids.new_code(2**40),
        ids.encode(link.pk),
        "x",
        "%00",
        "a" * 500,
    ]

    answers = [Client().get(f"/l/{code}") for code in codes]

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.content for answer in answers} == {answers[0].content}
    assert events(business) == []


def test_a_link_of_a_closed_tenant_is_gone(business: Business, person: Contact) -> None:
    link = link_to(business, person)
    business.tenant.active = False
    business.tenant.save()

    assert Client().get(f"/l/{link.code}").status_code == 404


def test_a_member_of_another_tenant_may_open_it_too(
    business: Business, other_business: Business, person: Contact
) -> None:
    link = link_to(business, person, url="https://example.com/")

    signed_in = other_business.as_role("owner").get(f"/l/{link.code}")
    with_key = other_business.api().get(f"/l/{link.code}")

    assert (signed_in.status_code, with_key.status_code) == (302, 302)
    assert len(events(business, "link.clicked")) == 2
    assert events(other_business) == []


def test_a_link_of_nobody_redirects_and_records_nothing(business: Business) -> None:
    link = link_to(business, None, url="https://example.com/")

    assert Client().get(f"/l/{link.code}").status_code == 302
    assert events(business) == []


def test_a_contact_keeps_one_link_and_its_url_tells_nothing(
    business: Business, person: Contact
) -> None:
    link = link_to(business, person)

    with business.scope():
        wanted = Wanted(link.content_id, business.staff["sales"].pk, person.pk)
        other = Wanted(link.content_id, business.staff["owner"].pk, person.pk)
        found = content.links([wanted, other])

    assert found[wanted].pk == link.pk
    assert found[other].pk != link.pk
    assert content.url_of(link).endswith(f"/l/{link.code}")
    assert len(link.code) >= 12
    assert str(person.pk) not in content.url_of(link).rpartition("/")[2]
