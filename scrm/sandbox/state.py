"""What exists in the simulated WeCom? Plain data only, so that it can be reset and saved."""

from dataclasses import dataclass, field

from scrm.sandbox.dice import Dice
from scrm.sandbox.fields import Json
from scrm.sandbox.oa.state import OfficialAccount
from scrm.sandbox.state_groups import Group, GroupTemplate, JoinWay, OwnerDay, StaffDay
from scrm.sandbox.state_media import Media, Picture
from scrm.sandbox.state_outreach import (
    ChatKey,
    Link,
    Moment,
    MomentJob,
    QuotaLot,
    Resigned,
    Transfer,
)


@dataclass
class Message:
    """Something a person or a member of staff received."""

    id: str
    # welcome | mass | chat | app | transfer | moment; of an account: custom | template | subscribe
    # | reply
    kind: str
    corpid: str
    userid: str
    external_userid: str
    at: int
    text: str
    attachments: list[Json] = field(default_factory=list)
    agentid: int = 0  # the app that told a member
    chat_id: str = ""  # in a group; kind is then group | group_mass | group_welcome


@dataclass
class Person:
    """Somebody with a WeChat account. Each corp knows the same person by another id."""

    id: str
    name: str
    gender: int
    unionid: str
    mobile: str
    externals: dict[str, str] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)


@dataclass
class Staff:
    userid: str
    name: str
    departments: list[int]
    mobile: str = ""
    position: str = ""
    active: bool = True
    customer_contact: bool = True
    admin_welcome: bool = False
    dormant: bool = False
    verified: bool = True  # gave a real name
    messages: list[Message] = field(default_factory=list)


@dataclass
class Department:
    id: int
    name: str
    parentid: int


@dataclass
class App:
    agentid: int
    name: str
    secret: str
    customer_contact: bool = True
    visible: list[str] | None = None
    ip_list: list[str] = field(default_factory=list)
    token: str = ""
    aes_key: str = ""
    callback_url: str = ""
    suite_id: str = ""  # callbacks come in the suite form when it is set
    receive_id: str = ""  # in place of the corpid, or of the suite id

    def receiver(self, corpid: str) -> str:
        """The id at the end of an encrypted callback."""
        return self.receive_id or self.suite_id or corpid

    def sees(self, userid: str) -> bool:
        return self.visible is None or userid in self.visible


@dataclass
class Follow:
    """A member of staff and a customer who added each other."""

    number: int
    userid: str
    external_userid: str
    person: str
    createtime: int
    state: str = ""
    add_way: int = 1
    half: bool = False
    fresh_until: float = 0.0
    chatting: bool = False
    welcomed: bool = False  # a welcome was sent, or is on its way
    last_spoken: float = 0.0
    remark: str = ""
    description: str = ""
    remark_company: str = ""
    remark_mobiles: list[str] = field(default_factory=list)
    tag_ids: list[str] = field(default_factory=list)
    personal_tags: list[str] = field(default_factory=list)
    link_id: str = ""  # the acquisition link that the customer came by


@dataclass
class Unassigned:
    """A customer whom a member left behind on resigning."""

    number: int
    handover: str
    follow: Follow
    dimission_time: int
    shown_from: float


@dataclass
class ContactWay:
    number: int
    config_id: str
    corpid: str
    created: int
    fields: Json
    users: list[str]
    parties: list[int]
    state: str
    skip_verify: bool


@dataclass
class Tag:
    id: str
    name: str
    order: int
    created: int
    deleted: bool = False
    maker: int = 0  # the app's agentid; -1 the admin


@dataclass
class TagGroup:
    id: str
    name: str
    order: int
    created: int
    deleted: bool = False
    tags: dict[str, Tag] = field(default_factory=dict)


@dataclass
class WelcomeCode:
    code: str
    userid: str
    external_userid: str
    agentids: list[int]
    status: str = "fresh"  # fresh | sending | used
    started: float | None = None
    tries: int = 0


@dataclass
class MassRow:
    """For one customer, or with a `chat_id` for one group."""

    external_userid: str
    status: int = 0  # 0 unsent, 1 sent, 2 not a friend, 3 had another mass message
    send_time: int = 0
    chat_id: str = ""


@dataclass
class MassTask:
    """One member's share of a mass send; it waits for that member to confirm."""

    userid: str
    status: int = 0  # 0 unsent, 2 sent
    send_time: int = 0
    shown_from: float = 0.0
    rows: list[MassRow] = field(default_factory=list)


@dataclass
class MassSend:
    number: int
    msgid: str
    agentid: int
    created: int
    text: str
    attachments: list[Json]
    allow_select: bool
    chat_type: str = "single"  # single | group
    cancelled: bool = False
    reminders: list[int] = field(default_factory=list)
    tasks: dict[str, MassTask] = field(default_factory=dict)
    creator: str = ""  # who made it at WeCom itself; nobody of those that an app made
    personal: bool = False  # a member's own


@dataclass
class AppSend:
    """A message/send that asked for the duplicate check."""

    msgid: str
    until: float


@dataclass
class Corp:
    corpid: str
    name: str
    bound: bool = True
    apps: dict[str, App] = field(default_factory=dict)
    staff: dict[str, Staff] = field(default_factory=dict)
    departments: dict[str, Department] = field(default_factory=dict)
    externals: dict[str, str] = field(default_factory=dict)
    follows: dict[str, dict[str, Follow]] = field(default_factory=dict)
    requests: dict[str, dict[str, Follow]] = field(default_factory=dict)  # not accepted yet
    tag_groups: dict[str, TagGroup] = field(default_factory=dict)
    mass_sends: dict[str, MassSend] = field(default_factory=dict)
    welcome_codes: dict[str, WelcomeCode] = field(default_factory=dict)
    app_sends: dict[str, AppSend] = field(default_factory=dict)
    resigned: dict[str, Resigned] = field(default_factory=dict)
    # By the member who resigned, then by customer; transfers by customer.
    unassigned: dict[str, dict[str, Unassigned]] = field(default_factory=dict)
    transfers: dict[str, list[Transfer]] = field(default_factory=dict)
    moments: dict[str, Moment] = field(default_factory=dict)
    moment_jobs: dict[str, MomentJob] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    quota_lots: list[QuotaLot] = field(default_factory=list)
    quota_granted: bool = False
    chat_keys: dict[str, ChatKey] = field(default_factory=dict)
    archive_told: float = 0.0
    media: dict[str, Media] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    group_templates: dict[str, GroupTemplate] = field(default_factory=dict)
    handed_on: dict[str, OwnerDay] = field(default_factory=dict)  # by the former owner
    staff_days: dict[str, dict[str, StaffDay]] = field(default_factory=dict)  # by day's midnight

    def follow(self, userid: str, external_userid: str) -> Follow | None:
        return self.follows.get(external_userid, {}).get(userid)

    def customers_of(self, userid: str) -> list[Follow]:
        pairs = (known[userid] for known in self.follows.values() if userid in known)
        return sorted(pairs, key=lambda follow: follow.number)

    def app(self, agentid: int) -> App | None:
        return self.apps.get(str(agentid))


@dataclass
class State:
    dice: Dice
    corps: dict[str, Corp] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    contact_ways: dict[str, ContactWay] = field(default_factory=dict)
    join_ways: dict[str, JoinWay] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)
    accounts: dict[str, OfficialAccount] = field(default_factory=dict)

    def ways_of(self, corpid: str) -> int:
        """Contact ways and join ways count against one limit."""
        owners = [way.corpid for way in self.contact_ways.values()]
        owners += [way.corpid for way in self.join_ways.values()]
        return owners.count(corpid)
