"""What exists around an official account? Plain data only, so that it can be reset and saved."""

from dataclasses import dataclass, field

from scrm.sandbox.fields import Json
from scrm.sandbox.state_media import Media


@dataclass
class Opening:
    """What a fan did lets the account write some messages for a while."""

    kind: str  # spoke | acted
    until: float
    left: int


@dataclass
class Fan:
    """A person as one account knows them; also somebody who only logged in on a page."""

    number: int
    openid: str
    person: str
    subscribed: bool = False
    subscribe_time: int = 0
    subscribe_scene: str = "ADD_SCENE_OTHERS"
    qr_scene: int = 0
    qr_scene_str: str = ""
    remark: str = ""
    tag_ids: list[int] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)
    accepted: dict[str, int] = field(default_factory=dict)  # subscriptions left, by template
    refuses_templates: bool = False


@dataclass
class FanTag:
    id: int
    name: str


@dataclass
class QrCode:
    """`key` is the end of the address in the image; `expires` 0 means never."""

    number: int
    ticket: str
    key: str
    scene_id: int
    scene_str: str
    created: int
    expires: float

    @property
    def scene(self) -> str:
        return self.scene_str or str(self.scene_id)


@dataclass
class Template:
    template_id: str
    kind: str  # template | subscribe
    title: str
    content: str
    example: str
    primary_industry: str
    deputy_industry: str


@dataclass
class Menu:
    id: int
    buttons: list[Json]
    rule: Json = field(default_factory=dict)


@dataclass
class SentOnce:
    """A template message that came with a client_msg_id."""

    msgid: int
    until: float


@dataclass
class OfficialAccount:
    appid: str
    name: str
    original_id: str
    secret: str
    token: str
    aes_key: str
    mode: str = "aes"  # plain | aes | compatible
    callback_url: str = ""
    bound: bool = True
    ip_list: list[str] = field(default_factory=list)
    fans: dict[str, Fan] = field(default_factory=dict)
    tags: dict[str, FanTag] = field(default_factory=dict)
    qr_codes: dict[str, QrCode] = field(default_factory=dict)
    templates: dict[str, Template] = field(default_factory=dict)
    menu: Menu | None = None
    conditional_menus: list[Menu] = field(default_factory=list)
    media: dict[str, Media] = field(default_factory=dict)
    sent_once: dict[str, SentOnce] = field(default_factory=dict)

    def followers(self) -> list[Fan]:
        """In the order in which they first came; it does not change when one comes again."""
        return sorted(
            (fan for fan in self.fans.values() if fan.subscribed), key=lambda fan: fan.number
        )
