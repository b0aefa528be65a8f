"""What happens next to a touch? Pure decisions from step, facts, rules and clock; no database."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Protocol

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from contacts.messaging import quota
from journeys.models import TO_FANS, Route

PLACEHOLDERS = frozenset({"name", "staff", "link"})

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Verb(StrEnum):
    SEND = "send"
    WAIT = "wait"  # deferred to `at`, not dropped
    HOLD = "hold"  # until the SOP is resumed
    SKIP = "skip"
    CANCEL = "cancel"


class Reason(TextChoices):
    """Why a touch was not sent. Codes are stored; labels are shown."""

    ENDED = "enrolment_ended", _("the enrolment has ended")
    PAUSED = "sop_paused", _("the SOP is paused")
    EXCLUDED = "excluded", _("the contact is excluded")
    CONSENT = "consent_withdrawn", _("consent was withdrawn")
    NO_ROUTE = "no_route", _("nobody is friends with the contact")
    QUIET = "quiet_hours", _("quiet hours")
    CONTACT_DAY = "contact_day_cap", _("enough messages today")
    CONTACT_WEEK = "contact_week_cap", _("enough messages this week")
    PROMOTIONS = "promotion_cap", _("enough promotions this week")
    STAFF_DAY = "staff_day_cap", _("the member of staff has sent enough today")
    PLATFORM = "platform_quota", _("the platform's quota for this contact is used up")
    SENSITIVE = "sensitive_word", _("the text holds a sensitive word")
    REPLIED = "replied", _("the contact replied")
    ORDERED = "ordered", _("the contact ordered")
    FOLLOW_ENDED = "follow_ended", _("the friendship ended")
    BY_HAND = "by_hand", _("ended by hand")
    MERGED = "merged", _("the contact runs through it already, under another record")
    NOT_A_FRIEND = "not_a_friend", _("no longer a friend when it was sent")
    NOT_CONFIRMED = "not_confirmed", _("staff did not confirm in time")
    TASK_CANCELLED = "task_cancelled", _("the task was cancelled")
    NO_FOLLOW = "no_follow", _("nobody is friends with the contact")
    NO_ACCOUNT = "no_account", _("no WeChat account is connected")
    NO_IDENTITY = "no_identity", _("the contact has no WeCom account that we know")
    NO_OPENID = "no_openid", _("no fan of the official account")
    NO_AGENT = "no_agent", _("the WeCom account has no app that could write")
    MEMBER_GONE = "member_gone", _("the member of staff is not active")
    NOT_SENDABLE = "not_sendable", _("the member cannot write to this customer")
    WINDOW_CLOSED = "window_closed", _("the fan has not written or acted lately enough")
    WINDOW_USED_UP = "window_used_up", _("enough messages since the fan last wrote or acted")
    NOT_FOLLOWING = "not_following", _("does not follow the official account")
    NOT_ACCEPTED = "not_accepted", _("the fan has not accepted such a message")
    BLOCKED = "blocked", _("the fan refuses messages of the official account")
    UNDELIVERED = "undelivered", _("the platform could not deliver it")
    NO_CONTENT = "no_content", _("there is nothing to say")
    TOO_LONG = "text_too_long", _("the text is too long")
    REFUSED = "refused", _("the platform refused it")
    ACCOUNT = "account_problem", _("the WeChat account cannot be used now")
    UPLOADING = "uploading", _("a file that goes along is being uploaded")
    LATER = "provider_busy", _("the platform was busy; it is tried again")
    UNSETTLED = "unsettled", _("a person must look whether it was sent")


@dataclass(frozen=True, slots=True)
class Action:
    verb: Verb
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """The tenant's rules. Times are local; equal quiet times mean none."""

    zone: tzinfo
    quiet_from: time
    quiet_to: time
    per_contact_day: int
    per_contact_week: int
    promotions_per_week: int
    per_staff_day: int
    mass_quota: str = "month_days"
    sensitive_words: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of a touch's enrolment, contact and route at the moment of the decision."""

    route: str
    kind: str
    text: str = ""
    running: bool = True
    ordered: bool = False  # since the start, and the SOP ends with an order
    paused: bool = False
    excluded: bool = False
    withdrawn: bool = False
    reachable: bool = True


