"""Scores, stages, leads, scripts and links of one person who was known as two."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from contacts import timeline
from contacts.merging import merge, undo
from contacts.models import Contact, Event
from journeys import dispatch, leads, scoring, stages
from journeys.models import (
    ContactStage,
    Enrolment,
    FollowUp,
    Lead,
    Link,
    Score,
    Stage,
    StageMove,
    Touch,
)
from tests.conftest import Business
from tests.journeys import ground
from tests.journeys.ground import friend, happen, script, step


def score_of(contact: Contact) -> float:
    """As of one moment: a score falls by waiting."""
    tomorrow = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return scoring.standings([contact.pk], tomorrow)[contact.pk].engagement


def stage_of(contact: Contact) -> str:
    return ContactStage.objects.select_related("stage").get(contact=contact).stage.key


def two(business: Business) -> tuple[Contact, Contact]:
    return friend(business.staff["sales"], "One"), friend(business.staff["operator"], "Other")


def test_the_score_is_counted_from_the_events_of_both(business: Business) -> None:
    at = timezone.now() - timedelta(hours=1)
    with business.scope():
        one, other = two(business)
        happen(one, "price.asked", at=at)
        for _ in range(2):
            happen(other, "price.asked", at=at)  # at most two a day count
        before = score_of(one), score_of(other)

        done = merge.merge(one.pk, other.pk, by="test")

        assert score_of(one) == pytest.approx(before[1], rel=1e-6)
        assert Score.objects.filter(contact=one, model=scoring.live()).count() == 1
        undo.unmerge(done, by="test")
        assert (score_of(one), score_of(other)) == pytest.approx(before, rel=1e-6)


def test_a_score_that_reaches_the_threshold_together_makes_a_lead(business: Business) -> None:
    at = timezone.now() - timedelta(minutes=1)
    with business.scope():
        one, other = two(business)
        Contact.objects.filter(pk=one.pk).update(name="Li")
        one.refresh_from_db()
        one.phone = "+8613800138000"
        one.save(update_fields=["phone"])
        happen(one, "price.asked", at=at)
        happen(other, "session.attended", at=at)
        assert not Lead.objects.exists()

        merge.merge(one.pk, other.pk, by="test")
        timeline.drain_all()

        assert stage_of(one) == "intent"
        assert Lead.objects.get().contact_id == one.pk


def test_the_furthest_stage_stays(business: Business) -> None:
    with business.scope():
        one, other = two(business)
        pending = Stage.objects.get(key="pending")
        stages.move_by_hand(other, pending, user=None)
        timeline.drain_all()
        stages.move_by_hand(one, Stage.objects.get(key="profiled"), user=None)
        timeline.drain_all()

        done = merge.merge(one.pk, other.pk, by="test")
        timeline.drain_all()
        assert stage_of(one) == "pending"
        assert StageMove.objects.filter(contact=one, reason="merge").count() == 1

        undo.unmerge(done, by="test")
        timeline.drain_all()
        assert (stage_of(one), stage_of(other)) == ("profiled", "pending")
        assert not StageMove.objects.filter(reason="merge").exists()


@pytest.mark.parametrize("claimed", [0, 1])
def test_of_two_leads_the_worked_one_stays_with_all_follow_ups(
    business: Business, claimed: int
) -> None:
    staff = business.staff["sales"]
    with business.scope():
        pair = two(business)
        rows = [Lead.objects.create(contact=each, key=1, score_at_start=1) for each in pair]
        lead = leads.claim(rows[claimed], staff)
        leads.follow_up(lead, staff=staff, note="wants a trial")

        done = merge.merge(pair[0].pk, pair[1].pk, by="test")

        kept = Lead.objects.get(state__in=["open", "claimed"])
        assert (kept.pk, kept.state, kept.contact_id) == (lead.pk, "claimed", pair[0].pk)
        assert FollowUp.objects.get().lead_id == lead.pk
        undo.unmerge(done, by="test")
        assert dict(Lead.objects.values_list("contact_id", "id")) == {
            each.pk: row.pk for each, row in zip(pair, rows, strict=True)
        }
        assert FollowUp.objects.get().lead_id == lead.pk


def test_one_script_runs_once_for_a_person(business: Business) -> None:
    with business.scope():
        ground.no_pace()
        script("Welcome", step(0), step(600))
        other = friend(business.staff["operator"], at=ground.an_hour_ago())
        one = friend(business.staff["sales"])
        assert Touch.objects.filter(state="planned").count() == 4

        done = merge.merge(one.pk, other.pk, by="test")

        runs = {e.started_at: (e.state, e.reason) for e in Enrolment.objects.filter(contact=one)}
        assert [runs[at] for at in sorted(runs)] == [("running", ""), ("left", "merged")]
        assert Touch.objects.filter(state="planned", contact=one).count() == 2
        assert Event.objects.filter(kind="sop.left", contact=one).count() == 1
    assert dispatch.run(business.pk) == 1
    with business.scope():
        undo.unmerge(done, by="test")
        assert set(Enrolment.objects.values_list("contact_id", "state")) == {
            (one.pk, "running"), (other.pk, "running"),
        }  # fmt: skip
        # What would be overdue is not caught up; what lies ahead goes out again.
        mine = Touch.objects.filter(contact=one).order_by("due_at")
        assert [touch.state for touch in mine] == ["cancelled", "planned"]


def test_links_that_were_sent_go_on_opening(business: Business) -> None:
    with business.scope():
        one, other = two(business)
        article = ground.article()
        mine = Link.objects.create(content=article, contact=one)
        theirs = Link.objects.create(content=article, contact=other)

        done = merge.merge(one.pk, other.pk, by="test")

    for link in (mine, theirs):
        answer = business.browser("viewer").get(f"/l/{link.code}")
        assert answer.status_code == 200
    with business.scope():
        assert Event.objects.filter(kind="content.read", contact=one).count() == 2
        undo.unmerge(done, by="test")
        assert dict(Link.objects.values_list("id", "contact_id")) == {
            mine.pk: one.pk, theirs.pk: other.pk,
        }  # fmt: skip
        assert not Link.objects.filter(spare=True).exists()
