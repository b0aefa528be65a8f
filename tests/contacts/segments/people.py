"""What tests of segments start from: contacts with what a rule may ask, and whom a rule finds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from contacts import events, orders, people, tagging, timeline
from contacts.models import Contact, Segment, SegmentMember
from contacts.segments import compiling, keeping, leaves, membership, rules, upkeep

_number = itertools.count(1)


def person(name: str = "", **columns: Any) -> Contact:
    """A contact that has said on the timeline that it is there."""
    contact = Contact(external_id=columns.pop("external_id", f"p{next(_number)}"), name=name)
    for column, value in columns.items():
        setattr(contact, column, value)
    contact.save()
    people.tell_created([contact])
    return contact


def did(contact: Contact, kind: str, ago: timedelta = timedelta(0), **properties: Any) -> None:
    key = f"e{next(_number)}"
    row = events.Row(key, contact.pk, kind, timezone.now() - ago, properties)
    events.append([row])


def bought(
    contact: Contact, yuan: int, ago: timedelta = timedelta(minutes=1), **columns: Any
) -> str:
    order_id = columns.pop("order_id", f"o{next(_number)}")
    orders.upsert([orders.Row(order_id, contact.pk, yuan * 100, timezone.now() - ago, **columns)])
    return str(order_id)


def tagged(contact: Contact, *names: str) -> None:
    tagging.add([contact.pk], tagging.named(names).values(), "api")


def found(rule: Any, now: datetime | None = None) -> set[str]:
    """The names of those whom a rule finds."""
    tree = rules.parse(rule, leaves.readers)
    ids = compiling.compile(tree, membership.moment(now))
    with connection.cursor() as cursor:
        cursor.execute(ids.sql, ids.values)
        rows = [pk for (pk,) in cursor.fetchall()]
    assert len(rows) == len(set(rows))
    return set(Contact.objects.filter(pk__in=rows).values_list("name", flat=True))


def segment(name: str, rule: Mapping[str, Any]) -> Segment:
    """A segment that has been counted."""
    made = keeping.save(Segment(name=name, rule=dict(rule)))
    settle()
    made.refresh_from_db()
    return made


def settle(now: datetime | None = None) -> None:
    """All that workers would do now."""
    timeline.drain_all()
    while upkeep.step(now):
        pass
    timeline.drain_all()


def members(segment: Segment) -> set[str]:
    rows = SegmentMember.objects.filter(segment=segment)
    return set(rows.values_list("contact__name", flat=True))
