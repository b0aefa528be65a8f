"""Who are we towards WeChat, and at which addresses does it answer?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

Kind = Literal["wecom", "oa"]

HOSTS = ("qyapi.weixin.qq.com", "api.weixin.qq.com", "mp.weixin.qq.com")
# Where people's browsers are sent; no token ever goes there.
PAGE_HOSTS = (
    "open.weixin.qq.com",
    "login.work.weixin.qq.com",
    "res.wx.qq.com",
    "open.work.weixin.qq.com",
)


@dataclass(frozen=True, slots=True)
class Credentials:
    kind: Kind
    app_id: str  # corpid of a WeCom corp, appid of an official account
    secret: str = field(repr=False)
    agent_id: str | None
    tenant_id: int
    account_id: int

    @property
    def redis_prefix(self) -> str:
        return f"scrm:t{self.tenant_id}:wechat:{self.account_id}"


@dataclass(frozen=True, slots=True)
class BaseUrls:
    """Maps hosts of WeChat to configured bases; any other host is refused."""

    bases: Mapping[str, str]
    mapped: bool

    @classmethod
    def of(cls, base_url: str = "", hosts: tuple[str, ...] = HOSTS) -> "BaseUrls":
        """All hosts at `base_url` (a simulator, a gateway), or the real ones when it is empty."""
        base = base_url.rstrip("/")
        bases = {host: base or f"https://{host}" for host in hosts}
        return cls(MappingProxyType(bases), mapped=bool(base))

    def locate(self, url: str) -> str:
        parts = urlsplit(url)
        base = self.bases.get(parts.hostname or "")
        if base is None:
            # The access token goes into every query: it must never reach a stranger.
            raise ValueError("not a WeChat host")
        query = f"?{parts.query}" if parts.query else ""
        return f"{base}{parts.path}{query}"
