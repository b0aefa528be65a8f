"""A corporation that is read into a business."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from contacts import details, ingest, timeline
from contacts.models import Follow, SyncRun
from contacts.sync import customers, pairs, remarks, running, tags
from tests.wechat_fixtures import WeChat


@dataclass
class Corp:
    """The sandbox's corporation, and readings of it."""

    wechat: WeChat

    @property
    def pk(self) -> int:
        return self.wechat.business.pk

    def scope(self) -> Any:
        return self.wechat.business.scope()

    def member(self, userid: str, **fields: object) -> None:
        self.wechat.sim("staff", corpid=self.wechat.corpid, userid=userid, name=userid, **fields)

    def befriend(self, userid: str, **customer: object) -> str:
        """A new customer of the member; answers the external_userid. Nobody here hears of it."""
        who = self.wechat.sim("customers", **customer)["customer"]
        answer = self.wechat.act("apply", userid=userid, customer=who, accepted=True)
        return str(answer["external_userid"])

    def deaf(self) -> None:
        """From now on callbacks are lost."""
        self.wechat.sim(
            "callback_url", corpid=self.wechat.corpid, agentid=self.wechat.agentid, callback_url=""
        )

    def read(self, *kinds: str) -> dict[str, SyncRun]:
        with self.scope():
            running.ask(self.wechat.account, kinds or tuple(running.STEPS))
        running.work(self.pk)
        timeline.work(self.pk)
        with self.scope():
            return {run.kind: run for run in running.newest([self.wechat.account.pk])}

    def settle(self) -> None:
        """Callbacks arrive, and every worker does what is due."""
        self.wechat.arrive()
        ingest.work(self.pk)
        running.work(self.pk)
        details.work(self.pk)
        timeline.work(self.pk)
        tags.work(self.pk)
        pairs.work(self.pk)
        remarks.work(self.pk)
        timeline.work(self.pk)

    def friends(self) -> set[tuple[str, str]]:
        """(userid, customer's name) of the open Follows."""
        with self.scope():
            rows = Follow.objects.filter(ended_at=None)
            return set(rows.values_list("staff__userid", "contact__name"))


@contextmanager
def patched_lag() -> Iterator[None]:
    """Friendships of this minute count as old enough to be missed in a list."""
    with mock.patch.object(customers, "LAG", -timedelta(minutes=1)):
        yield


@pytest.fixture
def corp(wechat: WeChat) -> Corp:
    found = Corp(wechat)
    found.wechat.setting(stale_read_s=0)
    return found
