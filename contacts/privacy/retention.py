"""How long are events kept? Each night the older ones of a kind go, in batches, by the tenant's
rules. Money is never forgotten so: orders and what figures are made of have no rule.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts.models import Event, Retention
from tenants import audit, doorbell
from tenants.models import Tenant
from tenants.scope import current_tenant_id

QUEUE: Final = "retention"
BATCH: Final = 5000
HOUR: Final = 3  # of the night, in the tenant's zone
# Money, reachability, moves and promises: figures are computed from these at any time.
NEVER: Final = (
    "order.", "reward.", "follow.", "subscription.", "contact.", "consent.", "stage.", "lead.",
    "points.", "group.",
)  # fmt: skip

_KINDS = "SELECT DISTINCT kind FROM contacts_event WHERE tenant_id = %s AND starts_with(kind, %s)"


def check(kind: str) -> None:
    """Raises ValidationError for kinds that may not go."""
    if any(kind.startswith(each) or each.startswith(kind) for each in NEVER):
        raise ValidationError(
            _("Events of this kind carry money or figures; they are not deleted."), code="never"
        )


def ring() -> None:
    """A rule was made or changed: the worker notes when it is due."""
    doorbell.ring(QUEUE)


def next_due() -> datetime | None:
    """The next night, or now when a rule has not run since the last one."""
    rules = Retention.objects.filter(active=True)
    if not rules.exists():
        return None
    night = _night()
    waiting = rules.filter(done_at=None) | rules.filter(done_at__lt=night)
    return timezone.now() if waiting.exists() else night + timedelta(days=1)


def _night() -> datetime:
    """The last three o'clock."""
    zone = Tenant.current().tz
    now = timezone.now().astimezone(zone)
    today = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


def work(tenant_id: int) -> None:
    """Outside a scope: one batch a transaction."""
    doorbell.work_off(QUEUE, tenant_id, step)


def step() -> bool:
    """Inside a scope: a batch of the next rule; False when all have run."""
    night = _night()
    waiting = Retention.objects.filter(active=True, done_at=None)
    rule = (waiting | Retention.objects.filter(active=True, done_at__lt=night)).order_by("id")
    each = rule.select_for_update(skip_locked=True, of=("self",)).first()
    if each is None:
        return False
    gone = delete(each)
    mine = Retention.objects.filter(pk=each.pk)
    mine.update(deleted=F("deleted") + gone)
    if gone < BATCH:
        mine.update(done_at=timezone.now())
    if gone:
        audit.record(
            "event.expired", each,
            detail={"kind": each.kind, "days": each.days, "events": gone},
        )  # fmt: skip
    return True


def delete(each: Retention, batch: int = BATCH) -> int:
    """One batch of what is older than the rule says."""
    kinds = _kinds_of(each.kind)
    if not kinds:
        return 0
    before = timezone.now() - timedelta(days=each.days)
    old = Event.objects.filter(kind__in=kinds, at__lt=before, handled_at__isnull=False)
    ids = list(old.order_by("kind", "at").values_list("id", flat=True)[:batch])
    Event.objects.filter(pk__in=ids).delete()  # with the points that it earned, long decayed
    return len(ids)


def _kinds_of(pattern: str) -> list[str]:
    if not pattern.endswith("."):
        found = [pattern]
    else:
        with connection.cursor() as cursor:
            cursor.execute(_KINDS, [current_tenant_id(), pattern])
            found = [str(kind) for (kind,) in cursor.fetchall()]
    return [kind for kind in found if not kind.startswith(NEVER)]
