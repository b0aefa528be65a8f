"""The editor of steps with routes to fans, and a task that was told; both languages and sizes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse

from journeys import sops
from journeys.models import Sop, SopStep, StaffTask
from tenants.models import WeChatAccount
from tests.browser.conftest import Visit
from tests.browser.test_main_pages import EVERYWHERE
from tests.conftest import Business, make_business
from tests.journeys import ground

pytestmark = pytest.mark.browser


@EVERYWHERE
def test_steps_with_routes_to_fans(
    language: str, size: str, signed_in: Callable[..., Visit]
) -> None:
    business = make_business()
    sop, task = furnished(business)
    window = signed_in("operator", business, language=language, size=size)

    window.open(reverse("admin:journeys_sop_steps", args=[sop.pk]))
    assert "thing1: {name}" in window.page.locator("details[open] textarea").first.input_value()
    window.look("route-steps", whole=True)
    window.page.locator("[data-add]").click()
    window.is_sound()
    window.open(reverse("admin:journeys_sop_change", args=[sop.pk]))
    window.look("route-sop", whole=True)
    window.open(reverse("admin:journeys_stafftask_change", args=[task.pk]))
    window.look("route-task")


def furnished(business: Business) -> tuple[Sop, StaffTask]:
    with business.scope():
        account = WeChatAccount.objects.create(
            kind=WeChatAccount.Kind.OFFICIAL, name="花间美妆公众号", app_id="wx1", secret="s"
        )
        sop = Sop.objects.create(name="关注后的问候", trigger="subscription.opened")
        step = SopStep(
            delay_minutes=5, route="template", fallbacks=["oa_message", "mass_task"],
            text="{name}您好,欢迎关注", official=account, template_id="tmpl-1",
            template_fields={"thing1": "{name}", "time2": "今天"},
        )  # fmt: skip
        sops.write_steps(sop, [step])
        sops.publish(sop)
        task = StaffTask.objects.create(
            contact=ground.friend(business.staff["sales"], "李静"),
            staff=business.staff["sales"],
            text="问一下尺码",
            due_at=ground.an_hour_ago(),
            notice=StaffTask.Notice.FAILED,
            notice_problem="no_agent",
        )
    return sop, task
