"""Losses on the dashboard and the desk, follows and settings; both languages, both sizes."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from contacts import timeline
from contacts.models import Contact, ContactSettings, Follow, FollowLoss, LossNotice
from contacts.timeline import NewEvent
from tests.browser.conftest import Visit
from tests.browser.test_main_pages import EVERYWHERE
from tests.conftest import Business

pytestmark = pytest.mark.browser


@pytest.fixture
def lost(shop: Business) -> Business:
    """The salesperson has just lost a customer, and hears of it at once."""
    with shop.scope():
        ContactSettings.objects.update_or_create(defaults={"remind_when": "instant"})
        known = Follow.objects.filter(staff=shop.staff["sales"]).values("contact_id")
        contact = Contact.objects.exclude(pk__in=known).order_by("id")[0]
        now = timezone.now()
        for kind, at in (
            ("follow.opened", now - timedelta(days=12)),
            ("follow.ended", now - timedelta(minutes=5)),
        ):
            properties: dict[str, object] = {"staff": "sales1", "by": "customer"}
            timeline.record([NewEvent(contact.pk, kind, at, "test", uuid.uuid4().hex, properties)])
        timeline.drain_all()
        assert LossNotice.objects.filter(contact=contact, seen_at=None).exists()
    return shop


@EVERYWHERE
def test_losses_and_follows(
    language: str, size: str, lost: Business, signed_in: Callable[..., Visit], tmp_path: Path
) -> None:
    with lost.scope():
        follow = Follow.objects.filter(staff=lost.staff["sales"]).first()
        loss = FollowLoss.objects.filter(staff=lost.staff["sales"]).first()
    assert follow is not None
    assert loss is not None
    window = signed_in("owner", language=language, size=size)
    pages = {
        "dashboard": "/dashboards/losses/?days=30",
        "follows": "/admin/contacts/follow/",
        "follow": f"/admin/contacts/follow/{follow.pk}/change/",
        "hand-over": "/admin/contacts/follow/hand_over_all",
        "lost": "/admin/contacts/followloss/",
        "loss": f"/admin/contacts/followloss/{loss.pk}/change/",
        "settings": "/admin/settings/",
        "home": "/admin/",
    }
    for name, path in pages.items():
        window.open(path)
        window.page.screenshot(path=tmp_path / f"{name}.png", full_page=name != "lost")
        window.is_sound()

    desk = signed_in("sales", language=language, size=size)
    desk.open("/desk/losses/")
    desk.page.screenshot(path=tmp_path / "desk.png")
    desk.is_sound()
    desk.page.click("li.card button.primary >> nth=0")
    desk.page.wait_for_load_state("networkidle")
    with lost.scope():
        assert LossNotice.objects.exclude(seen_at=None).exists()
