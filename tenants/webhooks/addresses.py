"""May we call this address? Public ones only: an endpoint must not lead into our own network.

`check` looks at what somebody types, `is_public` at the address that a call is about to connect to,
whatever name led there and however it was written.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# What Python calls global, and still leads elsewhere than it says: IPv4 inside IPv6 (NAT64, 6to4,
# the old compatible and translated forms, Teredo), relays, multicast, the old site-local range.
_LEADS_ELSEWHERE: Final = [
    ipaddress.ip_network(text)
    for text in (
        "192.88.99.0/24", "224.0.0.0/3", "::/3", "2001::/23", "2002::/16", "3fff::/20", "5f00::/16",
        "fec0::/10", "ff00::/8",
    )
]  # fmt: skip
_LOCAL_NAMES: Final = ("localhost", ".localhost", ".local", ".internal", ".home.arpa")


def is_public(text: str) -> bool:
    """Of an IP address in its usual form, as the resolver answers it."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback and settings.WEBHOOKS_TO_LOOPBACK:
        return True
    return address.is_global and not any(
        address in net for net in _LEADS_ELSEWHERE if net.version == address.version
    )


def check(url: str) -> str:
    """The address as it is stored. Raises ValidationError with what is wrong about it."""
    url = url.strip()
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ValidationError(_("Spaces are not allowed in an address."))
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValidationError(_("Write an address such as https://example.com/hooks.")) from None
    schemes = {"https", "http"} if settings.WEBHOOKS_TO_LOOPBACK else {"https"}
    # Other readers may see another host where there is one of these.
    odd = bool(set("%\\") & set(parts.netloc))
    if parts.scheme not in schemes or not host or port == 0 or parts.fragment or odd:
        raise ValidationError(_("Write an address such as https://example.com/hooks."))
    if "@" in parts.netloc:
        raise ValidationError(_("An address must not hold a user name or a password."))
    if _is_local(host):
        raise ValidationError(_("The address must be a public one."))
    return url


def _is_local(host: str) -> bool:
    """What can be known without asking a resolver; the rest is seen when a call is made."""
    host = host.rstrip(".").lower()
    try:
        # Numbers in any form that the system reads: 127.1, 0x7f000001, 2130706433, 0177.0.0.1.
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        local = any(host == name.lstrip(".") or host.endswith(name) for name in _LOCAL_NAMES)
        return local and not settings.WEBHOOKS_TO_LOOPBACK
    return not all(is_public(str(address[0])) for *_kind, address in found)
