"""No webhook leads into our own network: ~60 hosts, names that resolve there, names that flip."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from tenants.webhooks import addresses, calling
from tests.conftest import Business
from tests.tenants.webhooks.receiver import Receiver

# As they are written into an address, and as a resolver would answer a name.
_WRITTEN = """
127.0.0.1 127.1 127.0.1 127.255.255.254 2130706433 0x7f000001 0x7f.1 0177.0.0.1 017700000001
127.0.0.1. 0 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 167772161 0xa.0.0.1 172.16.0.1 172.31.255.255
192.168.0.1 192.168.255.255 3232235521 169.254.169.254 169.254.1.1 2852039166 100.64.0.1
100.100.100.200 100.127.255.255 192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255
198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
[::] [::1] [::127.0.0.1] [::ffff:127.0.0.1] [::ffff:10.0.0.1] [::ffff:a9fe:a9fe] [::ffff:0:7f00:1]
[64:ff9b::127.0.0.1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::a00:1] [100::1] [2001::1] [2001:db8::1]
[2001:0:7f00:1::] [2002:7f00:1::] [2002:a9fe:a9fe::1] [3fff::1] [5f00::1] [fc00::1]
[fd00:ec2::254] [fe80::1] [fe80::1%25lo] [fec0::1] [ff02::1] [ff0e::1]
localhost LOCALHOST localhost. db.localhost printer.local metadata.google.internal router.home.arpa
"""
WRITTEN = _WRITTEN.split()
OTHERWISE = [
    "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/",
    "javascript:alert(1)", "example.com/hooks", "https://", "https:///hooks", "//example.com/",
    "https://user@example.com/", "https://user:pass@example.com/", "https://@example.com/",
    "https://example.com@127.0.0.1/", "https://127.0.0.1\\@example.com/", "https://example.com:0/",
    "https://example.com:99999/", "https://example.com/#part", "https://exa mple.com/",
    "https://example.com/\r\nX-Evil: 1", "https://[::1", "",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "8.8.8.8", "100.63.255.255", "172.32.0.1", "[2606:4700:4700::1111]"]


@pytest.fixture
def strict(settings: Any) -> None:
    settings.WEBHOOKS_TO_LOOPBACK = False


@pytest.fixture
def canary(receivers: Callable[..., Receiver]) -> Receiver:
    """On every address of this machine."""
    return receivers()


def test_private_addresses_are_refused_when_typed(business: Business, strict: None) -> None:
    api = business.api()
    assert len(WRITTEN) >= 60
    wrong = [f"https://{host}/hooks" for host in WRITTEN] + OTHERWISE
    taken = [
        url
        for url in wrong
        if api.post("/api/v1/webhooks", {"url": url, "types": ["order.paid"]}).status_code != 400
    ]
    assert taken == []
    for host in PUBLIC:
        assert addresses.check(f"https://{host}:8443/hooks")


def test_no_call_reaches_the_canary(strict: None, canary: Receiver, monkeypatch: Any) -> None:
    """Also where the look at the typed address is passed over: the connection is looked at."""
    monkeypatch.setattr(addresses, "check", lambda url: url)
    port = canary.url.split(":")[2].split("/")[0]
    for host in WRITTEN:
        outcome = calling.post(f"http://{host}:{port}/hooks", "{}", {})
        assert outcome.problem in {"forbidden", "name"}, host
    assert canary.messages == []


HOST = "hooks.example.com"


class Names:
    """A resolver that says of HOST what it is told to, and whom connections then go to."""

    def __init__(self, monkeypatch: Any) -> None:
        self.answers: list[str] = []
        self.connected: list[str] = []
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)
        monkeypatch.setattr("urllib3.util.connection.create_connection", self._connect)

    def _resolve(self, host: str, *args: Any, **kwargs: Any) -> Any:
        if host != HOST:
            return self._real(host, *args, **kwargs)
        if kwargs.get("flags"):
            raise socket.gaierror  # a look at numbers only
        address = self.answers.pop(0)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, 443))]

    def _connect(self, address: Any, *_args: Any, **_kwargs: Any) -> socket.socket:
        self.connected.append(address[0])
        raise ConnectionRefusedError


@pytest.fixture
def names(monkeypatch: Any) -> Names:
    return Names(monkeypatch)


def test_names_are_looked_at_when_they_are_resolved(strict: None, names: Names) -> None:
    numbers = [host.strip("[]") for host in WRITTEN if _is_plain(host.strip("[]"))]
    assert len(numbers) > 45
    for address in numbers:
        names.answers = [address]
        assert calling.post(f"https://{HOST}/hooks", "{}", {}).problem == "forbidden", address
    assert names.connected == []


def test_a_resolver_that_flips_is_asked_once(strict: None, names: Names) -> None:
    """The connection goes to the address that was looked at."""
    names.answers = ["93.184.216.34", "127.0.0.1"]
    assert calling.post(f"https://{HOST}/hooks", "{}", {}).problem == "connection"
    assert names.connected == ["93.184.216.34"]
    assert names.answers == ["127.0.0.1"]


def _is_plain(host: str) -> bool:
    """In the form in which a resolver answers."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False


def test_a_proxy_of_the_environment_is_passed_by(
    receivers: Callable[..., Receiver], monkeypatch: Any
) -> None:
    proxy, target = receivers(), receivers()
    monkeypatch.setenv("http_proxy", proxy.url)
    assert calling.post(target.url, "{}", {}).problem == ""
    assert (len(proxy.messages), len(target.messages)) == (0, 1)
    assert target.messages[0].headers["host"] == target.url.split("/")[2]


def test_loopback_is_for_trials_only(settings: Any) -> None:
    """And opens nothing else."""
    assert addresses.check("http://127.0.0.1:9000/hooks")
    for host in ("10.0.0.1", "169.254.169.254", "192.168.1.1", "[fd00::1]"):
        with pytest.raises(ValidationError):
            addresses.check(f"http://{host}/hooks")
    settings.WEBHOOKS_TO_LOOPBACK = False
    with pytest.raises(ValidationError):
        addresses.check("http://127.0.0.1:9000/hooks")
