"""A business, a server that it tells, and the worker that tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tenants.webhooks import delivering, emitting
from tests.conftest import Business
from tests.tenants.webhooks.receiver import Answer, Receiver

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _nobody_asked_yet() -> None:
    emitting._wanted.clear()


@pytest.fixture
def receivers() -> Iterator[Callable[..., Receiver]]:
    """Servers that are closed after the test."""
    made: list[Receiver] = []

    def make(*answers: Answer | int, **more: Any) -> Receiver:
        made.append(Receiver(*answers, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def receiver(receivers: Callable[..., Receiver]) -> Receiver:
    return receivers()


@pytest.fixture
def ask(business: Business) -> Ask:
    """Ask to be told, by the API; answers the new webhook with its secret."""

    def make(url: str, *types: str, **more: Any) -> dict[str, Any]:
        body = {"url": url, "types": types or ["contact.created"], **more}
        answer = business.api().post("/api/v1/webhooks", body)
        assert answer.status_code == 201, answer.content
        found: dict[str, Any] = answer.json()
        return found

    return make


@pytest.fixture
def tell(business: Business) -> Callable[..., str]:
    """A new contact, by the API. Answers its id."""

    def make(external_id: str = "c-1", **more: Any) -> str:
        answer = business.api().post("/api/v1/contacts", {"external_id": external_id, **more})
        assert answer.status_code == 201, answer.content
        return str(answer.json()["id"])

    return make


@pytest.fixture
def work(business: Business) -> Callable[[], None]:
    return lambda: delivering.work(business.pk)


def deliveries(business: Business, webhook: dict[str, Any], **query: str) -> list[dict[str, Any]]:
    """As the API tells of them, the oldest first."""
    answer = business.api().get(f"/api/v1/webhooks/{webhook['id']}/deliveries", query)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found[::-1]


def webhook_now(business: Business, webhook: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = business.api().get(f"/api/v1/webhooks/{webhook['id']}").json()
    return found
