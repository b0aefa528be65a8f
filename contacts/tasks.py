"""The background work of this app: each task wakes a worker that finds its rows in Postgres."""

from celery import shared_task

from contacts import details as details_
from contacts import ingest
from contacts import livecodes as livecodes_
from contacts import timeline as timeline_
from contacts import welcome as welcome_
from contacts.imports import run
from tenants.tasks import TenantTask


@shared_task(base=TenantTask, steps=True)
def timeline(tenant_id: int) -> None:
    timeline_.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def callbacks(tenant_id: int) -> None:
    ingest.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def welcome(tenant_id: int) -> None:
    welcome_.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def livecodes(tenant_id: int) -> None:
    livecodes_.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def details(tenant_id: int) -> None:
    details_.work(tenant_id)


@shared_task(base=TenantTask, steps=True, time_limit=4 * 3600)
def imports(tenant_id: int) -> None:
    run.work(tenant_id)
