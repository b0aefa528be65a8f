"""The background work of figures: count what changed, foretell what comes, say what is off."""

from celery import shared_task

from analytics import facts as facts_
from analytics import heard
from analytics.alerts import notices as notices_
from analytics.prediction import forecasts as forecasts_
from analytics.sharing import deliveries
from tenants import doorbell
from tenants.tasks import TenantTask


@shared_task(base=TenantTask)
def facts(tenant_id: int) -> None:
    facts_.work()
    doorbell.settle(heard.QUEUE)


@shared_task(base=TenantTask, steps=True)
def forecasts(tenant_id: int) -> None:
    forecasts_.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def alerts(tenant_id: int) -> None:
    notices_.check_and_tell(tenant_id)


@shared_task(base=TenantTask, steps=True)
def notices(tenant_id: int) -> None:
    notices_.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def reports(tenant_id: int) -> None:
    deliveries.work(tenant_id)
