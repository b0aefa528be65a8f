"""The background work of figures: count what changed, and say what is off."""

from celery import shared_task

from analytics import alert_notices
from analytics import facts as facts_
from tenants import doorbell
from tenants.tasks import TenantTask


@shared_task(base=TenantTask)
def facts(tenant_id: int) -> None:
    facts_.work()
    doorbell.settle(facts_.QUEUE)


@shared_task(base=TenantTask, steps=True)
def alerts(tenant_id: int) -> None:
    alert_notices.check_and_tell(tenant_id)


@shared_task(base=TenantTask, steps=True)
def notices(tenant_id: int) -> None:
    alert_notices.work(tenant_id)
