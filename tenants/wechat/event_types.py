"""The kinds of callbacks that we understand, as values. What they mean is decided elsewhere."""

from dataclasses import dataclass
from typing import Literal

Value = str | int | list["Value"] | dict[str, "Value"]
Fields = dict[str, Value]
Kind = Literal["event", "message", "suite_event"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`fields` holds every element; `created` is Unix seconds; `dedupe` tells two events apart."""

    route: str
    kind: Kind
    fields: Fields
    sender: str | None
    created: int | None
    scene: str | None
    dedupe: str


# --- WeCom: customers ---


@dataclass(frozen=True, slots=True, kw_only=True)
class _ExternalContact(Event):
    user_id: str
    external_user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactAdded(_ExternalContact):
    state: str
    welcome_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfAdded(_ExternalContact):
    """The customer added without approval; the member has not confirmed yet."""

    state: str
    welcome_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactEdited(_ExternalContact):
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRemovedContact(_ExternalContact):
    """`by_transfer`: the relation moved to a colleague; nobody was lost."""

    source: str

    @property
    def by_transfer(self) -> bool:
        return self.source == "DELETE_BY_TRANSFER"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRemovedStaff(_ExternalContact):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFailed(_ExternalContact):
    """`user_id` is the member who was to take over."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveAgreed(_ExternalContact):
    welcome_code: str


# --- WeCom: groups, tags, staff, acquisition links ---


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChanged(Event):
    """A customer group. `change` is create, update or dismiss; `detail` what an update changed.

    `members` is None where the platform left the list out; the versions are those of the list of
    members before and after. The scenes are None where they are not told.
    """

    change: str
    chat_id: str
    detail: str
    join_scene: int | None
    quit_scene: int | None
    members: tuple[str, ...] | None
    last_version: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TagChanged(Event):
    """`change` is create, update, delete or shuffle; `tag_type` is tag or tag_group."""

    change: str
    object_id: str
    tag_type: str
    strategy_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffChanged(Event):
    """`change` is create, update or delete; `new_user_id` is set when the userid was changed."""

    change: str
    user_id: str
    new_user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartmentChanged(Event):
    """`change` is create, update or delete."""

    change: str
    department_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquisitionChanged(Event):
    """An acquisition link or its quota; `change` is the platform's word for it."""

    change: str
    link_id: str
    state: str
    user_id: str
    external_user_id: str


# --- WeCom: the app itself ---


@dataclass(frozen=True, slots=True, kw_only=True)
class AppUsed(Event):
    """A member opened the app, chose in its menu, or answered one of its cards."""

    name: str
    user_id: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveReady(Event):
    """New messages wait in the archive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMessage(Event):
    """Something waits in customer service (kf): pull it with the token."""

    token: str
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDone(Event):
    """A batch job of the address book ended."""

    job_id: str
    job_type: str
    errcode: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteChanged(Event):
    """To a provider: suite_ticket, create_auth, change_auth, cancel_auth, register_corp."""

    change: str
    suite_id: str
    corp_id: str
    auth_code: str
    ticket: str


# --- official account ---


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fan(Event):
    openid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FanFollowed(_Fan):
    """`scene` (of the base) says which QR code it was, if any."""

    ticket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FanScanned(_Fan):
    """Somebody who follows already scanned a code with a scene."""

    ticket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FanLeft(_Fan):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class FanSpoke(_Fan):
    """A message; `text` is empty unless it is one of text."""

    message_type: str
    message_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuClicked(_Fan):
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuLinkOpened(_Fan):
    """A menu entry that opens a page or a mini-program."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FanLocated(_Fan):
    latitude: str
    longitude: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFinished(_Fan):
    """What became of a template message: success, failed:user block, failed:system failed."""

    message_id: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MassFinished(_Fan):
    message_id: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeMessageChanged(_Fan):
    """Answers to, or results of, subscribe messages: one (template, value, msgid) each.

    `change` is popup (value accept or reject), change (likewise, in the settings) or sent (value
    success or the platform's reason); only a result has a msgid.
    """

    change: str
    entries: tuple[tuple[str, str, str], ...]
