"""What the customers of a demo business answered when they were asked whether they are content.

They are asked some days after an order, and most are content; but there were weeks in which
something went wrong, and who bought then says so. Same business and same day, same answers.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from contacts import timeline
from contacts.models import Order
from journeys import surveys
from journeys.models import Content, Link, Scale, SurveyAnswer
from scrm.demo.businesses import Business, SurveyPlan

_ANSWERING, _COMMENTING = 0.46, 0.35
_OPEN: Final = timedelta(days=10)  # whoever was not content before has been talked to
# How many give one to five stars, usually and of the weeks that went wrong; ten go by two.
_USUAL: Final = (1, 2, 9, 36, 52)
_WRONG: Final = (16, 22, 27, 22, 13)


def fill(business: Business) -> None:
    """Inside the scope of the demo tenant and its time zone."""
    dice = random.Random(f"{business.slug}:surveys")  # noqa: S311 - made-up people, no secrets
    now = timezone.now()
    bought = defaultdict[int, list[datetime]](list)
    orders = Order.objects.filter(paid=True).order_by("paid_at", "id")
    for contact_id, at in orders.values_list("contact_id", "paid_at"):
        if at is not None:
            bought[contact_id].append(at)
    for plan in business.surveys:
        piece = Content.objects.create(
            title=plan.title,
            kind=Content.Kind.SURVEY,
            purpose="advocacy",
            body=plan.question,
            scale=plan.scale,
        )
        asked = {
            contact_id: days[plan.order - 1] + timedelta(days=plan.wait)
            for contact_id, days in bought.items()
            if len(days) >= plan.order
        }
        links = _ask(piece, {who: at for who, at in asked.items() if at < now})
        _answer(links, plan, now, dice)


def _ask(piece: Content, asked: dict[int, datetime]) -> list[Link]:
    """Each by a link of their own, made when they were asked."""
    links = Link.objects.bulk_create(Link(content=piece, contact_id=who) for who in asked)
    for link in links:
        link.created_at = asked[link.contact_id or 0]
    Link.objects.bulk_update(links, ["created_at"], batch_size=500)
    return links


def _answer(links: list[Link], plan: SurveyPlan, now: datetime, dice: random.Random) -> None:
    rows = SurveyAnswer.objects.bulk_create(_answers(links, plan, now, dice))
    of = {link.contact_id: link for link in links}
    timeline.record(surveys.event(of[row.contact_id], row, row.answered_at) for row in rows)
    for row in rows:
        if now - row.answered_at < _OPEN:
            surveys.ask_staff(of[row.contact_id], row, row.answered_at)


def _answers(
    links: list[Link], plan: SurveyPlan, now: datetime, dice: random.Random
) -> Iterator[SurveyAnswer]:
    for link in links:
        at = link.created_at + timedelta(hours=dice.expovariate(1 / 14))
        if dice.random() > _ANSWERING or at >= now:
            continue
        begun, over = plan.wrong
        wrong = timedelta(days=over) < now - link.created_at < timedelta(days=begun)
        stars = dice.choices(range(1, 6), _WRONG if wrong else _USUAL)[0]
        words = plan.words[0 if stars <= 2 else 1 if stars == 3 else 2]
        yield SurveyAnswer(
            content_id=link.content_id,
            contact_id=link.contact_id or 0,
            scale=plan.scale,
            score=stars if plan.scale == Scale.FIVE else 2 * stars - dice.randrange(2),
            comment=dice.choice(words) if dice.random() < _COMMENTING else "",
            answered_at=at,
        )
