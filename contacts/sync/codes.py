"""Do the live codes at the platform still say what they should? Looked at, and put right."""

from __future__ import annotations

from django.utils import timezone

from contacts import livecodes
from contacts.models import Drift, LiveCode
from contacts.sync.jobs import Job
from tenants.scope import scope
from tenants.wechat.client import WeComClient


def read(tenant_id: int, job: Job, client: WeComClient) -> None:
    """Has contacts.livecodes compare each of them now, and tells what it found."""
    with scope(tenant_id):
        codes = LiveCode.objects.filter(account=job.account_id, status=LiveCode.Status.ACTIVE)
        ids = list(codes.values_list("id", flat=True))
        codes.update(checked_at=None, due_at=timezone.now())
        job.keep(total=len(ids))
    livecodes.work(tenant_id)
    with scope(tenant_id):
        differ = LiveCode.objects.filter(pk__in=ids, drift_at__gte=job.started_at)
        repaired = Drift.State.REPAIRED
        job.found(
            *(
                Drift(kind=Drift.Kind.CODE, state=repaired, live_code=code, detail=code.drift)
                for code in differ
            )
        )
        job.keep(done=len(ids), updated=len(differ))
