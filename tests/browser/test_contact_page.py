"""A contact's page, its form, the list's saved views and bulk changes, as people see them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contacts.models import Contact, CustomField, Event
from tests.browser.conftest import Visit
from tests.browser.test_main_pages import EVERYWHERE
from tests.conftest import Business

pytestmark = pytest.mark.browser
SignIn = Callable[..., Visit]


@pytest.fixture
def person(shop: Business) -> Contact:
    with shop.scope():
        for position, (key, kind, choices) in enumerate(
            [
                ("肤质", "choice", ["干性", "油性"]),
                ("消费次数", "number", []),
                ("会员", "boolean", []),
            ]
        ):
            CustomField.objects.get_or_create(
                key=key,
                defaults={"label": key, "kind": kind, "choices": choices, "position": position},
            )
        busiest = Event.objects.filter(kind="order.paid").values_list("contact", flat=True).first()
        contact = Contact.objects.get(pk=busiest) if busiest else Contact.objects.all()[0]
        contact.custom |= {"肤质": "干性", "会员": True}
        contact.save()
        return contact


@EVERYWHERE
def test_the_page_of_a_contact(
    language: str, size: str, shop: Business, person: Contact, signed_in: SignIn
) -> None:
    window = signed_in("operator", language=language, size=size)
    page = window.page
    window.open(f"/admin/contacts/contact/{person.pk}/change/")
    window.look("page", whole=True)
    phone = size == "phone"
    assert page.is_visible(".scrm-pane-what")
    assert page.is_visible(".scrm-pane-who") is not phone
    if phone:
        page.click(".scrm-tabs label:first-of-type")
        assert page.is_visible(".scrm-pane-who")
        window.look("page-who", whole=True)
        page.click(".scrm-tabs label:last-of-type")
        assert page.is_visible(".scrm-pane-next")
        window.look("page-next", whole=True)
        page.click(".scrm-tabs label:nth-of-type(2)")

    before = page.locator(".scrm-timeline li").count()
    with page.expect_response(lambda answer: "/timeline/" in answer.url):
        page.select_option("[name=group]", "orders")
    page.wait_for_function(
        "before => document.querySelectorAll('.scrm-timeline li').length < before", arg=before
    )
    window.is_sound()

    window.open(f"/admin/contacts/contact/{person.pk}/change/?edit=1")
    assert page.input_value(f"[name=custom_{_field(shop, '肤质')}]") == "干性"
    assert page.input_value("[name=new_email]") == ""
    window.look("form", whole=True)


def _field(shop: Business, key: str) -> int:
    with shop.scope():
        return CustomField.objects.get(key=key).pk


@EVERYWHERE
def test_the_list_is_saved_as_a_view_and_changed_at_once(
    language: str, size: str, shop: Business, person: Contact, signed_in: SignIn
) -> None:
    window = signed_in("operator", language=language, size=size)
    page = window.page
    window.open("/admin/contacts/contact/?view=0&excluded__exact=0")
    page.click(".scrm-view-form summary")
    window.look("columns")
    page.check(f"[name=columns][value=custom_{_field(shop, '肤质')}]")
    page.fill(".scrm-view-form [name=name]", f"干皮 {language[:2]}{size}")
    page.click(".scrm-view-form [value=save]")
    page.wait_for_url("**view=*")
    page.wait_for_load_state("networkidle")
    assert "干皮" in page.inner_text(".scrm-views [aria-current]")
    window.look("list")

    page.check("#action-toggle" if size == "desktop" else ".action-select >> nth=0", force=True)
    page.select_option("select[name=action]", "exclude")
    window.look("ticked")
    page.click("#changelist-actions button[type=submit]")
    page.wait_for_selector("[name=who]")
    window.look("bulk")
    page.fill("[name=reason]", "测试")
    page.click(".scrm-narrow button[type=submit]")
    page.wait_for_selector("#scrm-progress")
    window.look("progress")
