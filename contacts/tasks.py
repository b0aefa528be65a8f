"""The background work of this app: each task wakes a worker that finds its rows in Postgres."""

from celery import shared_task

from contacts import bulk_actions, ingest, loss_notices
from contacts import custom_values as custom_values_
from contacts import details as details_
from contacts import livecodes as livecodes_
from contacts import media as media_
from contacts import pretags as pretags_
from contacts import timeline as timeline_
from contacts import welcome as welcome_
from contacts.exports import run as exports_
from contacts.groups import join_codes, reading, welcomes
from contacts.groups import upkeep as group_upkeep
from contacts.imports import keeping, run
from contacts.livecodes import remarks
from contacts.merging import duplicates
from contacts.privacy import retention as retention_
from contacts.segments import upkeep
from contacts.sync import pairs, running
from contacts.sync import remarks as remarks_
from contacts.sync import tags as tags_
from contacts.tag_rules import upkeep as tag_upkeep
from contacts.transfers import running as transfers_
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
def live_code_remarks(tenant_id: int) -> None:
    remarks.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def details(tenant_id: int) -> None:
    details_.work(tenant_id)


@shared_task(base=TenantTask, steps=True, time_limit=4 * 3600)
def imports(tenant_id: int) -> None:
    run.work(tenant_id)


@shared_task(base=TenantTask, steps=True, time_limit=4 * 3600)
def exports(tenant_id: int) -> None:
    exports_.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def files(tenant_id: int) -> None:
    keeping.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def media(tenant_id: int) -> None:
    media_.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def bulk(tenant_id: int) -> None:
    bulk_actions.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def merges(tenant_id: int) -> None:
    duplicates.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def custom_values(tenant_id: int) -> None:
    custom_values_.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def segments(tenant_id: int) -> None:
    upkeep.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def losses(tenant_id: int) -> None:
    loss_notices.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def group_days(tenant_id: int) -> None:
    group_upkeep.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def tag_rules(tenant_id: int) -> None:
    tag_upkeep.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def pretags(tenant_id: int) -> None:
    pretags_.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def retention(tenant_id: int) -> None:
    retention_.work(tenant_id)


@shared_task(base=TenantTask, steps=True, time_limit=4 * 3600)
def sync(tenant_id: int) -> None:
    running.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def tag_names(tenant_id: int) -> None:
    tags_.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def tag_pairs(tenant_id: int) -> None:
    pairs.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def remark_pushes(tenant_id: int) -> None:
    remarks_.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def transfers(tenant_id: int) -> None:
    transfers_.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def groups(tenant_id: int) -> None:
    reading.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def group_codes(tenant_id: int) -> None:
    join_codes.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def group_welcomes(tenant_id: int) -> None:
    welcomes.work(tenant_id)
