"""Who is told of alerts by a message of our app, and did the message leave?

One message a person for all that is due at one moment: that is one a day. Claim, call, settle: the
request is frozen before the first call, and the platform drops repeats of the same bytes for hours.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Final

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics import shown, targets
from analytics.alerts import checks
from analytics.models.alerts import Alert, AlertNotice, AlertRule
from analytics.models.goals import Kpi
from contacts import messaging
from contacts.messaging import member_messages
from contacts.messaging.member_messages import LEASE, Job
from tenants import doorbell
from tenants.models import Tenant
from tenants.scope import scope

QUEUE = "alert-notices"
TOLD_AT_MOST: Final = 20  # alerts in one message

State = AlertNotice.State


def next_due() -> datetime | None:
    return member_messages.next_due(AlertNotice.objects.all())


def work(tenant_id: int) -> None:
    """Send what is due, one message after the other."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _send)


def _claim() -> Job | None:
    while (first := _first()) is not None:
        job = _begin(first) if first.state == State.WAITING else _again(first)
        if job is not None:
            return job
    return None


def _first() -> AlertNotice | None:
    return member_messages.first(AlertNotice.objects.select_related("recipient"))


def _begin(first: AlertNotice) -> Job | None:
    """All that this person is to be told by now; what somebody has seen to is not told any more."""
    now = timezone.now()
    waiting = AlertNotice.objects.filter(
        recipient=first.recipient_id, state=State.WAITING, due_at__lte=now
    )
    rows = list(waiting.select_related("alert").select_for_update(of=("self",)).order_by("id"))
    still = [row for row in rows if row.alert.state == Alert.State.OPEN]
    seen = [row.pk for row in rows if row not in still]
    AlertNotice.objects.filter(pk__in=seen).update(state=State.LIST)
    if not still:
        return None
    mine = AlertNotice.objects.filter(pk__in=[row.pk for row in still])
    try:
        text = text_of([row.alert for row in still])
        request = messaging.prepare_for_member(first.recipient, text)
    except messaging.NoRoute as error:
        mine.update(state=State.LIST, problem=error.reason)
        return None
    job = Job(uuid.uuid4(), request)
    mine.update(
        state=State.SENDING, message=job.message, request=request, first_tried_at=now,
        lease_until=now + LEASE,
    )  # fmt: skip
    return job


def _again(first: AlertNotice) -> Job | None:
    """The lease ran out: the same message once more, or nobody knows."""
    now = timezone.now()
    same = AlertNotice.objects.filter(message=first.message, state=State.SENDING)
    job = member_messages.again(first.message, first.request, first.first_tried_at, now)
    if job:
        same.update(lease_until=now + LEASE)
    else:
        same.update(state=State.UNKNOWN, lease_until=None)
    return job


def _send(tenant_id: int, job: Job) -> None:
    told = member_messages.tell(tenant_id, job)
    member_messages.settle(tenant_id, lambda: AlertNotice.objects.filter(message=job.message), told)


# --- words ---


def text_of(found: Sequence[Alert]) -> str:
    """What the message says, in the language of the installation."""
    page = f"{settings.BASE_URL}{reverse('admin:analytics_alert_changelist')}"
    with translation.override(settings.LANGUAGE_CODE):
        n = len(found)
        head = ngettext("%(n)d figure needs a look", "%(n)d figures need a look", n) % {"n": n}
        lines = [head, page, "", *(sentence(alert) for alert in found[:TOLD_AT_MOST])]
        if n > TOLD_AT_MOST:
            lines.append(_("and %(n)d more") % {"n": n - TOLD_AT_MOST})
    return "\n".join(lines)


def sentence(alert: Alert) -> str:
    """In the active language: what was found, and what may be behind it."""
    currency = Tenant.current().currency
    words = {
        "figure": str(Kpi(alert.metric).label),
        "day": alert.day.isoformat(),
        "value": _amount(alert, Fraction(alert.value), currency),
        "expected": _amount(alert, Fraction(alert.expected), currency),
    }
    if alert.kind == AlertRule.Kind.PACE:
        return (
            _("%(figure)s up to %(day)s: %(value)s, to be on pace for the target: %(expected)s")
            % words
        )
    if alert.kind == AlertRule.Kind.FLOOR:
        return _("%(figure)s up to %(day)s: %(value)s, under the floor of %(expected)s") % words
    text = _("%(figure)s on %(day)s: %(value)s, usual is %(expected)s") % words
    steps = " · ".join(str(Kpi(step).label) for step in alert.steps)
    told = {"sentence": text, "steps": steps}
    return _("%(sentence)s (likely step: %(steps)s)") % told if steps else text


def _amount(alert: Alert, value: Fraction, currency: str) -> str:
    if alert.metric in targets.MONEY:
        return shown.money_at_a_glance(value * 100, currency)
    if alert.metric in targets.RATES:
        return shown.rate(value)
    return f"{float(value):,.1f}".removesuffix(".0")


def check_and_tell(tenant_id: int) -> None:
    """Outside any scope: what the days that are over give, then the messages that are due."""
    with scope(tenant_id):
        checks.check()
        doorbell.settle(checks.QUEUE)
        doorbell.settle(QUEUE)
    work(tenant_id)
