"""The background work of figures: count what changed."""

from celery import shared_task

from analytics import facts as facts_
from tenants import doorbell
from tenants.tasks import TenantTask


@shared_task(base=TenantTask)
def facts(tenant_id: int) -> None:
    facts_.work()
    doorbell.settle(facts_.QUEUE)