@dataclass(slots=True)
class Tally:
    """What a contact was sent, or may still get, within the windows that count."""

    day: int = 0
    week: int = 0
    promotions: int = 0
    mass: int = 0

    def book(self, kind: str, route: str) -> None:
        if route == Route.APP_MESSAGE:
            return  # to staff: the contact gets nothing
        self.day += 1
        self.week += 1
        self.promotions += kind == "promotion"
        self.mass += route == "mass_task"


# --- when ---


class Timed(Protocol):
    @property
    def delay_minutes(self) -> int | None: ...
    @property
    def day(self) -> int | None: ...
    @property
    def at_time(self) -> time | None: ...


def due_at(step: Timed, started: datetime, zone: tzinfo) -> datetime:
    """When a step is due: minutes after the start, or days after it at a local time.

    Days are of the calendar, so 10:00 stays 10:00 over a change of clocks; a time that the change
    leaves out is the same stretch later. A time that lay before the start is due at the start.
    """
    if step.delay_minutes is not None:
        return started + timedelta(minutes=step.delay_minutes)
    local = started.astimezone(zone)
    wall = step.at_time or local.time()
    moment = _at(local.date() + timedelta(days=step.day or 0), wall, zone)
    return max(moment, started)


def open_from(moment: datetime, pace: Pace) -> datetime:
    """`moment` itself outside the quiet hours, else the moment at which they end."""
    local = moment.astimezone(pace.zone)
    if not _is_quiet(local.time(), pace.quiet_from, pace.quiet_to):
        return moment
    day = local.date()
    if pace.quiet_from > pace.quiet_to and local.time() >= pace.quiet_from:
        day += timedelta(days=1)
    opens = _at(day, pace.quiet_to, pace.zone)
    # In autumn the hour comes twice, and the quiet may end in the second one.
    return opens if opens > moment else _at(day, pace.quiet_to.replace(fold=1), pace.zone)


def _is_quiet(at: time, start: time, end: time) -> bool:
    if start <= end:
        return start <= at < end
    return at >= start or at < end


def _at(day: date, wall: time, zone: tzinfo) -> datetime:
    return datetime.combine(day, wall, tzinfo=zone).astimezone(UTC)


def day_start(now: datetime, zone: tzinfo) -> datetime:
    return _at(now.astimezone(zone).date(), time(), zone)


def week_start(now: datetime, zone: tzinfo) -> datetime:
    """A week is today and the six days before it, so that no Monday doubles the pace."""
    return _at(now.astimezone(zone).date() - timedelta(days=6), time(), zone)


# --- whether ---


def next_action(facts: Facts, contact: Tally, staff_day: int, pace: Pace, now: datetime) -> Action:
    """The checks of DOMAIN.md §5, in their order."""
    stopped = _stopped(facts)
    if stopped is not None:
        return stopped
    opens = open_from(now, pace)
    if opens > now:
        return Action(Verb.WAIT, Reason.QUIET, opens)
    reason = _over_cap(facts, contact, staff_day, pace, now)
    if not reason and sensitive_word(facts.text, pace.sensitive_words):
        reason = Reason.SENSITIVE
    return Action(Verb.SKIP, reason) if reason else Action(Verb.SEND)


def _stopped(facts: Facts) -> Action | None:
    if not facts.running:
        return Action(Verb.CANCEL, Reason.ENDED)
    if facts.ordered:
        return Action(Verb.CANCEL, Reason.ORDERED)
    if facts.paused:
        return Action(Verb.HOLD, Reason.PAUSED)
    if facts.excluded:
        return Action(Verb.SKIP, Reason.EXCLUDED)
    if facts.withdrawn:
        return Action(Verb.SKIP, Reason.CONSENT)
    if facts.reachable:
        return None
    return Action(Verb.SKIP, Reason.NO_OPENID if facts.route in TO_FANS else Reason.NO_ROUTE)


