"""People scan a code one after the other: each is to be met, greeted and written to once.

The witnesses are the sandbox's journal, its customers' phones and its list of callbacks.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import OperationalError, connections

from contacts.models import Contact, Event, Follow, Identity, Welcome
from journeys.models import Enrolment, Touch
from scrm.local.processes import Child
from tenants.models import Callback
from tests.chaos.machine import Machine, until
from tests.journeys import ground
from tests.journeys.ground import script, step
from tests.wechat_fixtures import WeChat

HELLO, TIP = "Welcome!", "A tip for you"


class Crowd:
    def __init__(self, machine: Machine, wechat: WeChat) -> None:
        self.machine, self.wechat, self.business = machine, wechat, wechat.business
        self.worker: Child = machine.demo.worker()
        self.customers: list[str] = []
        # As a platform that asks again until it is heard.
        wechat.setting(
            retry_on_status="non200", callback_deliveries=40, callback_spacing_s=[0.4, 0.8]
        )
        guides = [wechat.join(f"guide{number}") for number in range(3)]
        self.code = wechat.live_code(*guides, welcome_text=HELLO, skip_verify=True)
        with self.business.scope():
            ground.no_pace()
            script("Tips", step(0, TIP, route="mass_task"))

    def scan(self, people: int, seconds: float) -> None:
        """So many scan within these seconds."""
        with ThreadPoolExecutor(8) as hands:
            scans = []
            for _ in range(people):
                scans.append(hands.submit(self.wechat.scan, self.code))
                time.sleep(seconds / people)
            self.customers += [scan.result()["customer"] for scan in scans]

    def is_served(self) -> bool:
        """The worker is at work."""
        return "ready." in self.worker.output()

    def callbacks(self) -> list[Any]:
        found = self.wechat.sim("callbacks", "GET", corpid=self.wechat.corpid)
        return list(found["callbacks"])

    def answers(self) -> list[tuple[int, float]]:
        """What our door answered: status and seconds, of every attempt to deliver a callback."""
        return [(a["status"], a["seconds"]) for one in self.callbacks() for a in one["attempts"]]

    def is_all_done(self) -> bool:
        try:
            with self.business.scope():
                return (
                    Follow.objects.count() == len(self.customers)
                    and not Callback.objects.filter(handled_at=None).exists()
                    and not Event.objects.filter(handled_at=None).exists()
                    and not Welcome.objects.filter(state__in=["due", "sending"]).exists()
                    and self._touches() == {"awaiting_staff": len(self.customers)}
                )
        except OperationalError:
            connections.close_all()
            return False

    def standing(self) -> dict[str, object]:
        """What is done and what is open, for the report of a failure."""
        with self.business.scope():
            return {
                "follows": Follow.objects.count(),
                "open callbacks": Callback.objects.filter(handled_at=None).count(),
                "open events": Event.objects.filter(handled_at=None).count(),
                "welcomes": dict(Counter(Welcome.objects.values_list("state", flat=True))),
                "touches": self._touches(),
            }

    def _touches(self) -> dict[str, int]:
        return dict(Counter(Touch.objects.values_list("state", flat=True)))

    def wait(self, seconds: float = 90.0) -> float:
        """Until all is done; answers how long it took."""
        began = time.monotonic()
        self.wechat.arrive()
        try:
            until(self.is_all_done, seconds, f"all of {len(self.customers)} people served")
        except AssertionError as late:
            said = self.worker.last_lines(40)
            raise AssertionError(f"{late}; {self.standing()}; the worker:\n{said}") from None
        return time.monotonic() - began

    def sent(self) -> int:
        with self.business.scope():
            return Welcome.objects.filter(state="sent").count()

    def check(self) -> None:
        """Each once: contact, friendship, callback, fact, welcome, enrolment and touch."""
        people = len(self.customers)
        distinct = {one["id"] for one in self.callbacks()}
        with self.business.scope():
            callbacks = Callback.objects.all()
            assert callbacks.count() == len(distinct)
            assert not callbacks.exclude(problem="").exists()
            assert Contact.objects.count() == people
            assert Identity.objects.filter(kind="external_userid").count() == people
            assert Follow.objects.filter(ended_at=None).count() == people
            assert not Event.objects.exclude(problem="").exists()
            told = Counter(Event.objects.values_list("kind", flat=True))
            # Without approval the platform tells of each friend twice, in two different callbacks.
            assert told["follow.opened"] == len(distinct) == 2 * people, told
            assert told["livecode.scanned"] == told["sop.entered"] == people, told
            assert Enrolment.objects.count() == people
            welcomes = dict(Counter(Welcome.objects.values_list("state", flat=True)))
            ledger = Counter(Touch.objects.values_list("provider_id", flat=True))
        self._check_phones(welcomes)
        taken = [
            (who, call["answer"]["msgid"])  # those who are due together share a task
            for call in self.wechat.calls("add_msg_template")
            if call["errcode"] == 0 and call["answer"].get("msgid")
            for who in call["body"]["external_userid"]
        ]
        times = Counter(who for who, _msgid in taken)
        assert len(times) == len(taken) == people, (len(taken), times.most_common(3))
        assert ledger == Counter(msgid for _who, msgid in taken)

    def _check_phones(self, welcomes: dict[str, int]) -> None:
        """Nobody is greeted twice, and the ledger says of each welcome what became of it."""
        greeted = Counter(len(self.wechat.messages(customer)) for customer in self.customers)
        assert greeted[1] + greeted[0] == sum(welcomes.values()) == len(self.customers)
        sent = welcomes.get("sent", 0)
        assert sent <= greeted[1] <= sent + welcomes.get("unknown", 0)
        assert set(welcomes) <= {"sent", "unknown", "expired"}
