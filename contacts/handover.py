"""How do customers go from one member of staff to another, so that nobody counts as lost?

Here the bookkeeping; what WeCom itself does is contacts/transfers. A transfer is two events at one
moment, `follow.ended` and `follow.opened`, both by=transfer (FIGURES R14, R16). The giver's Follow
stays with its history; remark and description go along. The keys of the events are those of the
spell: the same transfer twice is one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts import changes, kinds, reach, timeline
from contacts.models import Contact, Follow
from contacts.timeline import NewEvent
from tenants.models import Staff

SOURCE: Final = "handover"
AT_ONCE: Final = 5000  # in one transaction; who has more is handed over in several


class Refused(ValueError):  # noqa: N818 - reads as what happened
    """This cannot be handed over; the message says why, `field` which part of the wish."""

    def __init__(self, field: str, message: object) -> None:
        self.field = field
        super().__init__(str(message))


@dataclass(frozen=True)
class Handed:
    """How many open Follows went over, and how many of those meant are left for another call."""

    moved: int
    left: int


def hand_over(
    giver: Staff,
    taker: Staff,
    contact_ids: Collection[int] | None = None,
    *,
    at: datetime | None = None,
    limit: int = AT_ONCE,
) -> Handed:
    """Inside a scope: end the giver's open Follows (of these contacts, or all) and open the
    taker's. Customers whom the giver owns get the taker as owner. Raises Refused.
    """
    if giver.pk == taker.pk:
        raise Refused("to", _("Choose another member of staff."))
    if not taker.active:
        raise Refused("to", _("This member of staff is not active."))
    moment = at or timezone.now()
    rows = Follow.objects.filter(staff=giver, ended_at=None)
    if contact_ids is not None:
        rows = rows.filter(contact_id__in=contact_ids)
    meant = rows.count()
    # Contacts first, as everybody locks them.
    people = sorted(rows.order_by("contact_id").values_list("contact_id", flat=True)[:limit])
    list(Contact.objects.select_for_update(no_key=True).filter(pk__in=people).order_by("id"))
    given = list(rows.filter(contact_id__in=people, opened_at__lt=moment).order_by("contact_id"))
    if given:
        _tell(given, giver, taker, moment)
        carry(given, [follow.contact_id for follow in given], giver, taker)
    return Handed(len(given), max(0, meant - len(people)))


def _tell(given: Sequence[Follow], giver: Staff, taker: Staff, at: datetime) -> None:
    people = [follow.contact_id for follow in given]
    friends = set(
        Follow.objects.filter(staff=taker, ended_at=None, contact_id__in=people).values_list(
            "contact_id", flat=True
        )
    )
    events = []
    for follow in given:
        key = f"{follow.pk}:{follow.opened_at.timestamp():.6f}:{taker.pk}"
        out: dict[str, object] = {"staff": giver.userid, "by": "transfer", "to": taker.userid}
        events.append(
            NewEvent(follow.contact_id, kinds.FOLLOW_ENDED, at, SOURCE, f"{key}:out", out)
        )
        if follow.contact_id not in friends:
            into: dict[str, object] = {
                "staff": taker.userid, "by": "transfer", "from": giver.userid
            }  # fmt: skip
            events.append(
                NewEvent(follow.contact_id, kinds.FOLLOW_OPENED, at, SOURCE, f"{key}:in", into)
            )
    timeline.record(events)
    reach.rebuild(people)


def carry(
    given: Sequence[Follow], contact_ids: Collection[int], giver: Staff, taker: Staff
) -> None:
    """What the giver wrote goes along, where the taker has written nothing; so does owning."""
    notes = {follow.contact_id: follow for follow in given if follow.remark or follow.description}
    taken = list(Follow.objects.filter(staff=taker, contact_id__in=notes))
    for follow in taken:
        before = notes[follow.contact_id]
        follow.remark = follow.remark or before.remark
        follow.description = follow.description or before.description
    Follow.objects.bulk_update(taken, ["remark", "description"], batch_size=1000)
    owned = Contact.objects.filter(pk__in=contact_ids, owner=giver)
    owned.update(owner=taker, updated_at=timezone.now())
    changes.note(contact_ids)
