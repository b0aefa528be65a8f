"""Which kinds of events does the timeline know, which of them are inbound, and how do they read?

A kind is past tense, `follow.opened`. Any kind may be recorded; a kind that is declared here, or by
an upper app in its apps.py, reads as a sentence with an icon (a Material symbol) on timelines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

FOLLOW_OPENED: Final = "follow.opened"
FOLLOW_ENDED: Final = "follow.ended"
SUBSCRIPTION_OPENED: Final = "subscription.opened"
SUBSCRIPTION_ENDED: Final = "subscription.ended"
LIVECODE_SCANNED: Final = "livecode.scanned"
TAG_ADDED: Final = "tag.added"
TAG_REMOVED: Final = "tag.removed"
WELCOME_SENT: Final = "welcome.sent"
WELCOME_SKIPPED: Final = "welcome.skipped"
WELCOME_FAILED: Final = "welcome.failed"
IDENTITY_SHARED: Final = "identity.shared"
MESSAGE_RECEIVED: Final = "message.received"
MESSAGE_SENT: Final = "message.sent"
REWARD_PAID: Final = "reward.paid"
GROUP_JOINED: Final = "group.joined"
GROUP_LEFT: Final = "group.left"
MENU_CLICKED: Final = "menu.clicked"
TOUCH_DELIVERED: Final = "touch.delivered"
TOUCH_FAILED: Final = "touch.failed"
TOUCH_SENT: Final = "touch.sent"
CODE_SCANNED: Final = "code.scanned"
NOTICE_FINISHED: Final = "notice.finished"

REACH: Final = frozenset({FOLLOW_OPENED, FOLLOW_ENDED, SUBSCRIPTION_OPENED, SUBSCRIPTION_ENDED})
ENDED_BY: Final = frozenset({"customer", "staff", "transfer"})

# FIGURES R13: what a person did towards us. Interaction rate and ownership levels count these only.
INBOUND: Final = frozenset(
    {
        MESSAGE_RECEIVED,
        "content.read",
        "content.downloaded",
        "link.clicked",
        "price.asked",
        "form.answered",
        "quiz.answered",
        "coupon.collected",
        "session.attended",
        GROUP_JOINED,
    }
)


@dataclass(frozen=True)
class Kind:
    """`sentence` may name properties of the event: "Became a friend of {staff}"."""

    name: str
    sentence: _StrPromise | str
    icon: str
    by: Mapping[str, _StrPromise | str] = field(default_factory=dict)


_kinds: dict[str, Kind] = {}


class _Properties(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "–"


class _Blanks(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "…"


def declare(
    name: str,
    sentence: _StrPromise | str,
    icon: str,
    by: Mapping[str, _StrPromise | str] | None = None,
) -> None:
    """Register how a kind reads. `by` holds other sentences for values of the property `by`."""
    _kinds[name] = Kind(name, sentence, icon, by or {})


def also(name: str, by: str, sentence: _StrPromise | str) -> None:
    """How a kind that is declared reads where its property `by` has this value."""
    kind = _kinds[name]
    _kinds[name] = Kind(name, kind.sentence, kind.icon, {**kind.by, by: sentence})


def known() -> list[Kind]:
    return list(_kinds.values())


def sentence_of(name: str, properties: Mapping[str, object]) -> str:
    """The event as a sentence in the active language; an undeclared kind reads as itself."""
    kind = _kinds.get(name)
    if kind is None:
        return name
    template = kind.by.get(str(properties.get("by", "")), kind.sentence)
    filled = {key: str(value) for key, value in properties.items() if value not in (None, "")}
    return str(template).format_map(_Properties(filled))


def short_of(name: str) -> str:
    """The sentence of the kind, with nobody and nothing in particular filled in."""
    kind = _kinds.get(name)
    return str(kind.sentence).format_map(_Blanks()) if kind else name


def label_of(name: str) -> str:
    """For lists to choose from: how the kind reads, and its name."""
    return f"{short_of(name)} · {name}" if name in _kinds else name


def icon_of(name: str) -> str:
    kind = _kinds.get(name)
    return kind.icon if kind else "radio_button_unchecked"


declare(
    FOLLOW_OPENED,
    _("Became a friend of {staff}"),
    "person_add",
    {"transfer": _("Was handed over to {staff}")},
)
declare(
    FOLLOW_ENDED,
    _("No longer a friend of {staff}"),
    "person_remove",
    {
        "customer": _("Deleted {staff}"),
        "staff": _("Was deleted by {staff}"),
        "transfer": _("Was handed over by {staff}"),
    },
)
declare(SUBSCRIPTION_OPENED, _("Followed the official account {account}"), "notifications_active")
declare(SUBSCRIPTION_ENDED, _("Unfollowed the official account {account}"), "notifications_off")
declare(CODE_SCANNED, _("Scanned a QR code of the official account {account}"), "qr_code_2")
declare(MENU_CLICKED, _("Tapped “{key}” in the menu of the official account {account}"), "menu")
declare(
    NOTICE_FINISHED,
    _("A notice of the official account {account} did not arrive"),
    "notifications",
    {
        "success": _("Got a notice of the official account {account}"),
        "blocked": _("Refuses notices of the official account {account}"),
    },
)
declare(LIVECODE_SCANNED, _("Scanned the live code “{live_code}”"), "qr_code_scanner")
declare(
    TAG_ADDED,
    _("Got the tag “{tag}”"),
    "label",
    {
        "rule": _("Got the tag “{tag}” by the rule “{why}”"),
        "pretag": _("Got the tag “{tag}” from the list “{why}”"),
        "platform": _("Got the tag “{tag}” in WeCom"),
    },
)
declare(
    TAG_REMOVED,
    _("Lost the tag “{tag}”"),
    "label_off",
    {
        "rule": _("Lost the tag “{tag}” by the rule “{why}”"),
        "platform": _("Lost the tag “{tag}” in WeCom"),
    },
)
declare(WELCOME_SENT, _("Got the welcome message of {staff}"), "waving_hand")
declare(WELCOME_SKIPPED, _("No welcome message: {reason}"), "speaker_notes_off")
declare(WELCOME_FAILED, _("The welcome message failed: {reason}"), "sms_failed")
declare(IDENTITY_SHARED, _("May be the same person as another contact ({kind})"), "group")
declare(
    "contact.merged",
    _("Was found to be one person with {name}: both records became one"),
    "merge",
    {
        "rule:unionid": _("Became one with {name}: both have the same unionid"),
        "rule:phone": _("Became one with {name}: both have verified the same phone"),
    },
)
declare("contact.unmerged", _("Is another person than {name}: the merge was undone"), "call_split")
declare(MESSAGE_RECEIVED, _("Wrote a message"), "chat")
declare(MESSAGE_SENT, _("Got a message of {staff}"), "outgoing_mail")
declare(REWARD_PAID, _("Got a reward of {amount}"), "redeem")
declare("content.read", _("Read “{content}”"), "article")
declare("content.downloaded", _("Downloaded “{content}”"), "download")
declare("link.clicked", _("Opened the link “{content}”"), "link")
declare("price.asked", _("Asked for the price"), "sell")
declare("form.answered", _("Filled in a form"), "assignment_turned_in")
declare("quiz.answered", _("Answered a quiz"), "quiz")
declare("coupon.collected", _("Collected a coupon"), "confirmation_number")
declare("session.attended", _("Attended a session"), "event_available")
declare("ad.clicked", _("Clicked an ad"), "ads_click")
declare(
    GROUP_JOINED,
    _("Joined a group"),
    "group_add",
    {
        "joined": _("Joined the group “{group}”"),
        "invited": _("Joined the group “{group}”, invited by {staff}"),
        "link": _("Joined the group “{group}” by an invitation link"),
        "qr": _("Joined the group “{group}” by QR code"),
    },
)
declare(
    GROUP_LEFT,
    _("Left a group"),
    "group_remove",
    {
        "quit": _("Left the group “{group}”"),
        "left": _("Left the group “{group}”"),
        "removed": _("Was removed from the group “{group}”"),
        "missing": _("Was no longer in the group “{group}”"),
        "dismissed": _("The group “{group}” was dismissed"),
    },
)
