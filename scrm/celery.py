"""The queue: Celery carries doorbells only. What must happen is a row in Postgres."""

import os

from celery import Celery
from celery.signals import beat_init, worker_init
from django.conf import settings
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")

app = Celery("scrm")
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_transport="scrm.broker:Transport",
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_time_limit=900,
    task_default_queue="work",
    # `express` workers take the first two only: bulk work never stands before a welcome.
    task_queues=[Queue("welcome"), Queue("urgent"), Queue("work")],
    task_routes={
        "contacts.tasks.welcome": {"queue": "welcome"},
        "contacts.tasks.callbacks": {"queue": "urgent"},
        # Behind bulk work it would expire, and with it every bell that did not ring by itself.
        "tenants.tasks.wake": {"queue": "urgent"},
    },
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": 1800,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        # A bell must not keep a request: WeCom waits 5 s for the answer to a callback.
        "socket_timeout": 2,
        "socket_connect_timeout": 1,
        "max_retries": 0,
    },
    broker_connection_max_retries=None,  # of a worker: it waits for Redis however long that takes
    # A doorbell that cannot ring is no loss: the board in Postgres is read every second.
    task_publish_retry=False,
    worker_hijack_root_logger=False,
    timezone="UTC",
    beat_schedule={
        "wake tenants with work due": {
            "task": "tenants.tasks.wake",
            "schedule": 1.0,
            "options": {"expires": 5},
        },
        "look at every tenant": {
            "task": "tenants.tasks.sweep",
            "schedule": 60.0,
            "options": {"expires": 60},
        },
        "forget old answers": {
            "task": "tenants.tasks.tidy",
            "schedule": 3600.0,
            "options": {"expires": 3600},
        },
    },
)
app.autodiscover_tasks()


@worker_init.connect
@beat_init.connect
def _refuse_unsafe_start(**_: object) -> None:
    """Celery's own start hook: a worker or beat with an unsafe database role must not run."""
    from tenants.isolation import refuse_unsafe_role  # noqa: PLC0415 - after Django is set up

    refuse_unsafe_role()
