"""What does an endpoint of an official account get to know, and what does the router know of it?"""

from collections.abc import Callable
from dataclasses import dataclass, field

from scrm.sandbox.calls import File
from scrm.sandbox.fields import Json
from scrm.sandbox.multipart import Part
from scrm.sandbox.oa.errors import OaError
from scrm.sandbox.oa.state import Fan, OfficialAccount
from scrm.sandbox.world import World


@dataclass(frozen=True)
class OaCall:
    world: World
    account: OfficialAccount
    query: dict[str, str]
    body: Json
    parts: list[Part] = field(default_factory=list)

    def fan(self, openid: str) -> Fan:
        """Somebody whom this account knows, a follower or not."""
        fan = self.account.fans.get(openid)
        if fan is None:
            raise OaError(40003)
        return fan

    def follower(self, openid: str) -> Fan:
        fan = self.fan(openid)
        if not fan.subscribed:
            raise OaError(40003)
        return fan


@dataclass(frozen=True)
class OaEndpoint:
    """`daily` calls a day (0: any number); `bare` answers carry no errcode when all is well;
    `upload` takes multipart/form-data in place of JSON."""

    answer: Callable[[OaCall], Json | File]
    daily: int = 0
    post: bool = True
    bare: bool = False
    upload: bool = False
