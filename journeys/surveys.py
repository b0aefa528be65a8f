"""One question to a contact: what may be answered, until when, and what a low answer leads to.

A survey is content of its kind: its text is the question, and it is sent like any other, by the
contact's own link. Whoever has that link answers for its contact.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from contacts import timeline, validation
from contacts.models import Contact
from contacts.timeline import NewEvent
from journeys import task_notices
from journeys.models import Content, Link, Scale, StaffTask, SurveyAnswer
from tenants import doorbell
from tenants.ids import encode
from tenants.models import Staff

ANSWERED = "survey.answered"
CHANGEABLE = timedelta(days=1)
COMMENT = 1000
# Up to here an answer is low: the lower two fifths.
LOW = {Scale.FIVE: 2, Scale.TEN: 4}


class Closed(Exception):  # noqa: N818 - reads as what happened
    """The answer was given more than a day ago, or the survey is over."""


def is_survey(piece: Content) -> bool:
    return piece.kind == Content.Kind.SURVEY


def choices(piece: Content) -> list[int]:
    scale = Scale(piece.scale)
    return list(range(scale.lowest, scale.value + 1))


def answer_of(link: Link) -> SurveyAnswer | None:
    return SurveyAnswer.objects.filter(
        content_id=link.content_id, contact_id=link.contact_id or 0
    ).first()


def is_open(link: Link, given: SurveyAnswer | None, at: datetime) -> bool:
    """May its contact answer now, for the first time or again?"""
    if link.contact_id is None or not link.content.active:
        return False
    return given is None or at - given.answered_at <= CHANGEABLE


def read(piece: Content, score: str, comment: str) -> tuple[int, str]:
    """What was sent, or ValueError (Invalid of a comment) with words for people."""
    if score not in {str(each) for each in choices(piece)}:
        raise ValueError(_("Choose an answer, please."))
    text = "\n".join(comment.split("\r\n"))
    return int(score), validation.text(text, COMMENT, breaks=True)


def answer(link: Link, score: int, comment: str) -> SurveyAnswer:
    """Inside a scope: keeps the one answer of the link's contact. Raises Closed.

    The timeline tells of each score that was given, the comment stays with the answer.
    """
    at = timezone.now()
    if not is_open(link, None, at):
        raise Closed
    row, new = _row(link, score, comment, at)
    if not new:
        if not is_open(link, row, at):
            raise Closed
        if (row.score, row.comment) == (score, comment):
            return row
        told = row.score != score
        row.score, row.comment, row.changed_at = score, comment, at
        row.save(update_fields=["score", "comment", "changed_at"])
        if not told:
            return row
    _tell(link, row, at, changed=not new)
    ask_staff(link, row, at)
    return row


def _row(link: Link, score: int, comment: str, at: datetime) -> tuple[SurveyAnswer, bool]:
    """Whoever answers twice at once has answered once, and changed it."""
    try:
        with transaction.atomic():
            row = SurveyAnswer.objects.create(
                content_id=link.content_id, contact_id=link.contact_id or 0, staff_id=link.staff_id,
                scale=link.content.scale, score=score, comment=comment, answered_at=at,
            )  # fmt: skip
        return row, True
    except IntegrityError:
        found = SurveyAnswer.objects.select_for_update(no_key=True)
        return found.get(content_id=link.content_id, contact_id=link.contact_id or 0), False


def is_low(scale: int, score: int) -> bool:
    return score <= LOW[Scale(scale)]


def _tell(link: Link, row: SurveyAnswer, at: datetime, *, changed: bool) -> None:
    timeline.record([event(link, row, at, changed=changed)])


def event(link: Link, row: SurveyAnswer, at: datetime, *, changed: bool = False) -> NewEvent:
    """What the timeline says of an answer."""
    properties: dict[str, object] = {
        "survey": link.content.title,
        "content_id": encode(link.content_id),
        "score": row.score,
        "scale": row.scale,
        "low": is_low(row.scale, row.score),
    }
    if link.staff is not None:
        properties["staff"] = link.staff.userid
    if changed:
        properties["by"] = "changed"
    key = f"{encode(row.pk)}:{uuid.uuid4().hex}"
    return NewEvent(row.contact_id, ANSWERED, at, "survey", key, properties)


def ask_staff(link: Link, row: SurveyAnswer, at: datetime) -> None:
    """Somebody talks to whoever is not content: once, even if the answer changes again."""
    if row.task_id is not None or not is_low(row.scale, row.score):
        return
    staff_id = link.staff_id or Contact.objects.values_list("owner_id", flat=True).get(
        pk=row.contact_id
    )
    if staff_id is None or not Staff.objects.filter(pk=staff_id, active=True).exists():
        return
    row.task = StaffTask.objects.create(
        contact_id=row.contact_id,
        staff_id=staff_id,
        text=_task_of(link, row),
        due_at=at,
        notice=StaffTask.Notice.WAITING,
        notice_at=at,
    )
    row.save(update_fields=["task"])
    doorbell.ring(task_notices.QUEUE)


def _task_of(link: Link, row: SurveyAnswer) -> str:
    """For staff, so not in the language of the customer's phone."""
    with translation.override(settings.LANGUAGE_CODE):
        return _("Not content: %(score)s of %(most)s in “%(survey)s”. Ask what went wrong.") % {
            "score": row.score, "most": row.scale, "survey": link.content.title,
        }  # fmt: skip
