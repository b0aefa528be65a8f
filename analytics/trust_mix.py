"""How much of what we send is service, and how much promotion? The trust mix, DOMAIN.md §6.

Service and greeting touches ÷ all touches in 30 days: those sent before a moment (sent_touches.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics import buying, message_days
from analytics.models.goals import KpiSettings
from analytics.periods import Question, filters, midnight, narrowed
from analytics.sent_touches import GENTLE, TOUCHES
from contacts.models import Contact
from contacts.segments import leaves, pieces
from contacts.segments.leaves import Field, Shape, Tests
from contacts.segments.pieces import Ids, Moment, Piece
from tenants.models import Staff
from tenants.scope import current_tenant_id

DAYS: Final = timedelta(days=30)
BINS: Final = 10  # of the distribution: tenths, both ends in the last one

_MIX = f"SELECT count(*) FILTER (WHERE {GENTLE}), count(*) FROM ({TOUCHES}) touch"  # noqa: S608 - our own names
# Contacts by what they were sent: few kinds of them, however many they are. And each member of
# staff; of both the touches are read once.
_BY_COUNTS = f"""
SELECT of_staff = 1, staff_id, gentle, sent, count(*) FROM (
  SELECT GROUPING(contact_id) AS of_staff, staff_id, count(*) FILTER (WHERE {GENTLE}) AS gentle,
    count(*) AS sent
  FROM ({TOUCHES}) touch GROUP BY GROUPING SETS ((contact_id), (staff_id))
) each GROUP BY 1, 2, 3, 4
"""  # noqa: S608 - our own names

_BELOW = f"""
SELECT contact_id FROM ({TOUCHES}) touch GROUP BY contact_id
HAVING count(*) FILTER (WHERE {GENTLE}) * 100 < %(floor)s * count(*)
"""  # noqa: S608 - our own names


@dataclass(frozen=True)
class Mix:
    gentle: int = 0
    touches: int = 0

    @property
    def share(self) -> Fraction | None:
        return Fraction(self.gentle, self.touches) if self.touches else None

    def under(self, floor: int) -> bool:
        """Of a share in per cent; nothing sent is not too little service."""
        return self.gentle * 100 < floor * self.touches


@dataclass(frozen=True)
class Row:
    """What one member of staff sent; `name` None: official accounts, and nobody."""

    name: str | None
    mix: Mix


@dataclass
class Report:
    """`mean` is of the contacts' own mixes, each the same; `mix` of all touches, each the same."""

    since: datetime
    until: datetime
    floor: int
    mix: Mix
    contacts: int = 0
    below: int = 0
    mean: Fraction | None = None
    distribution: Sequence[int] = ()
    rows: Sequence[Row] = field(default_factory=list)


def mix(question: Question) -> Mix:
    """Inside a scope: of the last 30 days of the period."""
    if question.of_everybody:
        until = _until(question)
        return Mix(*message_days.mix(until - DAYS, until))
    return Mix(*buying.rows(narrowed(_MIX, question), _given(question))[0])


