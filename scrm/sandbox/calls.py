"""What does an endpoint get to know about a call, and what does the router know of an endpoint?"""

from collections.abc import Callable
from dataclasses import dataclass, field

from scrm.sandbox.errors import ApiError
from scrm.sandbox.fields import Json
from scrm.sandbox.multipart import Part
from scrm.sandbox.state import App, Corp, Follow, Staff
from scrm.sandbox.world import World


@dataclass(frozen=True)
class Call:
    world: World
    corp: Corp
    app: App
    query: dict[str, str]
    body: Json
    parts: list[Part] = field(default_factory=list)

    def member(self, userid: str, *, missing: int = 60111) -> Staff:
        """A member whom this app may see."""
        staff = self.corp.staff.get(userid)
        if staff is None:
            raise ApiError(missing)
        if not self.app.sees(userid):
            raise ApiError(50002)
        return staff

    def relation(self, userid: str, external_userid: str) -> Follow:
        self.member(userid)
        if external_userid not in self.corp.externals:
            raise ApiError(40096)
        follow = self.corp.follow(userid, external_userid)
        if follow is None:
            raise ApiError(84061)
        return follow


@dataclass(frozen=True)
class File:
    """An answer that is a file in place of JSON."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Endpoint:
    """`empty` names the list fields that error answers still carry; `contact` marks calls that
    need the customer-contact permission; `locked` is off for the few that take time; `upload`
    marks those that take multipart/form-data in place of JSON."""

    answer: Callable[[Call], Json | File]
    empty: tuple[str, ...] = ()
    contact: bool = True
    locked: bool = True
    at_once: int = 50
    upload: bool = False
