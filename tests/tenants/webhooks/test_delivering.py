"""Messages arrive, signed, once or again under the same id; nobody waits for a slow receiver."""

from __future__ import annotations

import datetime as dt
import json
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from standardwebhooks import Webhook, WebhookVerificationError

from tenants import tasks
from tenants.models import AuditEntry, DueTenant, WebhookDelivery
from tenants.webhooks import calling, delivering, signing
from tests.conftest import Business
from tests.tenants.webhooks.conftest import Ask, deliveries, webhook_now
from tests.tenants.webhooks.receiver import Answer, Message, Receiver

Make = Callable[..., Receiver]
Tell = Callable[..., str]
Work = Callable[[], None]


def verify(message: Message, secret: str) -> dict[str, Any]:
    found: dict[str, Any] = Webhook(secret).verify(message.body, message.headers)
    return found


def test_the_published_vector() -> None:
    """Of the specification's own libraries."""
    at = datetime.fromtimestamp(1614265330, UTC)
    found = signing.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", at, '{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )  # fmt: skip
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_happened_arrives_thin_and_signed(
    business: Business, receiver: Receiver, ask: Ask, tell: Tell, work: Work
) -> None:
    webhook = ask(receiver.url)
    contact = tell("c-1", name="Zhang Xinyi", phone="13912345678")
    work()

    (message,) = receiver.messages
    told = verify(message, webhook["secret"])
    assert told["type"] == "contact.created"
    assert told["data"] == {"contact": contact}
    assert datetime.fromisoformat(told["timestamp"]) > datetime.now(UTC) - timedelta(minutes=1)
    assert message.headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.new_secret()).verify(message.body, message.headers)

    (row,) = deliveries(business, webhook)
    assert (row["state"], row["attempts"], row["last_status"]) == ("delivered", 1, 204)
    assert row["event_id"] == message.id
    work()
    assert len(receiver.messages) == 1


def test_the_schedule_of_tries_to_the_last(
    business: Business, receiver: Receiver, ask: Ask, tell: Tell, work: Work
) -> None:
    """On a virtual clock: each wait as planned, at most a tenth longer; then it is switched off."""
    receiver.say(500)
    webhook = ask(receiver.url)
    tell()
    waited = []
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        for attempt in range(1, 11):
            work()
            (row,) = deliveries(business, webhook)
            assert (row["attempts"], len(receiver.messages)) == (attempt, attempt)
            if row["next_at"] is None:
                break
            next_at, last_at = map(datetime.fromisoformat, (row["next_at"], row["last_at"]))
            waited.append((next_at - last_at).total_seconds())
            clock.move_to(next_at - timedelta(seconds=1))
            work()  # not a moment earlier
            assert len(receiver.messages) == attempt
            clock.move_to(next_at + timedelta(milliseconds=1))

        assert row["state"] == "failed"
        assert len(set(receiver.ids)) == 1
        planned = delivering.DELAYS_S
        assert all(a <= b <= a * 1.1 for a, b in zip(planned, waited, strict=True))
        now = webhook_now(business, webhook)
        assert (now["enabled"], now["stopped_because"]) == (False, "failing")
    page = business.browser("owner").get("/admin/").content.decode()
    assert "Webhooks stopped or failing" in page
    with business.scope():
        assert AuditEntry.objects.filter(action="webhook.stopped_by_itself").count() == 1


def test_it_comes_right_after_a_failure_and_both_signatures_hold(
    business: Business, receiver: Receiver, ask: Ask, tell: Tell, work: Work
) -> None:
    """500 first; the secret is renewed before the second try; a day later the old one is void."""
    receiver.say(500, 204)
    webhook = ask(receiver.url)
    tell()
    work()
    assert webhook_now(business, webhook)["failing_since"]

    new = business.api().post(f"/api/v1/webhooks/{webhook['id']}/rotate", {}).json()["secret"]
    assert new != webhook["secret"]
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=6)):
        work()
        first, second = receiver.messages
        assert first.id == second.id
        assert first.body == second.body
        assert verify(second, webhook["secret"]) == verify(second, new)
        assert webhook_now(business, webhook)["failing_since"] is None

    tell("c-2")
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=25)):
        work()
        verify(receiver.messages[-1], new)
        with pytest.raises(WebhookVerificationError):
            verify(receiver.messages[-1], webhook["secret"])


