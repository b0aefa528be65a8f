"""What do moments, acquisition links and transfers leave behind? Plain data, as in `state`."""

from dataclasses import dataclass, field

from scrm.sandbox.fields import Json


@dataclass
class Transfer:
    """A customer on the way from one member to another."""

    number: int
    handover: str
    takeover: str
    external_userid: str
    resigned: bool
    message: str
    due: float
    status: int = 2  # 1 done, 2 waiting, 3 refused, 4 takeover member full, 5 no record
    takeover_time: int = 0


@dataclass
class Resigned:
    userid: str
    name: str
    at: int


@dataclass
class Remark:
    """A comment or a like under a moment; one of the two ids is empty."""

    userid: str
    external_userid: str
    at: int


@dataclass
class MomentTask:
    """One member's share of a moment; it waits for that member to publish it."""

    userid: str
    chosen: list[str] = field(default_factory=list)
    published: int = 0
    seen_by: list[str] = field(default_factory=list)
    comments: list[Remark] = field(default_factory=list)
    likes: list[Remark] = field(default_factory=list)


@dataclass
class Moment:
    """`creator` is a member's id for a personal moment, empty for the corp's."""

    number: int
    moment_id: str
    creator: str
    created: int
    ready: float
    visible_to_all: bool
    text: str
    attachments: list[Json]
    cancelled: bool = False
    tasks: dict[str, MomentTask] = field(default_factory=dict)


@dataclass
class MomentJob:
    """`moment_id` is empty when nobody could be asked to publish."""

    jobid: str
    created: float
    moment_id: str
    bad_users: list[str]
    bad_departments: list[int]
    bad_tags: list[str]


@dataclass
class Click:
    person: str
    at: int


@dataclass
class LinkCustomer:
    number: int
    external_userid: str
    userid: str
    state: str
    at: int
    messages: int = 0


@dataclass
class ChatKey:
    """Opens the figures behind a message_from_customer event for half an hour."""

    link_id: str
    customer: int
    messages: int
    until: float


@dataclass
class Link:
    number: int
    link_id: str
    agentid: int
    name: str
    created: int
    users: list[str]
    departments: list[int]
    skip_verify: bool
    priority: Json
    available: bool = True
    clicks: list[Click] = field(default_factory=list)
    customers: list[LinkCustomer] = field(default_factory=list)


@dataclass
class QuotaLot:
    """Links used up so and so many of a purchase; the rest ends on a date."""

    number: int
    bought: int
    balance: int
    expires: int