def enough(kind: str, contact: Tally, pace: Pace) -> str:
    """Why a contact who had so much gets no more of this kind now, or nothing."""
    caps = (
        (contact.day >= pace.per_contact_day, Reason.CONTACT_DAY),
        (contact.week >= pace.per_contact_week, Reason.CONTACT_WEEK),
        (
            kind == "promotion" and contact.promotions >= pace.promotions_per_week,
            Reason.PROMOTIONS,
        ),
    )
    return next((reason.value for over, reason in caps if over), "")


def _over_cap(facts: Facts, contact: Tally, staff_day: int, pace: Pace, now: datetime) -> str:
    mass, by_staff = facts.route == "mass_task", facts.route not in TO_FANS
    # A note goes to staff: its contact gets nothing.
    full = "" if facts.route == Route.APP_MESSAGE else enough(facts.kind, contact, pace)
    if full:
        return full
    caps = (
        (by_staff and staff_day >= pace.per_staff_day, Reason.STAFF_DAY),
        (mass and contact.mass >= quota.window(pace.mass_quota, now)[0], Reason.PLATFORM),
    )
    return next((reason.value for over, reason in caps if over), "")


# --- what ---


def unknown_placeholders(text: str) -> list[str]:
    found = (match.group(1) for match in _PLACEHOLDER.finditer(text))
    return sorted({name for name in found if name not in PLACEHOLDERS})


def render(text: str, values: Mapping[str, str]) -> str:
    """Fill the placeholders, once: braces within a value stay as they are."""
    return _PLACEHOLDER.sub(lambda match: values.get(match.group(1), match.group(0)), text)


def sensitive_word(text: str, words: Sequence[str]) -> str:
    """The first of `words` that the text holds, whatever its width, case or invisible fillers."""
    plain = _plain(text) if words else ""
    return next((word for word in words if _plain(word) and _plain(word) in plain), "")


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(one for one in folded if unicodedata.category(one) not in {"Cf", "Cc"})


# --- a dry run ---


class Planned(Timed, Protocol):
    @property
    def position(self) -> int: ...
    @property
    def route(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def said(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a step would do: when it is due, when it would go out, or why not."""

    position: int
    due_at: datetime
    action: Action


@dataclass(slots=True)
class _Log:
    sent: list[tuple[datetime, str, str]] = field(default_factory=list)

    def tally(self, now: datetime, pace: Pace) -> Tally:
        today, week = day_start(now, pace.zone), week_start(now, pace.zone)
        month = quota.window(pace.mass_quota, now)[1]
        return Tally(
            day=sum(at >= today for at, _kind, _route in self.sent),
            week=sum(at >= week for at, _kind, _route in self.sent),
            promotions=sum(at >= week and kind == "promotion" for at, kind, _r in self.sent),
            mass=sum(at >= month and route == "mass_task" for at, _kind, route in self.sent),
        )


def rehearse(steps: Sequence[Planned], started: datetime, pace: Pace) -> list[Rehearsed]:
    """The steps for a contact who starts at `started` and gets nothing else, in due order."""
    log = _Log()
    rehearsed: list[Rehearsed] = []
    for step in sorted(steps, key=lambda s: (due_at(s, started, pace.zone), s.position)):
        due = due_at(step, started, pace.zone)
        at = open_from(due, pace)
        facts = Facts(route=step.route, kind=step.kind, text="\n".join(step.said))
        action = next_action(facts, log.tally(at, pace), 0, pace, at)
        if action.verb is Verb.SEND and step.route != Route.APP_MESSAGE:
            log.sent.append((at, step.kind, step.route))
        rehearsed.append(Rehearsed(step.position, due, Action(action.verb, action.reason, at)))
    return rehearsed
