"""The private-domain fit, public against private, satisfaction and the survey a customer sees."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone

from contacts.models import Channel, Contact
from journeys import content, surveys
from journeys.content import Wanted
from journeys.models import Content, Link
from tests.browser.conftest import Visit
from tests.browser.test_main_pages import EVERYWHERE
from tests.conftest import Business

pytestmark = pytest.mark.browser
SCORES = [5, 5, 4, 5, 3, 4, 2, 5, 1, 4, 5, 3]


def surveyed(shop: Business) -> Link:
    """Twelve who answered, and one who is about to."""
    with shop.scope():
        Channel.objects.filter(
            pk__in=list(Channel.objects.values_list("pk", flat=True)[:2])
        ).update(kind="private")
        piece, _new = Content.objects.get_or_create(
            title="到店回访",
            defaults={"body": "这次到店体验怎么样？", "kind": "survey", "purpose": "advocacy"},
        )
        people = list(Contact.objects.order_by("-id")[:13])
        wanted = [Wanted(piece.pk, shop.staff["sales"].pk, person.pk) for person in people]
        links = content.links(wanted)
        for want, score in zip(wanted[:12], SCORES, strict=True):
            said = "等位有点久，希望可以提前预约。" if score < 3 else ""
            if surveys.is_open(links[want], surveys.answer_of(links[want]), timezone.now()):
                surveys.answer(links[want], score, said)
        return links[wanted[12]]


@EVERYWHERE
def test_fit_benchmark_and_satisfaction(
    language: str, size: str, shop: Business, signed_in: Callable[..., Visit]
) -> None:
    link = surveyed(shop)
    window = signed_in("owner", language=language, size=size)
    window.open("/dashboards/fit/?edit=1&industry=beauty")
    window.look("fit-form", whole=True)
    window.page.check("input[name=differentiation][value='5']")
    window.page.click("form.fit button.primary")
    window.page.wait_for_load_state("networkidle")
    assert window.page.locator("ul.starts li").count() >= 2
    window.look("fit", whole=True)
    for name in ("benchmark", "satisfaction"):
        window.open(f"/dashboards/{name}/")
        assert window.page.locator("table.data tbody tr").count() > 0
        window.look(name, whole=True)
    window.open(f"/l/{link.code}")
    window.look("survey", whole=True)
    window.page.click(".scale label:nth-child(4)")
    window.page.click("form button")
    window.page.wait_for_load_state("networkidle")
    assert window.page.locator(".thanks strong").inner_text() == "4"
    window.look("survey-thanks", whole=True)
