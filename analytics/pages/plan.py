"""The page of one plan: its goal and pace, what it was before, and what is done for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from analytics import answers, shown, targets
from analytics.api.kpis import shown as as_answered
from analytics.kpis import Value
from analytics.models.goals import Kpi
from analytics.models.plans import Plan
from analytics.pages import frame, kpi_words, menu
from analytics.pages.kpis import text
from analytics.pages.plans import days_of, links, may_set, verdict
from analytics.pages.tables import Card, Column, Table
from analytics.periods import Question, Span
from analytics.plans import attached, progress
from analytics.plans.attached import Attached
from analytics.plans.progress import Aim, Before, People, Point, Progress
from campaigns.models import Broadcast
from journeys.models import Sop
from tenants.middleware import tenant_of
from tenants.rest.fields import row_id

_TONES = {True: "good", False: "bad", None: ""}


@dataclass(frozen=True)
class _Read:
    """Everything of the page, from one state of the facts."""

    progress: Progress
    points: Sequence[Point]
    attached: Sequence[Attached]


def page(request: HttpRequest, plan_id: str) -> HttpResponse:
    return frame.page(lambda guarded: _shown(guarded, plan_id))(request)


def _shown(request: HttpRequest, plan_id: str) -> HttpResponse:
    plans = Plan.objects.select_related("segment", "owner").prefetch_related("phases")
    plan = plans.filter(pk=row_id(plan_id) or 0).first()
    if plan is None:
        raise Http404
    asked = frame.read(request)
    question = asked.question
    read = answers.steadily(lambda: _read(plan, question))
    found, currency = read.progress, tenant_of(request).currency
    aim = found.aim
    more = {"segment": str(plan.segment_id)} if plan.segment_id else {}
    return frame.show(
        request,
        asked,
        _table(read, currency),
        "analytics/plan.html",
        file=("plan", _file(read)),
        heading=plan.name,
        menu=menu.at(reverse("dashboard-plans")),
        plan=plan,
        state=found.state,
        days=days_of(plan),
        day=_day(found, question),
        figure=str(aim.metric.label),
        goal=_goal(found, currency),
        comparisons=_comparisons(found, currency),
        phases=[_phase(phase.name, each, currency) for phase, each in found.phases],
        attached=[_attached(each) for each in read.attached],
        links={
            "contacts": f"{reverse('admin:contacts_contact_changelist')}?segment={plan.segment_id}",
            "edit": reverse("admin:analytics_plan_change", args=[plan.pk]),
            **links(plan.name, **more),
        },
        may_set=may_set(request),
    )


def _read(plan: Plan, question: Question) -> _Read:
    found = progress.of(plan, question)
    return _Read(
        found,
        progress.curve(found, question),
        attached.of(
            list(plan.sops.order_by("name")),
            list(plan.broadcasts.order_by("name")),
            progress.asked(plan, question),
        ),
    )


# --- the goal ---


def _day(found: Progress, question: Question) -> str:
    span = found.aim.span
    if found.state != Plan.State.RUNNING:
        return shown.days((span.end - span.start).days)
    return _("day %(day)d of %(days)d") % {
        "day": (question.today - span.start).days + 1,
        "days": (span.end - span.start).days,
    }


def _goal(found: Progress, currency: str) -> dict[str, object]:
    aim = found.aim
    reached = Fraction(aim.value) / aim.target if aim.value is not None and aim.target else None
    rising = reached is not None and aim.metric not in targets.LESS_IS_BETTER
    cancelled = found.state == Plan.State.CANCELLED
    return {
        "value": text(aim.metric, aim.value, currency),
        "target": "" if aim.target is None else text(aim.metric, aim.target, currency),
        "reached": min(100, max(0, round(float(reached or 0) * 100))) if rising else None,
        "share": shown.rate(reached) if rising else "",
        "pace": "" if aim.pace is None else f"{float(aim.pace):.0%}",
        "expected": "" if aim.expected is None else text(aim.metric, aim.expected, currency),
        "by_weekday": aim.course.by_weekday,
        "forecast": _forecast(aim, currency),
        "verdict": verdict(aim, found.state),
        "tone": "" if cancelled else _TONES[aim.on_pace],
    }


def _forecast(aim: Aim, currency: str) -> str:
    if aim.forecast is None or aim.elapsed == 1:
        return ""
    return text(aim.metric, aim.forecast, currency)


def _phase(name: str, aim: Aim, currency: str) -> dict[str, str]:
    tone = _TONES[aim.on_pace]
    begun = aim.value is not None
    state = Plan.State.OVER if aim.elapsed == 1 else Plan.State.RUNNING
    return {
        "name": name,
        "days": _window(aim.span),
        "figure": str(aim.metric.label),
        "value": text(aim.metric, aim.value, currency),
        "target": text(aim.metric, aim.target, currency),
        "pace": shown.NONE if aim.pace is None else f"{float(aim.pace):.0%}",
        "verdict": verdict(aim, state if begun else Plan.State.PLANNED),
        "tone": tone,
    }


# --- what it is compared with ---


def _window(span: Span) -> str:
    return f"{span.start} – {span.through}"


def _comparisons(found: Progress, currency: str) -> list[Card]:
    cards = []
    for title, before in (
        (_("As many days just before"), found.before),
        (_("The same days a year before"), found.year_before),
    ):
        if before is not None:
            cards.append(_of_before(title, before, found.aim, currency))
    for title, people in (
        (_("Members of the segment"), found.members),
        (_("Everybody else"), found.others),
    ):
        if people is not None:
            cards.append(_of_people(title, people, currency))
    return cards


def _of_before(title: str, before: Before, aim: Aim, currency: str) -> Card:
    whole = text(aim.metric, before.value, currency)
    if before.so_far is None or aim.elapsed == 1:
        return Card(title, whole, _join(_window(before.span), _change(aim.value, before.value)))
    so_far = text(aim.metric, before.so_far, currency)
    change = _change(aim.value, before.so_far)
    note = _("to the same point; %(whole)s in all") % {"whole": whole}
    return Card(title, so_far, _join(change, note, _window(before.span)))


def _join(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _change(value: Value, usual: Value) -> str:
    if value is None or not usual:
        return ""
    change = (Fraction(value) - Fraction(usual)) / abs(Fraction(usual))
    return _("now %(change)s") % {"change": f"{float(change):+.0%}"}


def _of_people(title: str, people: People, currency: str) -> Card:
    contacts = _("%(count)s reachable contacts") % {"count": shown.count(people.contacts)}
    each = people.per_contact
    if each is None:
        return Card(title, text(people.metric, people.value, currency), contacts)
    money = people.metric in targets.MONEY
    per = shown.money(each, currency) if money else shown.ratio(each)
    note = _("each; %(whole)s in all") % {"whole": text(people.metric, people.value, currency)}
    return Card(title, per, _join(note, contacts))


# --- what is done for it ---


def _attached(each: Attached) -> dict[str, str]:
    sop = each.kind == "sop"
    page = "admin:journeys_sop_change" if sop else "admin:campaigns_broadcast_change"
    state = Sop.Status(each.state).label if sop else Broadcast.State(each.state).label
    share = Fraction(each.responded, each.contacts) if each.contacts else None
    return {
        "name": each.name,
        "kind": "SOP" if sop else _("Broadcast"),
        "state": str(state),
        "url": reverse(page, args=[each.id]),
        "sent": shown.count(each.sent),
        "contacts": shown.count(each.contacts),
        "responded": shown.count(each.responded),
        "rate": shown.rate(share),
    }


# --- day by day ---


def _columns(metric: Kpi) -> list[Column]:
    meaning = {column.title: column.meaning for column in kpi_words.meanings()}
    return [
        Column(_("Through the day")),
        Column(
            str(metric.label),
            meaning.get(str(metric.label), "") + " "
            + _("Here from the first day of the plan through this one."),
        ),
        Column(
            _("Due"),
            _("What of the goal should be reached by then; of rates and averages the goal itself.")
            + " " + kpi_words.due(),
        ),
        Column(
            _("Before"),
            _("As many days just before the plan, as far into them; of rates and averages, of all "
              "of them. This shows what changed, not why."),
        ),
    ]  # fmt: skip


def _meanings(found: Progress) -> list[Column]:
    columns = [
        Column(
            _("Forecast"),
            _("At the end of the plan, if it goes on as so far: value ÷ the share of the goal that "
              "is due; of rates and averages, as now. From the second day on."),
        ),
        Column(
            _("Sent, reached, responded"),
            _("Messages of the scripts and broadcasts in the days of the plan; the contacts they "
              "went to; of these, whoever wrote, read, clicked, asked, answered or joined within "
              "72 hours of one. After it, not because of it."),
        ),
    ]  # fmt: skip
    if found.plan.segment_id is not None:
        columns.append(
            Column(
                _("Members of the segment"),
                _("Who is in the segment now, in all figures of this page. Everybody else are the "
                  "other contacts. Groups that differ in one way differ in others: no proof."),
            )
        )  # fmt: skip
    return columns


def _table(read: _Read, currency: str) -> Table:
    found = read.progress
    metric = found.aim.metric
    rows = [
        [
            point.day.isoformat(), text(metric, point.value, currency),
            text(metric, point.pace, currency), text(metric, point.before, currency),
        ]
        for point in read.points
    ]  # fmt: skip
    return Table(
        _columns(metric),
        rows,
        chart=_chart(read, currency),
        meanings=_meanings(found),
    )


def _chart(read: _Read, currency: str) -> dict[str, object]:
    metric = read.progress.aim.metric
    lines: dict[str, list[Value]] = {
        str(metric.label): [point.value for point in read.points],
        _("Due"): [point.pace for point in read.points],
        _("Before"): [point.before for point in read.points],
    }
    scale = 100 if metric in targets.MONEY or metric in targets.RATES else 1
    return {
        "kind": "course",
        "labels": [point.day.isoformat() for point in read.points],
        "percent": metric in targets.RATES,
        "series": [
            {
                "label": label,
                "values": [_height(value, metric, scale) for value in values],
                "texts": [text(metric, value, currency) for value in values],
            }
            for label, values in lines.items()
            if any(value is not None for value in values)
        ],
    }


def _height(value: Value, metric: Kpi, scale: int) -> float | None:
    """In units of the currency, heads, or per cent."""
    if value is None:
        return None
    return float(value) * scale if metric in targets.RATES else float(value) / scale


def _file(read: _Read) -> Table:
    metric = read.progress.aim.metric
    titles = (_("Through the day"), str(metric.label), _("Due"), _("Before"))
    raw: list[list[object]] = [
        [
            point.day.isoformat(), as_answered(metric, point.value),
            as_answered(metric, point.pace), as_answered(metric, point.before),
        ]
        for point in read.points
    ]  # fmt: skip
    return Table([Column(title) for title in titles], raw=raw)
