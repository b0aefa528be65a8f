"""A reading that is killed goes on where it stood, and reads no page twice for nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.utils import timezone

from contacts.models import Follow, SyncRun
from contacts.sync import customers, relations, running
from tenants.wechat import customers as wechat_customers
from tests.contacts.sync.conftest import Corp

PAGES = "externalcontact/batch/get_by_user"


class Killed(BaseException):
    """What a worker dies of."""


def test_after_a_kill_it_goes_on_where_it_stood(
    corp: Corp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customers, "PAGES_AT_ONCE", 1)
    monkeypatch.setattr(wechat_customers, "ROWS_A_PAGE", 2)
    corp.deaf()
    corp.member("amy")
    for number in range(9):
        corp.befriend("amy", name=f"客户{number}")
    corp.read("staff")
    written = relations.write
    batches: list[int] = []

    def third_kills(rows: Any, *args: Any, **options: Any) -> Any:
        batches.append(len(rows))
        if len(batches) == 3:
            raise Killed
        return written(rows, *args, **options)

    with mock.patch.object(relations, "write", third_kills), pytest.raises(Killed):
        corp.read("customers")
    with corp.scope():
        run = SyncRun.objects.get(kind="customers")
        assert (run.done, run.state, Follow.objects.count()) == (4, "running", 4)
        SyncRun.objects.update(due_at=timezone.now() - timedelta(seconds=1))  # the lease ends
    before = len(corp.wechat.calls(PAGES))

    running.work(corp.pk)

    with corp.scope():
        run.refresh_from_db()
        assert (run.done, run.state, Follow.objects.count()) == (9, "done", 9)
        assert run.created == 9
    assert len(corp.wechat.calls(PAGES)) - before == 3  # of five


def test_a_second_worker_takes_no_run_that_is_under_way(corp: Corp) -> None:
    corp.member("amy")
    with corp.scope():
        (run,) = running.ask(corp.wechat.account, ["staff"])
        SyncRun.objects.update(due_at=timezone.now() + timedelta(minutes=1), state="running")

    running.work(corp.pk)

    with corp.scope():
        assert running.ask(corp.wechat.account, ["staff"]) == [run]
        run.refresh_from_db()
        assert (run.state, run.again) == ("running", True)
    assert not corp.wechat.calls("user/list")


def test_what_the_platform_refuses_is_said_and_can_be_gone_on_with(corp: Corp) -> None:
    corp.member("amy")
    corp.befriend("amy", name="张欣怡")
    corp.wechat.fault("errcode", path=PAGES, errcode=48002, errmsg="api forbidden", first=1)

    runs = corp.read()

    assert (runs["customers"].state, runs["customers"].problem) == ("failed", "api forbidden")
    with corp.scope():
        running.again(runs["customers"])
    running.work(corp.pk)
    with corp.scope():
        assert SyncRun.objects.get(kind="customers").state == "done"
        assert Follow.objects.count() == 1


def test_many_that_vanish_at_once_end_nothing(corp: Corp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customers, "MANY", 1)
    monkeypatch.setattr(customers, "LAG", timedelta(minutes=-1))
    corp.deaf()
    corp.member("amy")
    who = [corp.befriend("amy", name=f"客户{number}") for number in range(3)]
    corp.read()
    for one in who:
        corp.wechat.act("customer_deletes", userid="amy", customer=one)

    runs = corp.read()

    assert runs["customers"].state == "failed"
    assert "3" in runs["customers"].problem
    with corp.scope():
        assert Follow.objects.filter(ended_at=None).count() == 3
