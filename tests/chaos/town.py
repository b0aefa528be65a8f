"""People of a town who scan, speak, go and come back; and what is known of them afterwards.

Two businesses with two corporations each share the town: the same person may be a customer of all
four. Whoever did something rests for a moment: the platform's clock counts whole seconds, and two
opposite acts within one have no order.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

import requests

from contacts.models import LiveCode
from journeys.models import Route
from tests.conftest import Business
from tests.journeys import ground
from tests.wechat_fixtures import Platform, WeChat, connected

REST_S: Final = 2.5
HANDS: Final = 6
ACTS_A_PERSON: Final = 6
GUIDES: Final = 3
ARRIVING: Final = 0.7  # of the time; then nobody new comes


@dataclass
class Corp:
    """A corporation with its guides, its codes, its tags and a group of customers."""

    mark: str  # in everything that only this business may ever see
    wechat: WeChat
    guides: list[str]
    codes: list[LiveCode]
    tags: list[str]
    chat_id: str


@dataclass
class Person:
    id: str = ""  # the sandbox's
    rests_until: float = 0.0
    friends: dict[int, str] = field(default_factory=dict)  # corp → guide
    groups: set[int] = field(default_factory=set)
    spoke: bool = False


class Town:
    def __init__(self, sandbox: Platform, web_url: str, businesses: list[Business]) -> None:
        self.corps: list[Corp] = []
        for business in businesses:
            for number in range(2):
                mark = f"mark{business.pk}x{number}"
                self.corps.append(_corp(connected(sandbox, business, web_url, mark), mark))
            with business.scope():
                ground.no_pace()
                tip = ground.step(0, f"A tip from mark{business.pk}x", route=Route.MASS_TASK)
                ground.script("Tips", tip)
        self.people: list[Person] = []
        # Who ended a friendship last: (corp id, person, guide) → customer or staff.
        self.ended: dict[tuple[str, str, str], str] = {}
        self.done: Counter[str] = Counter()
        self._lock = Lock()
        self._chance = random.Random(1)
        self._lines = requests.Session()

    def live(self, people: int, seconds: float) -> None:
        """So many come, and each does this and that, within these seconds."""
        began = time.monotonic()
        with ThreadPoolExecutor(HANDS) as hands:
            working = [
                hands.submit(self._work, people, seconds, began + number / HANDS)
                for number in range(HANDS)
            ]
        for one in working:
            one.result()

    def _work(self, people: int, seconds: float, began: float) -> None:
        pause = HANDS * seconds / (people * ACTS_A_PERSON)
        acts = 0
        while (passed := time.monotonic() - began) < seconds:
            if len(self.people) < people * min(1.0, passed / (seconds * ARRIVING)):
                self._arrive()
            else:
                self._do_something()
            acts += 1
            time.sleep(max(0.0, began + acts * pause - time.monotonic()))

    # --- who, and what ---

    def _arrive(self) -> None:
        person = Person(rests_until=time.monotonic() + 60)  # nobody else's until it has an id
        with self._lock:
            self.people.append(person)
        self._scan(person)

    def _do_something(self) -> None:
        person = self._somebody()
        if person is None:
            return
        acts: list[tuple[Callable[[Person], None], int]] = [(self._scan, 3)]
        if person.friends:
            acts += [(self._speak, 4), (self._leave_guide, 2), (self._be_deleted, 1)]
            acts += [(self._be_tagged, 3), (self._join_group, 2)]
        if person.groups:
            acts += [(self._leave_group, 1)]
        act = self._chance.choices([one for one, _ in acts], [weight for _, weight in acts])[0]
        act(person)

    def _somebody(self) -> Person | None:
        """Who does not rest; theirs is the turn, and nobody else's."""
        now = time.monotonic()
        with self._lock:
            for _ in range(20):
                person = self._chance.choice(self.people)
                if person.id and person.rests_until < now:
                    person.rests_until = now + REST_S
                    return person
        return None

    def _friendship(self, person: Person) -> tuple[int, Corp, dict[str, str]]:
        number = self._chance.choice(list(person.friends))
        corp = self.corps[number]
        pair = {"corpid": corp.wechat.corpid, "userid": person.friends[number]}
        return number, corp, {**pair, "customer": person.id}

    # --- acts ---

    def _scan(self, person: Person) -> None:
        number = self._chance.randrange(len(self.corps))
        body: dict[str, object] = {"customer": person.id} if person.id else {}
        code = self._chance.choice(self.corps[number].codes)
        seen = self._act("scan", config_id=code.config_id, **body)
        if seen is not None:
            person.id = seen["customer"]
            person.friends[number] = seen["userid"]
            key = (self.corps[number].wechat.corpid, person.id, seen["userid"])
            self.ended.pop(key, None)
        person.rests_until = time.monotonic() + REST_S

    def _speak(self, person: Person) -> None:
        _number, corp, pair = self._friendship(person)
        ends = {"from": person.id, "to": pair["userid"]}
        if self._act("speak", corpid=corp.wechat.corpid, text="Hello?", **ends) is not None:
            person.spoke = True

    def _leave_guide(self, person: Person) -> None:
        self._part(person, "customer_deletes", "customer")

    def _be_deleted(self, person: Person) -> None:
        self._part(person, "staff_deletes", "staff")

    def _part(self, person: Person, act: str, by: str) -> None:
        number, corp, pair = self._friendship(person)
        if self._act(act, **pair) is not None:
            self.ended[corp.wechat.corpid, person.id, pair["userid"]] = by
            del person.friends[number]

    def _be_tagged(self, person: Person) -> None:
        _number, corp, pair = self._friendship(person)
        change = self._chance.choice(["add_tag", "remove_tag"])
        self._act("edit_remark", **pair, **{change: [self._chance.choice(corp.tags)]})

    def _join_group(self, person: Person) -> None:
        number, corp, _pair = self._friendship(person)
        group = {"corpid": corp.wechat.corpid, "chat_id": corp.chat_id}
        by_guide = {"by": corp.guides[0], "who": [person.id]}
        if self._act("group_invite", **group, **by_guide) is not None:
            person.groups.add(number)

    def _leave_group(self, person: Person) -> None:
        number = self._chance.choice(list(person.groups))
        corp = self.corps[number]
        group = {"corpid": corp.wechat.corpid, "chat_id": corp.chat_id}
        if self._act("group_leave", **group, who=person.id) is not None:
            person.groups.discard(number)

    def _act(self, name: str, /, **body: object) -> Any:
        """None: it cannot be done just now, as when a request waits to be accepted."""
        url = f"{self.corps[0].wechat.sandbox.url}/_sim/act/{name}"
        answer = self._lines.post(url, json=body, timeout=35)
        refused = answer.status_code in {404, 409}
        assert refused or answer.status_code == 200, answer.text
        with self._lock:
            self.done[f"{name}, refused" if refused else name] += 1
        return None if refused else answer.json()


def _corp(wechat: WeChat, mark: str) -> Corp:
    guides = [wechat.join(f"{mark}guide{number}") for number in range(GUIDES)]
    hello: dict[str, Any] = {"welcome_text": f"Welcome by {mark}", "tags": (f"Tag {mark}",)}
    codes = [
        wechat.live_code(*guides, name=f"Door {mark}", skip_verify=True, **hello),
        wechat.live_code(*guides, name=f"Till {mark}", skip_verify=False, **hello),
    ]
    names = [f"{mark} {colour}" for colour in ("red", "green", "blue")]
    tags = wechat.act("create_tags", group_name=f"Colours {mark}", tags=names)["tags"]
    owner = guides[0].userid
    group = wechat.act("group_create", owner=owner, name=f"Group {mark}", members=[owner])
    userids = [guide.userid for guide in guides]
    return Corp(mark, wechat, userids, codes, list(tags.values()), group["chat_id"])
