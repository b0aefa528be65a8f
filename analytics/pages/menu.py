"""Which dashboards are there, in the order of their reading and as an owner thinks of them?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

# (name of its route, icon, title)
Dashboard = tuple[str, str, str]


@dataclass(frozen=True)
class Entry:
    url: str
    icon: str
    title: str
    here: bool


@dataclass(frozen=True)
class Group:
    """Dashboards that answer one kind of question; `here` holds the page that is shown."""

    title: str
    entries: Sequence[Entry]

    @property
    def here(self) -> Entry | None:
        return next((entry for entry in self.entries if entry.here), None)

    @property
    def first(self) -> Entry:
        return self.entries[0]

    @property
    def names(self) -> str:
        return " · ".join(entry.title for entry in self.entries)


@dataclass(frozen=True)
class Menu:
    groups: Sequence[Group]

    @property
    def group(self) -> Group | None:
        """The one in which the page is; pages about pages are in none."""
        return next((group for group in self.groups if group.here), None)


_GROUPS: Final[Sequence[tuple[Promise, Sequence[tuple[str, str, Promise | str]]]]] = [
    (
        pgettext_lazy("of dashboards", "Overview"),
        [
            ("dashboard-overview", "monitoring", gettext_lazy("Business overview")),
            ("dashboard-kpis", "speed", gettext_lazy("Scorecard")),
            ("dashboard-plans", "event_note", gettext_lazy("Plans")),
            ("dashboard-baselines", "notification_important", gettext_lazy("Off days")),
            ("dashboard-fit", "radar", gettext_lazy("Private-domain fit")),
        ],
    ),
    (
        pgettext_lazy("of dashboards", "Acquiring"),
        [
            ("dashboard-funnel", "filter_alt", gettext_lazy("Funnel")),
            ("dashboard-rates", "qr_code_scanner", gettext_lazy("WeCom rates")),
            ("dashboard-benchmark", "compare_arrows", gettext_lazy("Private and public")),
        ],
    ),
    (
        pgettext_lazy("of dashboards", "Nurturing"),
        [
            ("dashboard-touches", "mark_chat_read", gettext_lazy("Touches")),
            ("dashboard-trust", "handshake", gettext_lazy("Trust mix")),
            ("dashboard-satisfaction", "sentiment_satisfied", gettext_lazy("Satisfaction")),
        ],
    ),
    (
        pgettext_lazy("of dashboards", "Selling"),
        [
            ("dashboard-formula", "function", gettext_lazy("Revenue formula")),
            ("dashboard-attribution", "share", gettext_lazy("Attribution")),
            ("dashboard-step-roi", "stairs", gettext_lazy("ROI by step")),
        ],
    ),
    (
        pgettext_lazy("of dashboards", "Keeping"),
        [
            ("dashboard-assets", "account_balance_wallet", gettext_lazy("User assets")),
            ("dashboard-losses", "person_remove", gettext_lazy("Losses")),
            ("dashboard-cohorts", "grid_on", gettext_lazy("Cohorts")),
        ],
    ),
    (
        pgettext_lazy("of dashboards", "Customer value"),
        [
            ("dashboard-value", "payments", gettext_lazy("LTV / CAC")),
            ("dashboard-prediction", "online_prediction", gettext_lazy("Prediction")),
            ("dashboard-rfm", "apps", "RFM"),
            ("dashboard-concentration", "donut_large", gettext_lazy("Concentration")),
        ],
    ),
]


def dashboards() -> list[Dashboard]:
    return [(name, icon, str(title)) for _group, pages in _GROUPS for name, icon, title in pages]


def at(path: str) -> Menu:
    """As it is shown on the page at this path."""
    return Menu([Group(str(title), _entries(pages, path)) for title, pages in _GROUPS])


def _entries(pages: Sequence[tuple[str, str, Promise | str]], path: str) -> list[Entry]:
    return [
        Entry(reverse(name), icon, str(title), path == reverse(name)) for name, icon, title in pages
    ]
