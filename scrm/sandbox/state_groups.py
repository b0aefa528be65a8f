"""What exists around customer groups? Plain data, as in `state.py`."""

from dataclasses import dataclass, field

from scrm.sandbox.fields import Json


@dataclass
class GroupMember:
    id: str  # a userid, or an external_userid
    type: int  # 1 staff, 2 customer
    joined: int
    scene: int  # 1 invited, 2 by an invitation's link, 3 by a QR code
    invitor: str = ""
    nickname: str = ""
    state: str = ""


@dataclass
class GroupAct:
    """What the statistics count."""

    at: int
    kind: str  # owner | join | leave | speak | dismiss
    who: str


@dataclass
class Group:
    number: int
    chat_id: str
    name: str
    owner: str
    created: int
    version: str  # another one after each change of members
    notice: str = ""
    admins: list[str] = field(default_factory=list)
    members: dict[str, GroupMember] = field(default_factory=dict)
    # What reads still show for a while after a change.
    old_members: dict[str, GroupMember] = field(default_factory=dict)
    old_version: str = ""
    stale_until: float = 0.0
    log: list[GroupAct] = field(default_factory=list)
    dismissed: bool = False
    heir: str = ""  # who will own it when the transfer is through
    inherits_at: float = 0.0
    inherited: bool = False
    onjob_transfers: list[int] = field(default_factory=list)
    mass_sends: list[int] = field(default_factory=list)
    template_id: str = ""


@dataclass
class JoinWay:
    """A QR code that leads into the first of its groups that has room."""

    number: int
    config_id: str
    corpid: str
    created: int
    scene: int
    remark: str
    state: str
    chat_ids: list[str]
    auto_create_room: bool
    room_base_name: str
    room_base_id: int
    mark_source: bool
    rooms: list[str] = field(default_factory=list)  # made when the others were full


@dataclass
class GroupTemplate:
    """A welcome for those who join a group; its owner puts it to use."""

    template_id: str
    agentid: int
    created: int
    content: Json


@dataclass
class OwnerDay:
    """How many of one owner's groups were handed on in one day."""

    day: int
    groups: int


@dataclass
class StaffDay:
    """What a member and the customers did on one day, for the statistics of contact."""

    sent: int = 0
    spoken_to: list[str] = field(default_factory=list)
    opened: dict[str, float] = field(default_factory=dict)  # customers who spoke first: when
    replied: dict[str, float] = field(default_factory=dict)  # and after how many seconds
    applied: int = 0
    added: int = 0
    deleted_by: int = 0