def report(question: Question) -> Report:
    until = _until(question)
    floor = KpiSettings.of_tenant().trust_floor
    found = Report(until - DAYS, until, floor, Mix())
    bins = [0] * BINS
    shares = Fraction(0)
    gentle = touches = 0
    senders: list[tuple[int | None, Mix]] = []
    for of_staff, staff_id, good, sent, heads in _counted(question):
        each = Mix(good, sent)
        if of_staff:
            senders.append((staff_id, each))
            continue
        gentle, touches = gentle + good * heads, touches + sent * heads
        found.contacts += heads
        found.below += heads if each.under(floor) else 0
        shares += Fraction(good * heads, sent)
        bins[min(good * BINS // sent, BINS - 1)] += heads
    found.mix = Mix(gentle, touches)
    found.mean = shares / found.contacts if found.contacts else None
    found.distribution = bins
    found.rows = _by_staff(senders)
    return found


def _counted(question: Question) -> list[tuple[Any, ...]]:
    """Rows of _BY_COUNTS."""
    if not question.of_everybody:
        return buying.of_many(narrowed(_BY_COUNTS, question), _given(question), sorts=False)
    from analytics import message_counts  # noqa: PLC0415 - NumPy takes a while to load

    until = _until(question)
    days = message_days.read(until - DAYS, until)
    return [
        *((False, None, *each) for each in message_counts.by_counts(days)),
        *((True, pk or None, good, sent, 1) for pk, good, sent in message_counts.by_sender(days)),
    ]


def of_contact(contact_id: int) -> Mix:
    """Inside a scope: of the last 30 days."""
    now = timezone.now()
    sql = re.sub(r"\{who ([^}]*)\}", r"AND \1 = %(contact)s", _MIX)
    given = {"tenant": current_tenant_id(), "contact": contact_id}
    return Mix(*buying.rows(sql, given | {"since": now - DAYS, "until": now})[0])


def line(contact: Contact) -> str:
    """For the desk, in a few words; "" where nothing was sent."""
    found = of_contact(contact.pk)
    if found.share is None:
        return ""
    said = _("Trust mix %(mix)s (%(gentle)s of %(touches)s messages in 30 days)") % {
        "mix": f"{float(found.share):.0%}",
        "gentle": found.gentle,
        "touches": found.touches,
    }
    warned = warning(found)
    return f"{said} · {warned}" if warned else said


def warning(found: Mix) -> str:
    floor = KpiSettings.of_tenant().trust_floor
    return _("under your floor of %(floor)s%%") % {"floor": floor} if found.under(floor) else ""


def _by_staff(senders: Sequence[tuple[int | None, Mix]]) -> list[Row]:
    names = {row.pk: str(row) for row in Staff.objects.filter(pk__in=[pk for pk, _mix in senders])}
    rows = [Row(None if pk is None else names.get(pk), mix) for pk, mix in senders]
    return sorted(rows, key=lambda row: (row.name is None, -row.mix.touches, row.name or ""))


def _until(question: Question) -> datetime:
    return min(midnight(question.span.end, question.span.zone), question.as_of)


def behind(question: Question) -> tuple[str, dict[str, Any]]:
    """SQL of the contacts under the floor, and its parameters."""
    given = _given(question) | {"floor": KpiSettings.of_tenant().trust_floor}
    return narrowed(_BELOW, question), given


def _given(question: Question) -> dict[str, Any]:
    until = _until(question)
    return filters(question) | {"since": until - DAYS, "until": until}


# --- segments ---


def register() -> None:
    """A field of segments' rules, in per cent as the floor."""
    leaves.add(
        Field(
            "trust_mix",
            gettext_lazy("trust mix (%)"),
            Shape.NUMBER,
            _compile,
            hears=("touch.",),
            moved=_moved,
            tests=("at_least", "at_most", "known"),
        )
    )


def _compile(tests: Tests, moment: Moment, path: str) -> Piece:
    """Who was sent nothing has no mix."""
    ids = _touched(moment.now - DAYS, moment.now, moment)
    signs = {"at_least": ">=", "at_most": "<="}
    parts = [f"count(*) FILTER (WHERE {GENTLE}) * 100 {signs[t]} %s * count(*)"
             for t in tests if t in signs]  # fmt: skip
    having = f" HAVING {' AND '.join(parts)}" if parts else ""
    sql = f"SELECT contact_id FROM ({ids.sql}) touch GROUP BY contact_id{having}"  # noqa: S608 - own names, values apart
    given = tuple(tests[test] for test in tests if test in signs)
    return Ids(sql, (*ids.values, *given), distinct=True)


def _moved(tests: Tests, before: datetime, moment: Moment) -> Sequence[Ids]:
    """Of whom a touch came to lie 30 days back, or was dated ahead of then."""
    past = _touched(before - DAYS, moment.now - DAYS, moment)
    ahead = _touched(before, moment.now, moment)
    ids = "SELECT contact_id FROM ({}) touch"
    return [Ids(ids.format(each.sql), each.values) for each in (past, ahead)]


def _touched(since: datetime, until: datetime, moment: Moment) -> Ids:
    """The same touches, in the positional form of segments."""
    places = {"tenant": moment.tenant, "since": since, "until": until}
    values: list[object] = []

    def fill(found: re.Match[str]) -> str:
        if found["place"]:
            values.append(places[found["place"]])
            return "%s"
        among, whom = pieces.restriction(found["column"], moment)
        values.extend(whom)
        return among

    sql = re.sub(r"%\((?P<place>\w+)\)s|\{who (?P<column>[^}]*)\}", fill, TOUCHES)
    return Ids(sql, tuple(values))
