"""What a dashboard offers to whoever wants to keep it: a name, and which days are meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import resolve, reverse
from django.utils import timezone

from analytics.models.sharing import ReportView
from analytics.periods import Question
from analytics.sharing import views

FROZEN: Final = "frozen"  # fixed days, and what is known of them now


def offer(request: HttpRequest, given: Mapping[str, str], question: Question) -> dict[str, object]:
    """For the form on the page; nothing where the page cannot be saved."""
    page = views.page_of(resolve(request.path).url_name)
    if page is None:
        return {}
    span = question.span
    today = timezone.now().astimezone(span.zone).date()
    kept = {name: text for name, text in given.items() if name not in views.DATES and text}
    frozen = bool(given.get("as_of"))
    return {
        "url": reverse("saved-views"),
        "page": page,
        "query": urlencode(kept),
        "periods": ReportView.Period.choices,
        "here": FROZEN if frozen else views.period_of(span.start, span.through, today),
        "frozen": FROZEN,
        "start": span.start,
        "through": span.through,
        "as_of": question.as_of.isoformat(),
    }
