"""What the tests of scripts and touches stand on: contacts with friends, scripts, the sandbox."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.utils import timezone

from contacts import timeline
from contacts.models import Contact, Event, Identity
from contacts.timeline import NewEvent
from journeys import sops
from journeys.models import Content, Route, Sop, SopStep, Touch, TouchRules
from scrm.sandbox.server import Sandbox
from tenants.models import Staff, WeChatAccount
from tests.conftest import Business
from tests.sandbox.actors import Steering, fetch

_numbers = itertools.count(1)


def friend(
    staff: Staff, name: str = "", *, at: datetime | None = None, external_userid: str = ""
) -> Contact:
    """A contact who has just become a friend of `staff`, as an event that was handled."""
    number = next(_numbers)
    contact = Contact.objects.create(name=name or f"Friend {number}", external_id=f"f{number}")
    if external_userid:
        Identity.objects.create(
            contact=contact, kind=Identity.Kind.EXTERNAL_USERID, value=external_userid
        )
    happen(contact, "follow.opened", at=at, staff=staff.userid)
    return contact


def happen(
    contact: Contact, kind: str, *, at: datetime | None = None, **properties: object
) -> None:
    event = NewEvent(
        contact.pk, kind, at or timezone.now(), "test", f"e{next(_numbers)}", dict(properties)
    )
    timeline.record([event])
    timeline.drain_all()


def script(name: str, *steps: SopStep, **fields: Any) -> Sop:
    """A published SOP."""
    sop = Sop.objects.create(name=name, **fields)
    sops.write_steps(sop, steps)
    sops.publish(sop)
    sop.refresh_from_db()
    return sop


def step(minutes: int | None = 0, text: str = "Hello {name}", **fields: Any) -> SopStep:
    fields.setdefault("route", Route.NONE)
    return SopStep(delay_minutes=minutes, text=text, **fields)


def article(title: str = "Guide", **fields: Any) -> Content:
    fields.setdefault("purpose", "nurture")
    return Content.objects.create(title=title, **fields)


def no_pace() -> TouchRules:
    """Rules that never stand in the way, whatever the hour at which tests run."""
    return set_pace(
        quiet_from="00:00",
        quiet_to="00:00",
        per_contact_day=1000,
        per_contact_week=1000,
        promotions_per_week=1000,
        per_staff_day=100_000,
    )


def set_pace(**fields: Any) -> TouchRules:
    rules = TouchRules.objects.get()
    for name, value in fields.items():
        setattr(rules, name, value)
    rules.save()
    return rules


def states(touches: Sequence[Touch] | None = None) -> list[tuple[str, str]]:
    rows = touches if touches is not None else list(Touch.objects.order_by("due_at", "id"))
    return [(touch.state, touch.reason) for touch in rows]


def kinds_of(contact: Contact, prefix: str = "") -> list[str]:
    events = Event.objects.filter(contact=contact, kind__startswith=prefix)
    return list(events.order_by("id").values_list("kind", flat=True))


def an_hour_ago() -> datetime:
    return timezone.now() - timedelta(hours=1)


def enrolled(business: Business, *steps: SopStep, people: int = 1) -> list[Contact]:
    """People who entered a script of these steps an hour ago, so that its first ones are due."""
    with business.scope():
        script(f"Script {len(steps)}", *steps)
        sales = business.staff["sales"]
        return [friend(sales, at=an_hour_ago()) for _ in range(people)]


def seen(business: Business) -> list[tuple[str, str]]:
    with business.scope():
        return states()


# --- the sandbox ---


class Platform:
    """The sandbox's control API, over HTTP, and one corporation in it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.steer = Steering(url)
        self.corp = self.steer.post("corps", name="Touch & Co")
        self.corpid = str(self.corp["corpid"])
        self.steer.post("settings", accept_after_s=0.0, mass_quota="month_days")
        query = urlencode({"corpid": self.corpid, "corpsecret": self.corp["secret"]})
        self.token = str(fetch("GET", f"{url}/cgi-bin/gettoken?{query}").json()["access_token"])

    def staff(self, userid: str) -> Staff:
        """A member there, and our row of them."""
        self.steer.post("staff", corpid=self.corpid, userid=userid)
        staff, _new = Staff.objects.get_or_create(userid=userid, defaults={"name": userid.title()})
        body = {"type": 2, "user": [userid], "state": f"s-{userid}", "skip_verify": True}
        self.ask("externalcontact/add_contact_way", body | {"scene": 2})
        return staff

    def ask(self, api: str, body: dict[str, Any]) -> Any:
        address = f"{self.url}/cgi-bin/{api}?access_token={self.token}"
        return fetch("POST", address, json.dumps(body).encode()).json()

    def friend(self, staff: Staff, name: str = "", **more: Any) -> Contact:
        """Somebody scans the code of `staff`; our records say so too."""
        seen = self.scan(staff)
        contact = friend(staff, name, external_userid=seen["external_userid"], **more)
        contact.customer = seen["customer"]  # type: ignore[attr-defined] # the sandbox's name of them
        return contact

    def scan(self, staff: Staff) -> dict[str, str]:
        found: dict[str, str] = self.steer.post(
            "act/scan", corpid=self.corpid, state=f"s-{staff.userid}"
        )
        return found

    def fault(self, kind: str, path: str = "*add_msg_template", **more: Any) -> None:
        self.steer.post("faults", kind=kind, path=path, **more)

    def calm(self) -> None:
        fetch("DELETE", f"{self.url}/_sim/faults")

    def calls(self, path: str = "add_msg_template") -> list[dict[str, Any]]:
        return self.steer.journal(path)

    def tasks(self) -> list[tuple[str, str]]:
        """(customer, text) of every mass task that the platform took on, whatever it answered."""
        taken = [
            call for call in self.calls() if call["errcode"] == 0 and call["answer"].get("msgid")
        ]
        return [
            (one["body"]["external_userid"][0], one["body"]["text"]["content"]) for one in taken
        ]


@contextmanager
def platform() -> Iterator[Platform]:
    before = settings.WECHAT_BASE_URL
    with Sandbox(seed=next(_numbers)) as sandbox:
        settings.WECHAT_BASE_URL = sandbox.url
        try:
            yield Platform(sandbox.url)
        finally:
            settings.WECHAT_BASE_URL = before


def connect(world: Platform) -> WeChatAccount:
    """Inside a scope: its tenant's WeCom account is that corporation's app."""
    return WeChatAccount.objects.create(
        name="Sandbox",
        app_id=world.corpid,
        agent_id=str(world.corp["agentid"]),
        secret=str(world.corp["secret"]),
    )
