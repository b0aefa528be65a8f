"""With which others does a touch become one mass task? With all that say the same at that time.

A task waits a little for more (settings.TOUCH_GATHER_S) from the first on; then shared_sends.py
asks the platform for it. Until then nothing has left the house.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from contacts.messaging import Request
from journeys import ledger
from journeys.ledger import Move, State
from journeys.models import SharedTask, Touch
from tenants.wechat.mass_sends import RECIPIENTS_LIMIT


def gather(touch: Touch, request: Request) -> None:
    """Inside a scope, a claimed touch that is locked: it waits with others, or is planned again."""
    task = _open_task(_digest(touch, request), int(str(request["account"])))
    if task is None or Touch.objects.filter(shared=task, contact=touch.contact_id).exists():
        # Somebody gets the same words twice: as two messages.
        soon = timezone.now() + timedelta(seconds=1 + settings.TOUCH_GATHER_S)
        again = Move(touch.pk, touch.attempt, State.PLANNED, due_at=soon)
        ledger.move([again], [State.CLAIMED])
        return
    task.size += 1
    if task.size >= RECIPIENTS_LIMIT:
        task.state, task.due_at = SharedTask.State.READY, timezone.now()
    task.save(update_fields=["size", "state", "due_at"])
    touch.shared, touch.request, touch.lease_until, touch.reminded = task, request, None, []
    touch.save(update_fields=["shared", "request", "lease_until", "reminded"])


def _digest(touch: Touch, request: Request) -> str:
    said = {name: value for name, value in request.items() if name != "external_userid"}
    named = json.dumps([touch.step_id, said], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(named.encode()).hexdigest()


def _open_task(digest: str, account_id: int) -> SharedTask | None:
    """The one that still gathers, locked; it may be closed while we look, then there is a new."""
    gathering = SharedTask.objects.select_for_update(no_key=True, of=("self",)).filter(
        digest=digest, state=SharedTask.State.GATHERING
    )
    for _try in range(3):
        task = gathering.first()
        if task is not None:
            return task
        due_at = timezone.now() + timedelta(seconds=settings.TOUCH_GATHER_S)
        new = SharedTask(digest=digest, account_id=account_id, due_at=due_at)
        SharedTask.objects.bulk_create([new], ignore_conflicts=True)
    return None
