"""What to do about a factor: plays that this product has, and the page where each begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _


@dataclass(frozen=True)
class Play:
    """`place` names the page that the link leads to."""

    title: str
    text: str
    place: str
    route: str

    @property
    def url(self) -> str:
        return reverse(self.route)


def of_strengths() -> Mapping[str, Play]:
    """How to build on a factor with many points, by its key."""
    return {
        "trial_cost": Play(
            _("Trust before the sale"),
            _("An SOP for the first two weeks: a doubt answered, a case, a trial; the offer last."),
            _("SOPs"),
            "admin:journeys_sop_changelist",
        ),
        "brand_strength": Play(
            _("A face for the name"),
            _("A live code for each guide, with a welcome that says who writes and how they help."),
            _("Live codes"),
            "admin:contacts_livecode_changelist",
        ),
        "loyalty": Play(
            _("Champions bring friends"),
            _("Take the champions of RFM as a segment, and ask them first to recommend you."),
            "RFM",
            "dashboard-rfm",
        ),
        "purchase_cycle": Play(
            _("Remind before it runs out"),
            _("An SOP that begins with a paid order and writes shortly before the next is due."),
            _("SOPs"),
            "admin:journeys_sop_changelist",
        ),
        "audience_precision": Play(
            _("Sort people as they come"),
            _("Rules that tag by live code and by what people read: each gets what is theirs."),
            _("Tag rules"),
            "admin:contacts_tagrule_changelist",
        ),
        "differentiation": Play(
            _("Tell what others cannot"),
            _("Content for each stage, from why you do it to how it is used, by tracked links."),
            _("Content"),
            "admin:journeys_content_changelist",
        ),
        "order_value": Play(
            _("Work leads one by one"),
            _("Score rules that show who is ready to buy; sales take them from the queue."),
            _("Score rules"),
            "admin:journeys_scorerule_changelist",
        ),
    }


def of_weaknesses() -> Mapping[str, Play]:
    """How to make up for a factor with few points, by its key."""
    return {
        "trial_cost": Play(
            _("Let them try at once"),
            _("A live code on parcels and counters, with a coupon in its welcome message."),
            _("Live codes"),
            "admin:contacts_livecode_changelist",
        ),
        "brand_strength": Play(
            _("Catch those who know the name"),
            _("Live codes wherever the name is seen: parcels, stores, service; each its own."),
            _("Live codes"),
            "admin:contacts_livecode_changelist",
        ),
        "loyalty": Play(
            _("A reason to stay"),
            _("A customer group with help that others do not give; the group code lets them in."),
            _("Group codes"),
            "admin:contacts_groupjoincode_changelist",
        ),
        "purchase_cycle": Play(
            _("Service between purchases"),
            _("An SOP of care tips and greetings, so that their friends hear of you."),
            _("SOPs"),
            "admin:journeys_sop_changelist",
        ),
        "audience_precision": Play(
            _("A circle inside the crowd"),
            _("Segments by what people bought and read; begin with the one that pays best."),
            _("Segments"),
            "admin:contacts_segment_changelist",
        ),
        "differentiation": Play(
            _("Be different by service"),
            _("A welcome for everybody who joins a group, and somebody who answers there."),
            _("Group welcomes"),
            "admin:contacts_groupwelcome_changelist",
        ),
        "order_value": Play(
            _("Write to many at little cost"),
            _("Broadcasts to segments in place of talks one by one; look at margin, not clicks."),
            _("Broadcasts"),
            "admin:campaigns_broadcast_changelist",
        ),
    }
