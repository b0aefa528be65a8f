"""The desk's page of a customer with orders and groups; both languages, both sizes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from contacts import groups, timeline
from contacts.groups import Move, Who
from contacts.models import Contact, Event, Group
from journeys import leads
from journeys.models import Lead
from tenants import ids
from tests.browser.conftest import Visit
from tests.browser.test_main_pages import EVERYWHERE
from tests.conftest import Business

pytestmark = pytest.mark.browser


@pytest.fixture
def customer(shop: Business) -> Lead:
    """A customer with orders whom the salesperson works on; in two groups, gone from a third."""
    with shop.scope():
        me, colleague = shop.staff["sales"], shop.staff["operator"]
        bought = Event.objects.filter(kind="order.paid").order_by("id")
        buyer = Contact.objects.get(pk=bought.values("contact_id")[:1])
        who, now = Who(contact_id=buyer.pk), timezone.now()
        found = Lead.objects.filter(contact=buyer, owner=me).first()
        if found is not None:
            return found
        came = Move(who, now - timedelta(days=40), joins=True, way="invited", invited_by=me.pk)
        went = Move(who, now - timedelta(days=9), joins=False, way="left")
        for name, owner, moves in (
            ("花间美妆会员福利 1 群", me, [came]),
            ("敏感肌护理交流与新品试用体验官专属社群", me, [came, went]),
            ("同事的群", colleague, [came]),
        ):
            groups.record(Group.objects.create(name=name, owner=owner), moves)
        timeline.drain_all()
        Lead.objects.filter(contact=buyer, state="open").delete()
        lead = Lead.objects.create(contact=buyer, key=90.0, score_at_start=90.0)
        leads.claim(lead, me)
        return lead


@EVERYWHERE
def test_the_page_of_a_customer_at_the_desk(
    language: str, size: str, customer: Lead, signed_in: Callable[..., Visit]
) -> None:
    window = signed_in("sales", language=language, size=size)
    window.open(f"/desk/leads/{ids.encode(customer.pk)}/")
    chinese = language == "zh-CN"
    card = window.page.locator("section.card").filter(
        has=window.page.get_by_role("heading", name="社群" if chinese else "Groups", exact=True)
    )

    expect(card).to_contain_text("花间美妆会员福利 1 群")
    expect(card).to_contain_text("邀请" if chinese else "invited by")
    expect(card).to_contain_text("已退群" if chinese else "has left")
    expect(card).to_contain_text(
        "另在同事的 1 个社群中" if chinese else "In 1 group of colleagues."
    )
    expect(card).not_to_contain_text("同事的群")
    window.look("desk-contact", whole=True)
