"""What operators do to scripts, stages, scores, leads and touches in the admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from contacts.models import Contact
from journeys import scoring, sops
from journeys.models import (
    Content,
    Enrolment,
    Lead,
    ScoreModel,
    ScoreRule,
    Sop,
    SopStep,
    Stage,
    Touch,
    TouchRules,
)
from tenants.models import AuditEntry
from tests.conftest import Business
from tests.test_admin_acts import actions, open_as


def step(number: int, **fields: str) -> dict[str, str]:
    given = {
        "delay_minutes": "", "day": "", "at_time": "", "route": "none", "kind": "service",
        "content": "", "text": "", "ORDER": str(number + 1),
    } | fields  # fmt: skip
    return {f"steps-{number}-{name}": value for name, value in given.items()}


def test_a_script_is_written_published_paused_and_resumed(business: Business) -> None:
    browser = open_as(business, "operator")
    typed = {"name": "Welcome", "trigger": "follow.opened", "channel": "", "live_code": ""}
    answer = browser.post(reverse("admin:journeys_sop_add"), typed)
    with business.scope():
        sop = Sop.objects.get()
    steps = reverse("admin:journeys_sop_steps", args=[sop.pk])
    assert answer["Location"] == steps

    management = {"steps-TOTAL_FORMS": "2", "steps-INITIAL_FORMS": "0"}
    bad = management | step(0, delay_minutes="5", day="1", text="x") | step(1, text="y")
    assert browser.post(steps, bad).status_code == 200
    good = (
        management
        | step(0, day="1", at_time="10:00", text="second", ORDER="2")
        | step(1, delay_minutes="5", text="first {name}", ORDER="1")
    )
    assert browser.post(steps, good).status_code == 302
    with business.scope():
        texts = list(SopStep.objects.order_by("position").values_list("text", flat=True))
    assert texts == ["first {name}", "second"]

    for verb, status in (("publish", "active"), ("pause", "paused"), ("resume", "active")):
        address = reverse(f"admin:journeys_sop_{verb}", args=[sop.pk])
        assert browser.post(address, {"confirmed": "on"}).status_code == 302
        with business.scope():
            assert Sop.objects.get().status == status
    page = browser.get(reverse("admin:journeys_sop_change", args=[sop.pk])).content.decode()
    assert "first {name}" in page
    assert actions(business)[-3:] == ["sop.published", "sop.paused", "sop.resumed"]


def test_stages_are_renamed_moved_and_their_rules_checked(business: Business) -> None:
    browser = open_as(business, "operator")
    with business.scope():
        stage = Stage.objects.get(key="profiled")
    page = reverse("admin:journeys_stage_change", args=[stage.pk])
    typed = {
        "name": "Known", "purpose": "nurture", "place": "2", "rule-TOTAL_FORMS": "1",
        "rule-INITIAL_FORMS": "0", "rule-0-what": "reachable",
    }  # fmt: skip
    assert browser.post(page, typed | {"rule-0-what": "nonsense"}).status_code == 200
    assert browser.post(page, typed).status_code == 302
    with business.scope():
        stage.refresh_from_db()
        assert (stage.name, stage.position, stage.rule_version) == ("Known", 2, 2)
        assert list(Stage.objects.order_by("position").values_list("position", flat=True)) == [
            1, 2, 3, 4, 5, 6,
        ]  # fmt: skip


def test_score_rules_are_tried_then_published(business: Business) -> None:
    browser = open_as(business, "operator")
    with business.scope():
        rule = ScoreRule.objects.get(kind="price.asked")
        live = scoring.live()
    page = reverse("admin:journeys_scorerule_change", args=[rule.pk])
    typed = {
        "name": "price",
        "part": "engagement",
        "kind": "price.asked",
        "points": "50",
    }
    assert browser.post(page, typed | {"kind": ""}).status_code == 200
    assert browser.post(page, typed | {"active": "on"}).status_code == 302

    try_out = reverse("admin:journeys_scorerule_try")
    settings = {
        "half_life_days": "7", "lead_threshold": "80", "weight_a": "1.5", "weight_b": "1.2",
        "weight_c": "1", "weight_d": "0.6", "from_a": "60", "from_b": "30", "from_c": "0",
    }  # fmt: skip
    assert browser.post(try_out, settings | {"preview": ""}).status_code == 200
    with business.scope():
        assert ScoreModel.objects.count() == 1
    assert browser.post(try_out, settings | {"from_a": "10", "publish": ""}).status_code == 200
    assert browser.post(try_out, settings | {"publish": ""}).status_code == 302
    with business.scope():
        model = ScoreModel.objects.get(state="building")
        assert (model.version, model.half_life_days) == (live.version + 1, 7)
        assert {r["points"] for r in model.rules if r["name"] == "price"} == {50}
    assert (
        browser.post(
            reverse("admin:journeys_scorerule_delete", args=[rule.pk]), {"post": "yes"}
        ).status_code
        == 302
    )
    with business.scope():
        assert ScoreRule.objects.get(pk=rule.pk).deleted_at is not None


def test_content_has_a_link_and_the_pace_its_words(business: Business) -> None:
    browser = open_as(business, "operator")
    typed = {"title": "Guide", "kind": "article", "purpose": "nurture", "url": "", "body": "text"}
    assert browser.post(reverse("admin:journeys_content_add"), typed).status_code == 302
    with business.scope():
        content = Content.objects.get()
    assert (
        "/l/"
        in browser.get(reverse("admin:journeys_content_change", args=[content.pk])).content.decode()
    )

    owner = open_as(business, "owner")
    page = owner.get(reverse("admin:journeys_touchrules_changelist"))["Location"]
    pace = {
        "quiet_from": "22:00", "quiet_to": "08:00", "per_contact_day": "1", "per_contact_week": "3",
        "promotions_per_week": "1", "per_staff_day": "100", "mass_quota": "day1",
        "sensitive_words": "最好\n\n第一 \n最好",
    }  # fmt: skip
    assert owner.post(page, pace).status_code == 302
    with business.scope():
        assert TouchRules.objects.get().sensitive_words == ["最好", "第一"]


def test_a_lead_is_handed_over_and_put_back(business: Business) -> None:
    browser = open_as(business, "operator")
    with business.scope():
        contact = Contact.objects.create(name="Li")
        lead = Lead.objects.create(contact=contact)
    over = reverse("admin:journeys_lead_hand_over", args=[lead.pk])
    assert (
        browser.post(over, {"confirmed": "on", "staff": business.staff["sales"].pk}).status_code
        == 302
    )
    with business.scope():
        assert Lead.objects.get().owner == business.staff["sales"]
    back = reverse("admin:journeys_lead_put_back", args=[lead.pk])
    assert browser.post(back, {"confirmed": "on"}).status_code == 302
    with business.scope():
        assert Lead.objects.get().owner is None


def run_of(business: Business, contact: Contact) -> Enrolment:
    sop = Sop.objects.create(name="Care")
    version = sops.write_steps(sop, [SopStep(delay_minutes=5, route="none", text="hi")])
    return Enrolment.objects.create(
        sop=sop, version=version, contact=contact, started_at=timezone.now()
    )


def test_somebody_is_taken_out_of_a_script(business: Business) -> None:
    browser = open_as(business, "operator")
    with business.scope():
        contact = Contact.objects.create(name="Li")
        run = run_of(business, contact)
        Touch.objects.create(
            key="k", contact=contact, enrolment=run, step=run.version.steps.get(), route="none",
            kind="service", due_at=timezone.now() + timedelta(hours=1),
        )  # fmt: skip
    page = reverse("admin:journeys_enrolment_change", args=[run.pk])
    out = reverse("admin:journeys_enrolment_take_out", args=[run.pk])
    assert "Care · v1" in browser.get(page).content.decode()
    assert out in browser.get(page).content.decode()
    assert browser.post(out, {"confirmed": "on"}).status_code == 302
    with business.scope():
        run.refresh_from_db()
        assert (run.state, run.reason) == ("left", "by_hand")
        assert Touch.objects.get().state == "cancelled"
        entry = AuditEntry.objects.latest("id")
    assert (entry.action, "Li" in entry.summary) == ("enrolment.left", False)
    assert out not in browser.get(page).content.decode()


@pytest.mark.parametrize(("verb", "state"), [("was_sent", "sent"), ("was_not_sent", "planned")])
def test_a_touch_nobody_knows_the_outcome_of_is_settled(
    verb: str, state: str, business: Business
) -> None:
    browser = open_as(business, "operator")
    now = timezone.now()
    with business.scope():
        contact = Contact.objects.create(name="Li")
        touch = Touch.objects.create(
            key="k", contact=contact, route="mass_task", kind="service", state="unknown",
            due_at=now, sending_at=now, lease_until=now + timedelta(hours=1),
        )  # fmt: skip
    settle = reverse(f"admin:journeys_touch_{verb}", args=[touch.pk])
    browser.post(settle, {"confirmed": "on"})
    with business.scope():
        assert Touch.objects.get().state == "unknown"  # it is still being looked up by itself
        Touch.objects.update(lease_until=None)
    assert browser.get(settle).status_code == 200
    assert browser.post(settle, {"confirmed": "on"}).status_code == 302
    with business.scope():
        assert Touch.objects.get().state == state
        entry = AuditEntry.objects.get(action="touch.settled")
    assert entry.detail == {"sent": verb == "was_sent"} and "Li" not in entry.summary
