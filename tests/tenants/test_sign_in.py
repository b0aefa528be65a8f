"""Sign-in, switching the business, the language, and what stops guessing."""

from __future__ import annotations

import pytest
from django.test import Client

from tenants.ids import encode
from tenants.models import AuditEntry, Membership, Tenant, User
from tenants.scope import scope
from tests.conftest import PASSWORD, Business


def sign_in(email: str, password: str = PASSWORD, **headers: str) -> tuple[Client, int]:
    client = Client(headers=headers or None)
    answer = client.post("/sign-in/", {"username": email, "password": password})
    return client, answer.status_code


def test_a_member_of_one_business_enters_it_at_once(business: Business) -> None:
    client, status = sign_in(business.users["operator"].email.upper())

    assert status == 302
    assert client.session["tenant"] == business.pk
    home = client.get("/")
    assert home.status_code == 302 and home["Location"] == "/admin/"
    assert home["Cache-Control"] == "private, no-store"
    with business.scope():
        assert AuditEntry.objects.filter(
            action="member.entered", user=business.users["operator"]
        ).exists()


def test_a_member_of_two_businesses_chooses_and_switches(
    business: Business, other_business: Business
) -> None:
    user = business.users["operator"]
    with other_business.scope():
        Membership.objects.create(user=user, role="viewer")
    client, _status = sign_in(user.email)
    assert "tenant" not in client.session

    page = client.get("/places/").content.decode()
    assert business.tenant.name in page and other_business.tenant.name in page
    places = [
        line.split('value="')[1].split('"')[0]
        for line in page.splitlines()
        if 'name="place"' in line
    ]
    for place in places:
        client.post("/places/", {"place": place})
        assert client.session["tenant"] in {business.pk, other_business.pk}


def test_a_business_one_does_not_belong_to_cannot_be_entered(
    business: Business, other_business: Business
) -> None:
    client, _status = sign_in(business.users["operator"].email)
    client.post("/places/", {"place": encode(other_business.pk)})
    assert client.session["tenant"] == business.pk


def test_a_member_who_was_removed_is_out_with_the_next_request(business: Business) -> None:
    client, _status = sign_in(business.users["operator"].email)
    with business.scope():
        Membership.objects.filter(user=business.users["operator"]).update(active=False)

    assert client.get("/").headers["Location"] == "/places/"
    assert "tenant" not in client.session


def test_a_tenant_that_was_switched_off_lets_nobody_in(business: Business) -> None:
    client, _status = sign_in(business.users["operator"].email)
    Tenant.objects.filter(pk=business.pk).update(active=False)
    assert client.get("/").headers["Location"] == "/places/"


@pytest.mark.parametrize("email", ["nobody@example.com", None])
def test_a_wrong_password_and_an_unknown_person_look_the_same(
    email: str | None, business: Business
) -> None:
    client = Client(headers={"Accept-Language": "en"})
    answer = client.post(
        "/sign-in/", {"username": email or business.users["owner"].email, "password": "wrong"}
    )
    assert answer.status_code == 422
    assert "E-mail or password is wrong." in answer.content.decode()


def test_guessing_is_stopped_after_ten_even_with_the_right_password(business: Business) -> None:
    email = business.users["owner"].email
    statuses = [sign_in(email, f"guess {number}")[1] for number in range(10)]
    assert statuses == [422] * 10

    client = Client(headers={"Accept-Language": "en"})
    answer = client.post("/sign-in/", {"username": email.title(), "password": PASSWORD})
    assert answer.status_code == 422
    assert "Too many wrong passwords." in answer.content.decode()


def test_the_right_password_starts_the_count_anew(business: Business) -> None:
    email = business.users["viewer"].email
    for _round in range(2):
        for number in range(9):
            assert sign_in(email, f"guess {number}")[1] == 422
        assert sign_in(email)[1] == 302


def test_the_language_is_remembered_with_the_user(business: Business) -> None:
    client, _status = sign_in(business.users["viewer"].email)
    answer = client.post("/language/", {"language": "en", "next": "//evil.example/"})

    assert answer["Location"] == "/"
    assert answer.cookies["scrm_language"].value == "en"
    assert User.objects.get(pk=business.users["viewer"].pk).language == "en"


def test_after_sign_in_only_pages_of_ours_are_next(business: Business) -> None:
    client = Client()
    answer = client.post(
        "/sign-in/?next=https://evil.example/",
        {"username": business.users["operator"].email, "password": PASSWORD},
    )
    assert answer["Location"] == "/"


def test_a_link_on_another_page_signs_nobody_out(business: Business) -> None:
    browser = business.browser("operator")
    for path in ("/sign-out/", "/admin/logout/"):
        assert browser.get(path).status_code == 405
    assert browser.get("/admin/").status_code == 200
    assert browser.post("/admin/logout/").headers["Location"].startswith("/sign-in/")
    assert browser.get("/admin/").status_code == 302


def test_sign_out_ends_the_session(business: Business) -> None:
    client, _status = sign_in(business.users["viewer"].email)
    client.post("/sign-out/")
    with scope(business.tenant):
        assert "_auth_user_id" not in client.session
    assert client.get("/").headers["Location"].startswith("/sign-in/")
