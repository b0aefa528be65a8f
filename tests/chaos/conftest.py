"""Chaos tests have a machine of their own; its web server is the door that the sandbox calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chaos import machine as machines
from tests.chaos.crowd import Crowd
from tests.chaos.machine import Machine
from tests.wechat_fixtures import WeChat


@pytest.fixture(scope="session")
def machine(django_db_blocker: Any) -> Iterator[Machine]:
    with django_db_blocker.unblock(), machines.borrowed() as borrowed:
        borrowed.start(borrowed.demo.web())
        machines.until(borrowed.demo.answers_healthy, 30, "the web server")
        yield borrowed


@pytest.fixture(scope="session", autouse=True)
def database(machine: Machine) -> None:
    """That of the machine, instead of a database on the servers around the tests."""


@pytest.fixture(scope="session")
def web_url(machine: Machine) -> str:
    return machine.url


@pytest.fixture
def crowd(machine: Machine, wechat: WeChat) -> Iterator[Crowd]:
    """People who are about to scan, and a worker and a beat that will see to them."""
    machine.servers.announce(wechat_base_url=wechat.sandbox.url)
    found = Crowd(machine, wechat)
    before = len(machine.running)
    try:
        machine.start(found.worker, machine.demo.beat())
        machines.until(found.is_served, 60, "the worker")
        yield found
    finally:
        for child in machine.running[before:]:
            child.end_group()
            machine.running.remove(child)
