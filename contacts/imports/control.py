"""May an import be paused, taken up again, undone now? Then do so; else say in words why not."""

from __future__ import annotations

from collections.abc import Callable

from django.utils import timezone
from django.utils.translation import gettext as _

from contacts.imports.run import QUEUE
from contacts.models import Import
from tenants import doorbell

S = Import.Status


class NotNow(ValueError):  # noqa: N818 - reads as what it is
    """What was asked makes no sense for the import as it is. The text is for people."""


def pause(job: Import) -> None:
    """Inside a scope. The worker stops after the rows that it is writing."""
    job = _locked(job)
    if job.status not in (S.QUEUED, S.RUNNING):
        raise NotNow(_("Only an import that is queued or running can be paused."))
    job.status = S.PAUSED
    job.save(update_fields=["status"])


def resume(job: Import) -> None:
    """Inside a scope. Goes on where it was: rows that are written already are passed over."""
    job = _locked(job)
    if job.status != S.PAUSED:
        raise NotNow(_("Only a paused import can be resumed."))
    if job.files_gone_at:
        raise NotNow(_("The file was removed: bring it again."))
    job.status = S.QUEUED
    job.save(update_fields=["status"])
    doorbell.ring(QUEUE)


def why_not_undo(job: Import) -> str:
    """Empty when the import can be undone now."""
    if job.status in (S.UNDOING, S.UNDONE):
        return _("This import was undone already.")
    if job.status in (S.QUEUED, S.RUNNING):
        return _("The import is under way: pause it first.")
    until = job.undo_until
    if until is None:
        return _("This import created no rows.")
    if until <= timezone.now():
        return _("An import can be undone within 24 hours.")
    if job.lease_until and job.lease_until > timezone.now():
        return _("The last rows are being written: try again in a moment.")
    return ""


def undo_all(job: Import) -> None:
    """Inside a scope: queue the undoing."""
    job = _locked(job)
    reason = why_not_undo(job)
    if reason:
        raise NotNow(reason)
    job.status, job.lease_until = S.UNDOING, None
    job.save(update_fields=["status", "lease_until"])
    doorbell.ring(QUEUE)


def offered(job: Import) -> set[str]:
    """Which of the verbs make sense now."""
    found = set()
    if job.status in (S.QUEUED, S.RUNNING):
        found.add("pause")
    if job.status == S.PAUSED and not job.files_gone_at:
        found.add("resume")
    if not why_not_undo(job):
        found.add("undo")
    return found


VERBS: dict[str, Callable[[Import], None]] = {"pause": pause, "resume": resume, "undo": undo_all}
# As the audit log calls them.
PAST = {"pause": "paused", "resume": "resumed", "undo": "undone"}


def _locked(job: Import) -> Import:
    return Import.objects.select_for_update().get(pk=job.pk)
