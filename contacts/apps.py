"""Contacts: people, what happened to them, what they bought."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ContactsConfig(AppConfig):
    name = "contacts"
    verbose_name = _("Customers")

    def ready(self) -> None:
        from contacts import details, ingest, kinds, livecodes, reach, tasks, timeline, welcome
        from contacts.imports import run
        from tenants import doorbell

        timeline.listen(reach.apply, kinds.REACH)
        doorbell.answer(ingest.QUEUE, tasks.callbacks.delay, ingest.next_due)
        doorbell.answer(welcome.QUEUE, tasks.welcome.delay, welcome.next_due)
        doorbell.answer(timeline.QUEUE, tasks.timeline.delay, timeline.next_due)
        doorbell.answer(details.QUEUE, tasks.details.delay, details.next_due)
        doorbell.answer(livecodes.QUEUE, tasks.livecodes.delay, livecodes.next_due)
        doorbell.answer(run.QUEUE, tasks.imports.delay, run.next_due)