def test_a_gone_receiver_is_switched_off_and_comes_back(
    business: Business, receiver: Receiver, ask: Ask, tell: Tell, work: Work
) -> None:
    receiver.say(410, 204)
    webhook = ask(receiver.url)
    tell()
    work()
    assert webhook_now(business, webhook)["stopped_because"] == "gone"
    tell("while it is off")
    work()
    assert len(receiver.messages) == 1

    at = f"/api/v1/webhooks/{webhook['id']}"
    assert business.api().post(f"{at}/test", {}).status_code == 409
    again = business.api().patch(at, {"enabled": True}).json()
    assert (again["stopped_because"], again["stopped_at"]) == ("", None)
    answer = business.api().post(f"{at}/replay", {"since": "2026-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()) == (202, {"queued": 1})
    work()
    assert receiver.ids[0] == receiver.ids[1]
    assert [row["state"] for row in deliveries(business, webhook)] == ["delivered"]


def test_redirects_are_not_followed(
    business: Business, receivers: Make, ask: Ask, tell: Tell, work: Work
) -> None:
    target = receivers()
    source = receivers(Answer(301, {"Location": target.url}))
    webhook = ask(source.url)
    tell()
    work()
    (row,) = deliveries(business, webhook)
    assert (row["state"], row["problem"], row["last_status"]) == ("waiting", "redirect", 301)
    assert target.messages == []


def test_retry_after_is_honoured(
    business: Business, receiver: Receiver, ask: Ask, tell: Tell, work: Work
) -> None:
    receiver.say(Answer(429, {"Retry-After": "900"}))
    webhook = ask(receiver.url)
    tell()
    work()
    (row,) = deliveries(business, webhook)
    next_at, last_at = map(datetime.fromisoformat, (row["next_at"], row["last_at"]))
    assert next_at - last_at == timedelta(seconds=900)


def test_a_wrong_certificate_is_refused(
    business: Business, receivers: Make, ask: Ask, tell: Tell, work: Work, tmp_path: Any
) -> None:
    server = receivers(context=_self_signed(tmp_path))
    webhook = ask(server.url)
    tell()
    work()
    assert deliveries(business, webhook)[0]["problem"] == "tls"
    assert server.messages == []


def _self_signed(folder: Any) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def test_a_slow_receiver_holds_up_nobody(
    business: Business, receivers: Make, ask: Ask, tell: Tell, work: Work, monkeypatch: Any
) -> None:
    """Ten messages for a server that never answers and for one that does."""
    monkeypatch.setattr(calling, "DEADLINE_S", 1.0)
    slow, quick = receivers(Answer(after=3)), receivers()
    webhook, _other = ask(slow.url), ask(quick.url)
    for number in range(10):
        tell(f"c-{number}")
    begun = time.monotonic()
    work()

    assert len(quick.messages) == 10
    assert max(message.at for message in quick.messages) - begun < 1.0
    assert time.monotonic() - begun < 3.0
    # Three lanes, and no more before it has rested.
    assert len(slow.messages) == delivering.LANES
    rows = deliveries(business, webhook)
    assert [row["problem"] for row in rows[:3]] == ["timeout"] * 3
    assert {row["attempts"] for row in rows[3:]} == {0}


def test_a_byte_at_a_time_is_cut_off(monkeypatch: Any) -> None:
    """Each byte comes in time, the answer never: one deadline holds for all of it."""
    monkeypatch.setattr(calling, "DEADLINE_S", 0.6)
    listening = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        sock, _address = listening.accept()
        try:
            for _ in range(100):
                sock.sendall(b"H")
                time.sleep(0.1)
        except OSError:
            sock.close()

    thread = Thread(target=drip)
    thread.start()
    begun = time.monotonic()
    outcome = calling.post(f"http://127.0.0.1:{listening.getsockname()[1]}/", "{}", {})
    assert outcome.problem == "timeout"
    assert time.monotonic() - begun < 1.5
    thread.join()
    listening.close()


def test_a_worker_that_dies_after_the_call_loses_nothing(
    business: Business, receiver: Receiver, ask: Ask, tell: Tell, work: Work
) -> None:
    """Claimed and called, never settled: when the lease is over it goes out under the same id."""
    webhook = ask(receiver.url)
    tell()
    with business.scope():
        (job,) = delivering.claim()
    calling.post(job.url, job.body, job.headers)
    work()
    assert len(receiver.messages) == 1

    with time_machine.travel(datetime.now(UTC) + delivering.LEASE + timedelta(seconds=1)):
        with business.scope():
            assert delivering.next_due() is not None
        work()
        assert len(set(receiver.ids)) == 1
        assert len(receiver.ids) == 2
        # Who wakes up after all changes nothing.
        with business.scope():
            delivering.settle(job, calling.Outcome("connection"))
        (row,) = deliveries(business, webhook)
        assert (row["state"], row["attempts"]) == ("delivered", 2)


def test_two_workers_send_nothing_twice(
    business: Business, receiver: Receiver, ask: Ask, tell: Tell, work: Work
) -> None:
    """A second worker comes whenever the receiver has a message in hand."""
    ask(receiver.url)
    for number in range(8):
        tell(f"c-{number}")
    jobs: list[delivering.Job] = []
    with business.scope():
        jobs += delivering.claim()
    with business.scope():
        jobs += delivering.claim()
    assert len(jobs) == delivering.LANES  # the lanes of an endpoint, whoever uses them
    for job in jobs:
        outcome = calling.post(job.url, job.body, job.headers)
        with business.scope():
            delivering.settle(job, outcome)
    work()
    assert len(receiver.ids) == len(set(receiver.ids)) == 8


def test_the_board_knows_when_work_is_due(
    business: Business, receiver: Receiver, ask: Ask, tell: Tell, work: Work
) -> None:
    receiver.say(500)
    ask(receiver.url)
    due = DueTenant.objects.filter(tenant=business.tenant, queue="webhooks")
    tell()
    assert due.get().next_due_at <= datetime.now(UTC)
    tasks.webhooks(business.pk)
    wait = due.get().next_due_at - datetime.now(UTC)
    assert timedelta(seconds=3) < wait < timedelta(seconds=6)


def test_old_deliveries_go(
    business: Business, receiver: Receiver, ask: Ask, tell: Tell, work: Work
) -> None:
    webhook = ask(receiver.url)
    tell()
    work()
    with time_machine.travel(datetime.now(UTC) + timedelta(days=29)):
        tasks.tidy()
        assert len(deliveries(business, webhook)) == 1
    with time_machine.travel(datetime.now(UTC) + timedelta(days=31)):
        tasks.tidy()
    with business.scope():
        assert not WebhookDelivery.objects.exists()


def test_a_test_arrives_whatever_was_asked_for(
    business: Business, receiver: Receiver, ask: Ask, work: Work
) -> None:
    webhook = ask(receiver.url, "order.paid")
    answer = business.api().post(f"/api/v1/webhooks/{webhook['id']}/test", {})
    assert answer.status_code == 202
    work()
    (message,) = receiver.messages
    assert message.id == answer.json()["event_id"]
    assert json.loads(message.body)["type"] == "webhook.test"
    assert verify(message, webhook["secret"])["data"] == {"webhook": webhook["id"]}
