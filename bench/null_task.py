"""The anchor of bench/dispatch.py: a Celery task that does nothing, one message a touch."""

import os

from celery import Celery
from kombu import Queue

QUEUE = "bench-null"

app = Celery("null", broker=os.environ["REDIS_URL"])
app.conf.update(  # as scrm/celery.py
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_default_queue=QUEUE,
    task_queues=[Queue(QUEUE)],
    broker_connection_retry_on_startup=True,
)


@app.task
def null(tenant_id: int, touch_id: int) -> None:
    """One message for one touch."""
