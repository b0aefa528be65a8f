"""The background work of this app: each task wakes a worker that finds its rows in Postgres."""

from celery import shared_task

from campaigns.broadcasts import results, sending
from tenants.tasks import TenantTask


@shared_task(base=TenantTask, steps=True)
def broadcasts(tenant_id: int) -> None:
    sending.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def broadcast_results(tenant_id: int) -> None:
    results.work(tenant_id)
