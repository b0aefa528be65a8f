"""The background work of this app: each task wakes a worker that finds its rows in Postgres."""

from celery import shared_task

from journeys import dispatch, score_versions, task_notices
from tenants.tasks import TenantTask


@shared_task(base=TenantTask, steps=True)
def touches(tenant_id: int) -> None:
    dispatch.run(tenant_id)


@shared_task(base=TenantTask, steps=True)
def notices(tenant_id: int) -> None:
    task_notices.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def scores(tenant_id: int) -> None:
    score_versions.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def reviews(tenant_id: int) -> None:
    score_versions.work_reviews(tenant_id)
