"""Callbacks that cannot be understood are kept, shown masked, and replayed; rubbish leaves nothing.

The ten thousand mutated callbacks go through the real view and the real reader.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from contacts import dead_letters, ingest
from contacts.models import Contact, Event, Follow
from tenants import ids
from tenants.models import AuditEntry, Callback, WeChatAccount
from tests.conftest import Business
from tests.tenants.wechat.envelopes import AES_KEY, TOKEN, Post, seal

CORP = "wwdead"
SECRET = "the-app-secret-0123456789"
ADDED = (
    b"<xml><ToUserName>wwdead</ToUserName><FromUserName>sys</FromUserName>"
    b"<CreateTime>1700000000</CreateTime><MsgType>event</MsgType>"
    b"<Event>change_external_contact</Event><ChangeType>add_external_contact</ChangeType>"
    b"<UserID>li</UserID><ExternalUserID>wmAAA</ExternalUserID><State>s1</State>"
    b"<WelcomeCode>w-e-l-c-o-m-e</WelcomeCode></xml>"
)
BROKEN = (
    b"<xml><MsgType>event</MsgType><Event>change_contact</Event><Mobile>13800138000</Mobile>"
    b"<Remark>call 13912345678 or mei@example.com</Remark><WelcomeCode>w-e-l</WelcomeCode></xml>"
)


@pytest.fixture
def account(business: Business) -> WeChatAccount:
    with business.scope():
        made: WeChatAccount = WeChatAccount.objects.create(
            name="corp",
            app_id=CORP,
            agent_id="1",
            secret=SECRET,
            callback_token=TOKEN,
            callback_aes_key=AES_KEY,
        )
    return made


def buried(business: Business, account: WeChatAccount, body: bytes = BROKEN) -> Callback:
    with business.scope():
        row: Callback = Callback.objects.create(account=account, digest=body[:32], body=body)
        ingest._bury(row, ValueError("no such field at 13912345678"))
        row.refresh_from_db()
    return row


def test_the_page_shows_what_when_and_why_but_nothing_private(
    business: Business, account: WeChatAccount
) -> None:
    row = buried(business, account)
    browser = business.browser("owner")

    listed = browser.get(reverse("admin:tenants_callback_changelist")).content.decode()
    page = browser.get(reverse("admin:tenants_callback_change", args=[row.pk])).content.decode()

    assert "change_contact" in listed and "no such field at 139****5678" in listed
    assert "&lt;WelcomeCode&gt;***&lt;/WelcomeCode&gt;" in page
    assert "139****5678" in page
    for private in ("13800138000", "13912345678", "mei@example.com", "w-e-l"):
        assert private not in page and private not in listed
    assert business.browser("operator").get(
        reverse("admin:tenants_callback_changelist")
    ).status_code == 403  # fmt: skip


def test_a_replay_is_read_again_and_written_down(
    business: Business, account: WeChatAccount
) -> None:
    row = buried(business, account, ADDED)
    address = reverse("admin:tenants_callback_replay", args=[row.pk])
    assert business.browser("owner").post(address, {"confirmed": "on"}).status_code == 302
    ingest.work(business.pk)

    with business.scope():
        row.refresh_from_db()
        assert (row.problem, row.handled_at is not None) == ("", True)
        assert Follow.objects.get().staff.userid == "li"
        assert AuditEntry.objects.filter(action="callback.replayed").count() == 1
        assert dead_letters.replay([row.pk]) == 0


def test_the_api_lists_and_replays_dead_letters(business: Business, account: WeChatAccount) -> None:
    first, second = buried(business, account), buried(business, account, ADDED)
    owner = business.as_role("owner")

    rows = owner.get("/api/v1/callbacks?state=dead").json()["results"]
    assert [one["id"] for one in rows] == [ids.encode(second.pk), ids.encode(first.pk)]
    assert rows[1]["event"] == "change_contact" and "13800138000" not in rows[1]["body"]
    one = f"/api/v1/callbacks/{ids.encode(first.pk)}/replay"
    assert owner.post(one, {}, format="json").json() == {"replayed": 1}
    assert owner.post(one, {}, format="json").status_code == 409
    assert owner.post("/api/v1/callbacks/replay", {}, format="json").json() == {"replayed": 1}
    assert owner.get("/api/v1/callbacks?state=dead").json()["results"] == []
    assert business.as_role("operator").get("/api/v1/callbacks").status_code == 403


def test_integrators_read_accounts_and_their_health(
    business: Business, account: WeChatAccount
) -> None:
    buried(business, account)
    reader = business.as_role("viewer")

    (listed,) = reader.get("/api/v1/accounts").json()["results"]
    health = reader.get(f"/api/v1/accounts/{listed['id']}/health").json()

    assert (listed["app_id"], listed["problem"]) == (CORP, "")
    assert health["status"] == "silent" and health["callbacks"]["dead"] == 1
    assert health["apis"] == [] and health["breaker_open_until"] is None
    text = str(listed) + str(health)
    assert not any(secret in text for secret in (SECRET, TOKEN, AES_KEY))


# --- rubbish ---


def mutated(dice: random.Random) -> tuple[str, bytes]:
    """A callback with something wrong, or with strange contents in a true envelope."""
    body = _strange(dice, ADDED)
    post = Post(seal(body, CORP if dice.random() < 0.9 else "wwother"))
    query, envelope = dict(post.query), bytearray(post.body)
    kind = dice.randrange(8)
    if kind == 0:
        query.pop(dice.choice(list(query)), None)
    elif kind == 1:
        name = dice.choice(list(query))
        query[name] = "".join(dice.choice("0aZ%\x00é<") for _ in range(dice.randrange(60)))
    elif kind == 2:
        envelope[dice.randrange(len(envelope))] = dice.randrange(256)
    elif kind == 3:
        del envelope[dice.randrange(len(envelope)) :]
    elif kind == 4:
        envelope += bytes(dice.randrange(256) for _ in range(dice.randrange(200)))
    # Kinds 5 to 7: a true envelope, so that the reader gets what is strange.
    return urlencode(query), bytes(envelope)


def _strange(dice: random.Random, body: bytes) -> bytes:
    made = bytearray(body)
    kind = dice.randrange(8)
    if kind == 0:
        made[dice.randrange(len(made))] = dice.randrange(256)
    elif kind == 1:
        at = dice.randrange(len(made))
        made[at : at + dice.randrange(1, 40)] = b""
    elif kind == 2:
        odd = str(dice.randrange(-(10**20), 10**20))
        made = bytearray(body.replace(b"1700000000", odd.encode()))
    elif kind == 3:
        tag = dice.choice([b"UserID", b"ExternalUserID", b"ChangeType", b"Event", b"MsgType"])
        made = bytearray(body.replace(b"<" + tag + b">", b"<Odd>").replace(b"</" + tag, b"</Odd"))
    elif kind == 4:
        made = bytearray(body.replace(b"wmAAA", b"w" * dice.randrange(0, 3000)))
    elif kind == 5:
        made = bytearray(body.replace(b">li<", "><![CDATA[\u0007李\u0000]]><".encode()))
    elif kind == 6:
        made = bytearray(bytes(dice.randrange(256) for _ in range(dice.randrange(300))))
    return bytes(made)


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_mutated_callbacks_leave_no_trace_or_a_dead_letter(
    business: Business, account: WeChatAccount, caplog: pytest.LogCaptureFixture, count: int
) -> None:
    dice = random.Random(20261122)
    client = Client(raise_request_exception=False)
    door = reverse("wechat-callback", args=[account.code])
    answers: Counter[int] = Counter()

    with caplog.at_level(logging.DEBUG):
        for _ in range(count):
            query, envelope = mutated(dice)
            answer = client.post(f"{door}?{query}", envelope, content_type="text/xml")
            answers[answer.status_code] += 1
        for _again in range(len(ingest.RETRIES_S) + 1):
            ingest.work(business.pk)
            with business.scope():
                Callback.objects.filter(handled_at=None).update(retry_at=None)

    assert set(answers) <= {200, 400, 403, 413}, answers
    assert min(answers[200], answers[403]) > count / 20, answers
    with business.scope():
        rows = list(Callback.objects.all())
        assert all(row.handled_at is not None for row in rows)
        dead = [row for row in rows if row.problem]
        assert 0 < len(dead) < len(rows)
        # What was understood is whole: nobody without a friendship, no friendship without an event.
        friends = set(Follow.objects.values_list("contact_id", flat=True))
        assert set(Contact.objects.values_list("id", flat=True)) == friends
        told = Event.objects.filter(kind="follow.opened").values_list("contact_id", flat=True)
        assert set(told) == friends
    assert not any(secret in caplog.text for secret in (SECRET, TOKEN, AES_KEY, "w-e-l-c-o-m-e"))
