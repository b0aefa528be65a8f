"""Reading all customers of a corporation: once, again, and after callbacks were lost."""

from __future__ import annotations

from contacts.models import Contact, Drift, Follow, Identity
from tests.contacts.sync.conftest import Corp, patched_lag


def test_the_first_reading_brings_staff_and_customers(corp: Corp) -> None:
    corp.deaf()
    corp.member("amy")
    corp.member("bob")
    corp.befriend("amy", name="张欣怡")
    corp.befriend("bob", name="李雷")

    runs = corp.read()

    assert {kind: run.state for kind, run in runs.items()} == dict.fromkeys(runs, "done")
    assert corp.friends() == {("amy", "张欣怡"), ("bob", "李雷")}
    assert (runs["customers"].created, runs["customers"].done) == (2, 2)
    with corp.scope():
        assert set(Contact.objects.values_list("source", flat=True)) == {"platform"}
        assert Identity.objects.filter(kind="unionid").count() == 2
        assert not Drift.objects.exists()


def test_reading_again_changes_nothing(corp: Corp) -> None:
    corp.deaf()
    corp.member("amy")
    corp.befriend("amy", name="张欣怡")
    corp.read()
    with corp.scope():
        before = list(Contact.objects.values()), list(Follow.objects.values())

    again = corp.read()

    with corp.scope():
        assert (list(Contact.objects.values()), list(Follow.objects.values())) == before
        assert not Drift.objects.exists()
    assert (again["customers"].created, again["customers"].updated) == (0, 0)


def test_lost_callbacks_are_made_good(corp: Corp) -> None:
    corp.deaf()
    corp.member("amy")
    stays = corp.befriend("amy", name="留下")
    goes = corp.befriend("amy", name="离开")
    corp.read()
    corp.wechat.act("customer_deletes", userid="amy", customer=goes)
    corp.befriend("amy", name="新来")

    with patched_lag():
        runs = corp.read()

    assert corp.friends() == {("amy", "留下"), ("amy", "新来")}
    with corp.scope():
        found = set(Drift.objects.values_list("kind", "state", "contact__name"))
        ended = Follow.objects.exclude(ended_at=None).get()
    assert found == {("missed", "repaired", "新来"), ("gone", "repaired", "离开")}
    assert ended.ended_by == "unknown"
    assert (runs["customers"].drifts, runs["customers"].ended) == (2, 1)
    assert stays
