"""One timeline of a contact: narrowed by kind and by staff, loaded page by page by its key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from contacts import timeline_words
from contacts.models import Contact, Event, Follow
from contacts.timeline_words import Line
from tenants.models import Staff

PAGE = 30


@dataclass(frozen=True)
class KindGroup:
    """Kinds that belong together for a reader, by how their names begin."""

    key: str
    label: object
    icon: str
    beginnings: tuple[str, ...]


GROUPS = (
    KindGroup("friends", _("Friendship"), "handshake", ("follow.", "subscription.", "livecode.")),
    KindGroup("messages", _("Messages"), "chat", ("message.", "welcome.", "touch.")),
    KindGroup(
        "content",
        _("Content and answers"),
        "article",
        ("content.", "link.", "quiz.", "form.", "price.", "session.", "ad.", "coupon.", "page."),
    ),
    KindGroup("orders", _("Orders"), "receipt_long", ("order.", "reward.", "points.")),
    KindGroup(
        "journey",
        _("Journey"),
        "stairs",
        ("stage.", "score.", "lead.", "sop.", "enrolment.", "segment.", "task."),
    ),
    KindGroup("tags", _("Tags"), "label", ("tag.",)),
    KindGroup("groups", _("Groups"), "groups", ("group.",)),
    KindGroup("record", _("Record"), "edit", ("contact.", "identity.", "consent.")),
)
OTHER = KindGroup("other", _("Other"), "more_horiz", ())


@dataclass(frozen=True)
class Choice:
    """What the reader asked for."""

    group: str = ""
    staff: str = ""
    before: str = ""

    @classmethod
    def of(cls, given: QueryDict) -> Choice:
        known = {group.key for group in (*GROUPS, OTHER)}
        group = given.get("group", "")
        return cls(
            group if group in known else "", given.get("staff", "")[:64], given.get("before", "")
        )

    def query(self, **changed: str) -> str:
        values = {"group": self.group, "staff": self.staff, **changed}
        return urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True)
class Page:
    lines: Sequence[Line]
    more: str  # the query of the next page; "" when this is the last


def page(contact: Contact, choice: Choice) -> Page:
    """The newest events before the key, one query whatever their number."""
    rows = _narrowed(Event.objects.filter(contact=contact), choice)
    begin = _key(choice.before)
    if begin is not None:
        at, pk = begin
        rows = rows.filter(Q(at__lt=at) | Q(at=at, id__lt=pk), at__lte=at)
    events = list(rows.order_by("-at", "-id")[: PAGE + 1])
    last = events[PAGE - 1] if len(events) > PAGE else None
    more = choice.query(before=f"{last.at.isoformat()}~{last.pk}") if last else ""
    return Page(timeline_words.lines(events[:PAGE]), more)


def _narrowed(events: QuerySet[Event], choice: Choice) -> QuerySet[Event]:
    if choice.group == OTHER.key:
        events = events.exclude(_beginning(b for group in GROUPS for b in group.beginnings))
    elif choice.group:
        group = next(each for each in GROUPS if each.key == choice.group)
        events = events.filter(_beginning(group.beginnings))
    if choice.staff:
        events = events.filter(properties__staff=choice.staff)
    return events


def _beginning(texts: Iterable[str]) -> Q:
    either = Q(pk__in=[])
    for text in texts:
        either |= Q(kind__startswith=text)
    return either


def _key(text: str) -> tuple[datetime, int] | None:
    moment, _tilde, number = text.partition("~")
    try:
        return datetime.fromisoformat(moment), int(number)
    except ValueError:
        return None


def staff_of(contact: Contact) -> list[Staff]:
    """With whom the contact has, or had, to do."""
    met = Follow.objects.filter(contact=contact).values("staff_id")
    return list(Staff.objects.filter(Q(pk__in=met) | Q(pk=contact.owner_id)).order_by("name", "id"))


def context(contact: Contact, given: QueryDict) -> Mapping[str, object]:
    """For the templates: the filters, and the page asked for."""
    choice = Choice.of(given)
    return {
        "contact": contact,
        "choice": choice,
        "groups": [*GROUPS, OTHER],
        "staff": staff_of(contact),
        "page": page(contact, choice),
    }
