"""What do the parameters of a report or dashboard mean? One reading for the API and the pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _

from analytics.periods import Question, Span
from contacts.models import Channel, Product, Segment
from tenants.models import Staff, Team, Tenant
from tenants.rest.fields import row_id

NAMES = frozenset({"from", "to", "as_of", "channel", "staff", "team", "segment", "product_role"})
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_FIRST, _LAST = date(1970, 1, 2), date(2200, 1, 1)


class Wrong(ValueError):  # noqa: N818 - reads as what the parameters are
    """Parameters that mean nothing: name → why."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = dict(fields)


def ask(given: Mapping[str, str], tenant: Tenant, *, days: int | None = None) -> Question:
    """The question that the parameters ask; empty ones are left out.

    Without `from` and `to`: up to today, the last `days` days, or the last twelve months.
    """
    texts = {name: text.strip() for name, text in given.items() if text.strip()}
    wrong: dict[str, str] = {}
    as_of = _moment(texts.get("as_of"), tenant.tz, wrong)
    end = _day("to", texts, wrong) or _after(as_of, tenant.tz)
    start = _day("from", texts, wrong) or _before(end, days)
    if start >= end and not wrong.keys() & {"from", "to"}:
        wrong["from" if "from" in texts else "to"] = _("The period must end after it begins.")
    channel = _channel(texts.get("channel"), wrong)
    owners = _owners(texts, wrong)
    segment = _segment(texts.get("segment"), wrong)
    role = _role(texts.get("product_role"), wrong)
    if wrong:
        raise Wrong(wrong)
    span = Span(start, end, tenant.tz)
    return Question(span, as_of, channel, owners, segment, product_role=role)


def compared(given: Mapping[str, str], question: Question) -> Question | None:
    """The same question of another period, `compare_from` to `compare_to`, if one is given."""
    names = ("compare_from", "compare_to")
    texts = {name: given[name].strip() for name in names if given.get(name, "").strip()}
    if not texts:
        return None
    wrong: dict[str, str] = {}
    start, end = (_day(name, texts, wrong) for name in names)
    for name in set(names) - texts.keys():
        wrong[name] = _("Give both ends of the period to compare with.")
    if start and end and start >= end:
        wrong["compare_from"] = _("The period must end after it begins.")
    if wrong or not start or not end:
        raise Wrong(wrong)
    return replace(question, span=replace(question.span, start=start, end=end))


def _after(as_of: datetime, zone: ZoneInfo) -> date:
    """The day of as_of is in the period."""
    return as_of.astimezone(zone).date() + timedelta(days=1)


def _before(end: date, days: int | None) -> date:
    if days is not None:
        return end - timedelta(days=days)
    last = end - timedelta(days=1)
    months = last.year * 12 + last.month - 12
    return date(months // 12, months % 12 + 1, 1)


def _day(name: str, texts: Mapping[str, str], wrong: dict[str, str]) -> date | None:
    text = texts.get(name)
    if text is None:
        return None
    try:
        if _DAY.fullmatch(text) and _FIRST <= (day := date.fromisoformat(text)) <= _LAST:
            return day
    except ValueError:
        pass
    wrong[name] = _("Write a date such as 2026-01-31.")
    return None


def _moment(text: str | None, zone: ZoneInfo, wrong: dict[str, str]) -> datetime:
    if text is None:
        return timezone.now()
    # A "+" that was not escaped in the address arrives as a space.
    text = re.sub(r"(T\S+) (\d\d:\d\d)$", r"\1+\2", text)
    try:
        moment = datetime.fromisoformat(text) if len(text) >= 10 else None
        if moment is not None and _FIRST <= moment.date() <= _LAST:
            return moment if moment.tzinfo else moment.replace(tzinfo=zone)
    except ValueError:
        pass
    wrong["as_of"] = _("Write a time such as 2026-01-31T18:00:00+08:00, or a date.")
    return timezone.now()


def _channel(text: str | None, wrong: dict[str, str]) -> int | None:
    """By id or by name."""
    if text is None:
        return None
    number = row_id(text)
    rows = Channel.objects.filter(pk=number) if number is not None else Channel.objects.none()
    found = rows.first() or Channel.objects.filter(name=text[:100]).first()
    if found is None:
        wrong["channel"] = _("There is no such channel.")
        return None
    return found.pk


def _owners(texts: Mapping[str, str], wrong: dict[str, str]) -> tuple[int, ...] | None:
    """The staff whose contacts are meant: those that both `staff` and `team` allow."""
    if "staff" not in texts and "team" not in texts:
        return None
    members = Staff.objects.all()
    if "staff" in texts:
        text = texts["staff"]
        known = members.filter(pk=row_id(text) or 0).first() or members.filter(userid=text).first()
        if known is None:
            wrong["staff"] = _("There is no such member of staff.")
        members = members.filter(pk=known.pk if known else 0)
    if "team" in texts:
        asked = team(texts["team"])
        if asked is None:
            wrong["team"] = _("There is no such team.")
        members = members.filter(team=asked)
    return tuple(members.values_list("pk", flat=True))


def _segment(text: str | None, wrong: dict[str, str]) -> int | None:
    """By id or by name."""
    if text is None:
        return None
    found = (
        Segment.objects.filter(pk=row_id(text) or 0).first()
        or Segment.objects.filter(name=text[:100]).first()
    )
    if found is None:
        wrong["segment"] = _("There is no such segment.")
        return None
    return found.pk


def _role(text: str | None, wrong: dict[str, str]) -> str | None:
    if text is None or text in Product.Role.values:
        return text
    wrong["product_role"] = _("There is no such product role: write one of %(roles)s.") % {
        "roles": ", ".join(Product.Role.values)
    }
    return None


def narrowed_to(question: Question, given: Mapping[str, str]) -> list[str]:
    """Inside a scope: the filters of a question in words."""
    found = []
    if question.channel_id is not None:
        found.append(str(Channel.objects.get(pk=question.channel_id)))
    found += [given[name] for name in ("team", "staff", "segment") if given.get(name)]
    if question.product_role is not None:
        found.append(_("bought: %(role)s") % {"role": Product.Role(question.product_role).label})
    return found


def team(text: str) -> Team | None:
    """By id or by name."""
    return (
        Team.objects.filter(pk=row_id(text) or 0).first()
        or Team.objects.filter(name=text[:100]).first()
    )
