"""Who agreed, who withdrew, and what stops at once."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import override

from contacts import kinds, timeline
from contacts.models import Consent, Contact, Event
from contacts.privacy import consents
from contacts.privacy.consents import Agreement
from journeys import scoring
from journeys.models import Score, ScorePoint, Touch
from tenants.ids import encode
from tests.conftest import Business


def read(contact: Contact, key: str) -> None:
    timeline.record([timeline.NewEvent(contact.pk, "content.read", timezone.now(), "api", key)])


def planned(contact: Contact) -> Touch:
    return Touch.objects.create(
        contact=contact, key=f"t{contact.pk}", route="none", kind="promotion",
        due_at=timezone.now() + timedelta(days=3),
    )  # fmt: skip


def test_the_ledger_over_the_api(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(name="A")
    api, path = business.api(), f"/api/v1/contacts/{encode(contact.pk)}/consents"
    yes = {"purpose": "marketing", "granted": True, "channel": "form", "text_version": "v3"}

    assert api.post(path, yes, format="json").status_code == 201
    assert api.post(path, yes, format="json").status_code == 200
    no = api.post(path, {"purpose": "marketing", "granted": False, "channel": "call"},
                  format="json")  # fmt: skip
    assert no.status_code == 201

    lines = api.get(path).json()
    assert [(line["granted"], line["channel"], line["by"]) for line in lines] == [
        (False, "call", "api"), (True, "form", "api"),
    ]  # fmt: skip
    assert business.as_role("viewer").post(path, yes, format="json").status_code == 403
    assert business.as_role("viewer").get(path).status_code == 200
    wrong = api.post(path, {"purpose": "world", "granted": True}, format="json")
    assert wrong.status_code == 400


def test_withdrawing_skips_what_is_planned_and_says_so(business: Business) -> None:
    with business.scope():
        one, other = Contact.objects.create(), Contact.objects.create()
        touch, untouched = planned(one), planned(other)
        consents.write(one, [Agreement("marketing", granted=False, channel="call")], "user:1")
    timeline.work(business.pk)

    with business.scope(), override("en"):
        touch.refresh_from_db()
        untouched.refresh_from_db()
        assert (touch.state, touch.reason) == ("skipped", "consent_withdrawn")
        assert untouched.state == "planned"
        told = {
            each.kind: kinds.sentence_of(each.kind, each.properties)
            for each in Event.objects.filter(contact=one)
        }
        assert told["consent.withdrawn"] == "Withdrew the consent to marketing messages"
        assert "consent was withdrawn" in told["touch.skipped"]


def test_a_withdrawal_that_came_late_does_not_undo_a_later_yes(business: Business) -> None:
    with business.scope():
        one = Contact.objects.create()
        touch = planned(one)
        now = timezone.now()
        consents.write(one, [Agreement("marketing", granted=True, at=now)])
        consents.write(one, [Agreement("marketing", granted=False, at=now - timedelta(days=1))])
        assert Consent.objects.count() == 2
    timeline.work(business.pk)
    with business.scope():
        touch.refresh_from_db()
        assert touch.state == "planned"


def test_objecting_to_profiling_ends_scoring(business: Business) -> None:
    with business.scope():
        one = Contact.objects.create(phone="+8613800138000")
        read(one, "1")
    timeline.work(business.pk)
    with business.scope():
        assert scoring.standings([one.pk])[one.pk].engagement > 0
        consents.write(one, [Agreement("profiling", granted=False)])
        read(one, "2")
    timeline.work(business.pk)
    with business.scope():
        read(one, "3")
    timeline.work(business.pk)
    with business.scope():
        assert not Score.objects.filter(contact=one).exists()
        assert not ScorePoint.objects.filter(contact=one).exists()
        standing = scoring.standings([one.pk])[one.pk]
        assert (standing.score, standing.fit) == (0.0, 0)
        consents.write(one, [Agreement("profiling", granted=True)])
    timeline.work(business.pk)
    with business.scope():
        assert ScorePoint.objects.filter(contact=one).count() == 3
