"""What does each figure of the scorecard mean, and each phase?"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from analytics.kpis import Phase
from analytics.models.goals import Kpi
from analytics.pages.tables import Column


def phase(phase: Phase) -> str:
    return {
        Phase.START: _("Start-up"), Phase.MIDDLE: _("Build-up"), Phase.STEADY: _("Steady"),
    }[phase]  # fmt: skip


def of_phase(phase: Phase) -> str:
    """What matters in it."""
    return {
        Phase.START: _("The first 30 days: do people come, stay, and answer?"),
        Phase.MIDDLE: _("Days 30 to 89: does it sell, and do you know who they are?"),
        Phase.STEADY: _("From day 90 on: how much does each head achieve?"),
    }[phase]


def meanings() -> list[Column]:
    return [Column(str(key.label), text) for key, text in _meanings().items()]


def _meanings() -> Mapping[Kpi, str]:
    return {
        Kpi.NEW_CONTACTS: _("Contacts whose first reachable moment lies in the period."),
        Kpi.DELETES: _("Follows that the customer ended in the period."),
        Kpi.DELETE_RATE: _(
            "Deletes ÷ (Follows active at the start + opened in the period). Subscriptions do not "
            "count."
        ),
        Kpi.INTERACTION_RATE: _(
            "Contacts that wrote, read, clicked, asked, answered or joined in the period ÷ "
            "contacts reachable at any moment of it."
        ),
        Kpi.TAG_COVERAGE: _(
            "Contacts with at least one tag now ÷ contacts reachable at any moment of the period."
        ),
        Kpi.NEW_CUSTOMERS: _("Contacts whose first paid order lies in the period."),
        Kpi.ORDERS: _("Paid orders of the period."),
        Kpi.REVENUE: _("Amounts of paid orders of the period, less refunds."),
        Kpi.AOV: _("Revenue ÷ orders."),
        Kpi.REPEAT_RATE: _(
            "Customers with two or more paid orders before the period's end ÷ customers."
        ),
        Kpi.REFERRAL_RATE: _(
            "Customers who brought at least one contact by the period's end ÷ customers."
        ),
        Kpi.REVENUE_PER_HEAD: _(
            "Revenue ÷ heads: staff in full-time equivalents + agency fees ÷ average pay."
        ),
        Kpi.CONTACTS_PER_HEAD: _("New contacts ÷ heads."),
        Kpi.TRUST_MIX: _(
            "Service and greeting touches ÷ all touches of the period's last 30 days."
        ),
        Kpi.ACTIVITY: _(
            "Contacts reachable at the period's end that gave a sign of life in the days before "
            "(ownership level 2 or 3) ÷ all of them."
        ),
        Kpi.SATISFACTION: _(
            "Mean answer to surveys of the period: 0 % is the lowest one, 100 % the highest."
        ),
    }  # fmt: skip


def due() -> str:
    """What of a goal should be reached by a day: pacing.py."""
    return _(
        "What is due: each day counts as much as its weekday usually brings, by the median of the "
        "eight weeks before; where these are not known, all days count the same."
    )
