"""The platform finds the file that proves our domain; nobody can have another one served."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tenants import domain_files
from tenants.models import WeChatAccount
from tests.conftest import Business

NAME, TEXT = "WW_verify_token{}.txt", "abcDEF123456"


@pytest.fixture
def account(business: Business) -> WeChatAccount:
    with business.scope():
        return WeChatAccount.objects.create(name="A", app_id="ww1", secret="x")


def upload(business: Business, account: WeChatAccount, name: str, content: bytes) -> str:
    answer = business.browser("owner").post(
        f"/admin/tenants/wechataccount/{account.pk}/change/",
        {
            "name": "A", "kind": "wecom", "app_id": "ww1", "agent_id": "", "active": "on",
            "new_domain_file": SimpleUploadedFile(name, content),
        },
        follow=True,
    )  # fmt: skip
    return str(answer.content.decode())


def test_a_file_chosen_in_the_admin_is_answered_at_the_root(
    business: Business, other_business: Business, account: WeChatAccount
) -> None:
    name = NAME.format(business.pk)
    assert Client().get(f"/{name}").status_code == 404

    upload(business, account, name, f"{TEXT}\n".encode())

    for client in (Client(), other_business.browser("sales")):
        answer = client.get(f"/{name}")
        assert (answer.status_code, answer.content.decode()) == (200, TEXT)
        assert answer["Content-Type"].startswith("text/plain")
        assert answer["X-Content-Type-Options"] == "nosniff"
    assert Client().post(f"/{name}").status_code == 405
    with business.scope():
        WeChatAccount.objects.filter(pk=account.pk).update(active=False)
    assert Client().get(f"/{name}").status_code == 404


def test_something_else_is_refused_in_the_form(business: Business, account: WeChatAccount) -> None:
    page = upload(business, account, "index.html", b"<script>alert(1)</script>")
    assert "WW_verify_….txt" in page
    with business.scope():
        assert WeChatAccount.objects.get().domain_file == ""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("WW_verify_a.txt", b"abc"),
        ("../WW_verify_abcd.txt", b"abc"),
        ("WW_verify_abcd.html", b"abc"),
        ("WW_verify_abcd.txt", b""),
        ("WW_verify_abcd.txt", b"<b>abc</b>"),
        ("WW_verify_abcd.txt", b"a" * 300),
        ("WW_verify_abcd.txt", "文".encode()),
    ],
)
def test_only_what_the_platform_gives_is_a_domain_file(name: str, content: bytes) -> None:
    with pytest.raises(ValidationError):
        domain_files.checked(name, content)


def test_official_accounts_have_files_of_their_own_name() -> None:
    assert domain_files.checked("MP_verify_abcd.txt", b" abcd\n") == ("MP_verify_abcd.txt", "abcd")
