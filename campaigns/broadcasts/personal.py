"""What does a broadcast say to each customer, where its words are personal?

`{name}` and `{link}` are of one customer, who so gets a mass task of their own; `{staff}` is of the
member who sends, whose customers still share one. A link that the text does not place stands at its
end, as in SOPs.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from campaigns.models import Broadcast, BroadcastBatch, BroadcastRecipient
from contacts.models import Contact
from contacts.privacy.person import Person
from journeys import content, engine, surveys, writing
from journeys.models import Content

# Bytes that are kept free for what is filled in: a name of twenty characters, and a code.
_NAME: Final = 60
_CODE: Final = 24
_PLACEHOLDERS: Final = {f"{{{one}}}" for one in engine.PLACEHOLDERS}
Route = Broadcast.Route


def is_personal(broadcast: Broadcast) -> bool:
    """Has each customer words, and so a task, of their own?"""
    if broadcast.route != Route.MASS_TASK or broadcast.outside:
        return False
    return broadcast.content_id is not None or "{name}" in broadcast.text


def survey_id(broadcast: Broadcast) -> int | None:
    """The survey that it asks to answer; whoever has answered it is not asked again."""
    piece = broadcast.content
    asks = piece is not None and surveys.is_survey(piece) and is_personal(broadcast)
    return broadcast.content_id if asks else None


def faults(broadcast: Broadcast) -> dict[str, str]:
    """Inside a scope: why its personal words cannot be sent, by field; the row may be unstored."""
    if broadcast.route != Route.MASS_TASK:
        return _faults_of_one_text(broadcast)
    found = {}
    unknown = engine.unknown_placeholders(broadcast.text)
    if unknown:
        known = ", ".join(sorted(_PLACEHOLDERS))
        text = _("“{%(name)s}” is no placeholder; use %(known)s.")
        found["text"] = text % {"name": unknown[0], "known": known}
    elif broadcast.content is None and "{link}" in broadcast.text:
        found["content"] = _("“{link}” needs a content piece to lead to.")
    if broadcast.content is not None:
        problem = _problem_of(broadcast.content)
        found |= {"content": problem} if problem else {}
    return found


def over(broadcast: Broadcast) -> str:
    """Why nothing more of it goes out: what it leads to was switched off since the start."""
    piece = broadcast.content
    return "" if piece is None or piece.active else _problem_of(piece)


def longest(broadcast: Broadcast) -> str:
    """Its text with as much filled in as there may be."""
    url = f"{settings.BASE_URL}/l/{'x' * _CODE}" if broadcast.content_id is not None else ""
    return _filled(broadcast, {"name": "x" * _NAME, "staff": "x" * _NAME, "link": url})


def words(batch: BroadcastBatch) -> str:
    """Inside a scope: what the call says, or nothing where that is the text as it stands.

    A link is made where its customer has none yet.
    """
    broadcast, staff = batch.broadcast, batch.staff
    if broadcast.route != Route.MASS_TASK or staff is None:
        return ""
    values = {"staff": staff.name or staff.userid}
    if is_personal(broadcast):
        # A batch of its own, dealt by planning.py; whom nobody knows any more is no recipient.
        own = BroadcastRecipient.objects.filter(batch=batch)
        contact = Contact.objects.get(pk__in=own.values("contact_id"))
        values |= {"name": contact.name, "link": _link(broadcast, staff.pk, contact.pk)}
    said = _filled(broadcast, values)
    return "" if said == broadcast.text else said


def forget(rows: QuerySet[BroadcastRecipient], person: Person) -> int:
    """The words of an erased person's own calls go, as the id of the account does."""
    own = rows.exclude(batch=None).values("batch_id")
    alone = BroadcastBatch.objects.filter(pk__in=own, size=1)
    alone.update(words="")
    return rows.update(target="")


def _link(broadcast: Broadcast, staff_id: int, contact_id: int) -> str:
    if broadcast.content_id is None:
        return ""
    wanted = content.Wanted(broadcast.content_id, staff_id, contact_id)
    return content.url_of(content.links([wanted])[wanted])


def _filled(broadcast: Broadcast, values: dict[str, str]) -> str:
    said = engine.render(broadcast.text, values)
    return writing.with_link(broadcast.text, said, values.get("link", ""))


def _faults_of_one_text(broadcast: Broadcast) -> dict[str, str]:
    """By a route that says the same to all who get it."""
    found = {}
    if broadcast.content is not None:
        found["content"] = _(
            "By this route all get the same text, and no link of their own: send it as a mass "
            "message to customers."
        )
    if any(one in broadcast.text for one in _PLACEHOLDERS):
        found["text"] = _(
            "By this route all get the same text: {name}, {staff} and {link} are filled in by mass "
            "messages to customers only."
        )
    return found


def _problem_of(piece: Content) -> str:
    if not piece.active:
        text = _("The content “%(title)s” is not active: choose another, or switch it on again.")
        return text % {"title": piece.title}
    if piece.kind in Content.SENT_AS_IS:
        return _("No link leads to a picture or a mini-program: attach it instead.")
    return ""
