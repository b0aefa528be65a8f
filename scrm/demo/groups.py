"""The customer groups of a demo business: who joined them over the months, and who left again.

Same business and same day, same groups: the dice are seeded with the business' name.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from contacts import groups, tagging
from contacts.groups import Move, Who, lists, snapshots
from contacts.models import Contact, Group
from contacts.models.groups import JOIN_WAYS, QUIT_WAYS
from scrm.demo.businesses import Business
from tenants.models import Staff


@dataclass(frozen=True)
class _Plan:
    name: str
    age: int  # days
    share: float  # of the contacts who come along after it was founded
    leaving: float
    tags: tuple[str, ...]
    notice: str = ""
    dismissed: int | None = None  # days ago


_PLANS = (
    _Plan("福利一群", 150, 0.30, 0.18, ("福利群",), "每周三晚八点上新,群内专享价。"),
    _Plan("福利二群", 70, 0.25, 0.12, ("福利群",), "每周三晚八点上新,群内专享价。"),
    _Plan("老客 VIP 群", 120, 0.10, 0.05, ("VIP 群", "福利群"), "新品优先体验,专属顾问答疑。"),
    _Plan("年中活动快闪群", 60, 0.12, 0.25, ("快闪群",), "活动结束后解散。", dismissed=20),
)


def fill(business: Business) -> None:
    """Inside the scope of the demo tenant."""
    dice = random.Random(f"{business.slug}:groups")  # noqa: S311 - made-up people, no secrets
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    people = list(
        Contact.objects.filter(acquired_at__isnull=False)
        .order_by("acquired_at", "id")
        .values_list("id", "acquired_at")
    )
    staff = list(Staff.objects.exclude(userid="owner").order_by("id"))
    for number, plan in enumerate(_PLANS):
        founded = now - timedelta(days=plan.age)
        group = Group.objects.create(
            name=f"{business.name}·{plan.name}",
            chat_id=f"wr{business.slug}{number + 1}",
            owner=staff[number % len(staff)],
            notice=plan.notice,
            founded_at=founded,
        )
        lists.put_tags(group, set(tagging.named(plan.tags).values()))
        helpers = [staff[number % len(staff)], staff[(number + 1) % len(staff)]]
        moves = [Move(Who(staff_id=one.pk), founded, joins=True) for one in helpers]
        moves += _moves(plan, people, founded, now, helpers[0].pk, dice)
        groups.record(group, moves)
        if plan.dismissed is not None:
            snapshots.set_dismissed(group, now - timedelta(days=plan.dismissed))


def _moves(
    plan: _Plan,
    people: Sequence[tuple[int, datetime | None]],
    founded: datetime,
    now: datetime,
    inviter: int,
    dice: random.Random,
) -> Iterator[Move]:
    ended = now - timedelta(days=plan.dismissed or 0)
    for contact_id, acquired in people:
        if acquired is None or dice.random() > plan.share:
            continue
        begin = max(acquired, founded) + timedelta(hours=dice.triangular(1, 400, 30))
        if begin < ended:
            yield from _stay(Who(contact_id=contact_id), "", begin, ended, plan, inviter, dice)
    for number in range(round(len(people) * plan.share / 12)):
        account = f"wm{founded:%Y%m%d}{dice.randrange(16**12):012x}{number:08d}"
        begin = founded + (ended - founded) * dice.random()
        who, name = Who(external=account), dice.choice(("微信用户", "小七", "Luna", "阿May"))
        yield from _stay(who, name, begin, ended, plan, inviter, dice)


def _stay(
    who: Who, name: str, begin: datetime, ended: datetime, plan: _Plan, inviter: int,
    dice: random.Random,
) -> Iterator[Move]:  # fmt: skip
    way = dice.choices(JOIN_WAYS, (3, 1, 6))[0]
    by = inviter if way == JOIN_WAYS[0] else None
    yield Move(who, begin, joins=True, way=way, invited_by=by, name=name)
    if dice.random() > plan.leaving:
        return
    end = begin + timedelta(hours=dice.triangular(2, 1500, 100))
    if end >= ended:
        return
    yield Move(who, end, joins=False, way=dice.choices(QUIT_WAYS, (9, 1))[0], name=name)
    again = end + timedelta(days=dice.triangular(1, 40, 7))
    if again < ended and dice.random() < 0.1:
        yield Move(who, again, joins=True, way=JOIN_WAYS[2], name=name)
