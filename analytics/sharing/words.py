"""What a report says, in the active language: as text, as an e-mail, and why one did not go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from analytics import asking
from analytics.models.sharing import ReportDelivery, ReportSchedule
from analytics.pages import files
from analytics.pages.reading import Laid
from analytics.pages.tables import Card
from tenants.ids import encode
from tenants.punctuation import said

TOLD_AT_MOST: Final = 12  # figures
_COLUMNS: Final = 2  # of a table without a summary: the name, and the first figure

# Why a report was left out or failed; other texts are what the provider said.
PROBLEMS: Final[Mapping[str, str | Promise]] = {
    "paused": gettext_lazy("paused or silent"),
    "gone": gettext_lazy("is no member any more"),
    "left": gettext_lazy("has left the company"),
    "may_not": gettext_lazy("may not see these figures"),
    "private": gettext_lazy("the saved view is not shared"),
    "no_staff": gettext_lazy("is no member of your WeCom"),
    "no_address": gettext_lazy("has no e-mail address"),
    "no_agent": gettext_lazy("no WeCom app is connected"),
    "member_gone": gettext_lazy("has left the company"),
    "no_email": gettext_lazy("this server sends no e-mail"),
    "filters": gettext_lazy("a filter of the saved view means nothing any more"),
    "no_page": gettext_lazy("the dashboard is no longer there"),
    "error": gettext_lazy("an error of ours; see the log"),
    "no_webhook": gettext_lazy("no webhook asks for “report.due”"),
    "Unknown": gettext_lazy("nobody knows whether it left"),
}


def problem(code: str) -> str:
    return str(PROBLEMS.get(code, code))


@dataclass(frozen=True)
class Told:
    """A report in words: what both ways say."""

    subject: str
    business: str
    period: str
    narrowed: str
    as_of: str
    figures: list[tuple[str, str, str]]
    link: str


def told(delivery: ReportDelivery, laid: Laid, zone: ZoneInfo) -> Told:
    schedule, span = delivery.run.schedule, laid.question.span
    one_day = span.start == span.through
    period = (
        span.start.isoformat()
        if one_day
        else _("%(start)s to %(through)s") % {"start": span.start, "through": span.through}
    )
    return Told(
        subject=said(schedule.view.name, period),
        business=schedule.tenant.name,
        period=f"{laid.heading} · {period}",
        narrowed=" · ".join(asking.narrowed_to(laid.question, schedule.view.query)),
        as_of=_("As of %(at)s (%(zone)s)")
        % {"at": f"{laid.question.as_of.astimezone(zone):%Y-%m-%d %H:%M:%S}", "zone": zone.key},
        figures=key_figures(laid),
        link=_link(schedule, delivery.run.slot, zone),
    )


def _link(schedule: ReportSchedule, slot: datetime, zone: ZoneInfo) -> str:
    """The view as of the day on which the report was due."""
    path = reverse("shared-view", args=[encode(schedule.view_id)])
    return f"{settings.BASE_URL}{path}?on={slot.astimezone(zone):%Y-%m-%d}"


def key_figures(laid: Laid) -> list[tuple[str, str, str]]:
    """Title, figure, note: the page's summary, or the first figures of its table."""
    if laid.table.cards:
        return [(card.title, card.text, _note(card)) for card in laid.table.cards[:TOLD_AT_MOST]]
    return [(row[0], row[1], "") for row in laid.table.rows[:TOLD_AT_MOST] if len(row) >= _COLUMNS]


def _note(card: Card) -> str:
    """How it changed, where periods are compared, and what the card adds."""
    changed = card.change.text if card.change else ""
    return " · ".join(part for part in (changed, card.note) if part)


def as_text(report: Told) -> str:
    """The link stands before the figures: the platform cuts long messages."""
    top = [report.subject, *filter(None, [report.narrowed]), report.link]
    return "\n".join([*top, "", *_lines(report), "", report.as_of])


def _lines(report: Told) -> list[str]:
    if not report.figures:
        return [_("No figures in this period.")]
    return [
        said(title, f"{figure} ({note})" if note else figure)
        for title, figure, note in report.figures
    ]


def as_email(
    delivery: ReportDelivery, report: Told, laid: Laid, address: str
) -> EmailMultiAlternatives:
    why = _("You get this e-mail because a colleague chose you for a scheduled report of "
            "%(business)s.") % {"business": report.business}  # fmt: skip
    of = " · ".join(filter(None, [report.business, report.period, report.narrowed]))
    parts = [of, "", *_lines(report), "", report.link, "",
             report.as_of, why]  # fmt: skip
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    message = EmailMultiAlternatives(
        subject=f"{report.subject} · {report.business}",
        body="\n".join(parts),
        to=[address],
        headers={
            # One that a person sends again has another; a copy made on the way has the same.
            "Message-ID": f"<report.{encode(delivery.pk)}.{delivery.attempts}@{host}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    context = {"report": report, "why": why, "language": get_language()}
    message.attach_alternative(
        render_to_string("analytics/report_email.html", context), "text/html"
    )
    form = delivery.run.schedule.attachment
    if form in files.FORMS and laid.table.rows:
        file = files.FORMS[form](laid.file, laid.name)
        message.attach(f"{laid.name}.{form}", file.content, file["Content-Type"].split(";")[0])
    return message
