"""Webhooks as an owner sees them: made with a secret that is shown once, renewed in a dialog."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.urls import reverse
from django.utils import timezone

from tenants.models import WebhookDelivery, WebhookEndpoint
from tenants.webhooks import keeping
from tests.browser.conftest import Visit
from tests.conftest import Business

pytestmark = pytest.mark.browser
SECRET = re.compile(r"^whsec_[A-Za-z0-9+/=]{44}$")


def _given_up(shop: Business, name: str) -> tuple[WebhookEndpoint, WebhookDelivery]:
    with shop.scope():
        endpoint = WebhookEndpoint.objects.get(description=name)
        row = keeping.test(endpoint)
        WebhookDelivery.objects.filter(pk=row.pk).update(
            state="failed", attempts=10, last_status=500, last_ms=87, problem="status",
            last_at=timezone.now(), next_at=None,
        )  # fmt: skip
        return endpoint, row


def _renew(window: Visit, shop: Business, endpoint: WebhookEndpoint, first: str) -> None:
    page = window.page
    page.locator("[href*='renew_secret'], [hx-get*='renew_secret']").first.click()
    page.locator("#dialog [type=submit]").click()
    page.locator("#dialog .scrm-secret").wait_for()
    second = page.locator("#dialog .scrm-secret").inner_text()
    assert SECRET.match(second)
    assert second != first
    window.look("webhook-renewed")
    with shop.scope():
        endpoint.refresh_from_db()
        assert (endpoint.secret, endpoint.previous_secret) == (second, first)


@pytest.mark.parametrize(("language", "size"), [("zh-CN", "phone"), ("en", "desktop")])
def test_a_webhook_is_made_and_its_secret_renewed(
    language: str, size: str, shop: Business, signed_in: Callable[..., Visit]
) -> None:
    window = signed_in("owner", language=language, size=size)
    page = window.page
    window.open(reverse("admin:tenants_webhookendpoint_add"))
    page.fill("[name=url]", "https://shop.example.com/hooks")
    page.fill("[name=description]", f"商城 {size}")
    for box in page.locator("[name=types]").all()[:4]:
        box.check()
    window.look("webhook-add", whole=True)
    page.locator("[name=_save]").first.click()
    first = page.locator(".scrm-secret").inner_text()
    assert SECRET.match(first)
    window.look("webhook-secret")

    endpoint, row = _given_up(shop, f"商城 {size}")
    window.open(reverse("admin:tenants_webhookendpoint_change", args=[endpoint.pk]))
    window.look("webhook", whole=True)
    if size == "desktop":  # on a phone the buttons are in a menu
        _renew(window, shop, endpoint, first)

    for name, address in (
        ("webhook-deliveries", reverse("admin:tenants_webhookdelivery_changelist")),
        ("webhook-delivery", reverse("admin:tenants_webhookdelivery_change", args=[row.pk])),
        ("webhooks", reverse("admin:tenants_webhookendpoint_changelist")),
    ):
        window.open(address)
        window.look(name, whole=True)
