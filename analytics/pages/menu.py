"""Which dashboards are there, in the order of their reading?"""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _


def dashboards() -> list[tuple[str, str, str]]:
    """(name of its route, icon, title) of each."""
    return [
        ("dashboard-overview", "monitoring", _("Business overview")),
        ("dashboard-kpis", "speed", _("Scorecard")),
        ("dashboard-plans", "event_note", _("Plans")),
        ("dashboard-baselines", "notification_important", _("Off days")),
        ("dashboard-funnel", "filter_alt", _("Funnel")),
        ("dashboard-rates", "qr_code_scanner", _("WeCom rates")),
        ("dashboard-formula", "function", _("Revenue formula")),
        ("dashboard-value", "payments", _("LTV / CAC")),
        ("dashboard-step-roi", "stairs", _("ROI by step")),
        ("dashboard-benchmark", "compare_arrows", _("Private and public")),
        ("dashboard-attribution", "share", _("Attribution")),
        ("dashboard-touches", "mark_chat_read", _("Touches")),
        ("dashboard-trust", "handshake", _("Trust mix")),
        ("dashboard-assets", "account_balance_wallet", _("User assets")),
        ("dashboard-prediction", "online_prediction", _("Prediction")),
        ("dashboard-losses", "person_remove", _("Losses")),
        ("dashboard-cohorts", "grid_on", _("Cohorts")),
        ("dashboard-concentration", "donut_large", _("Concentration")),
        ("dashboard-rfm", "apps", "RFM"),
        ("dashboard-satisfaction", "sentiment_satisfied", _("Satisfaction")),
        ("dashboard-fit", "radar", _("Private-domain fit")),
    ]


def entries(path: str) -> list[dict[str, object]]:
    """For a row of links; `here` is the page at this path."""
    return [
        {"url": reverse(name), "icon": icon, "title": title, "here": path == reverse(name)}
        for name, icon, title in dashboards()
    ]
