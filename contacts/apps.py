"""Contacts: people, what happened to them, what they bought."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ContactsConfig(AppConfig):
    name = "contacts"
    verbose_name = _("Customers")

    def ready(self) -> None:
        from contacts import details, ingest, kinds, livecodes, reach, tasks, timeline, welcome
        from contacts.api import group_facets
        from contacts.groups import people as group_people
        from contacts.merging import duplicates, pairs
        from contacts.merging import rules as merging
        from tenants import doorbell

        timeline.listen(reach.apply, kinds.REACH)
        group_facets.register()
        timeline.listen(group_people.on_reach, {kinds.FOLLOW_OPENED})
        timeline.listen(group_people.on_moves, {kinds.GROUP_JOINED, kinds.GROUP_LEFT})
        merging.lock_first(group_people.hold)
        merging.after_merge(lambda work: group_people.resettle([work.survivor]))
        merging.after_undoing(group_people.resettle)
        timeline.listen(pairs.on_events, pairs.TELLING)
        duplicates.register()
        self._losses()
        self._segments()
        self._tags()
        self._privacy()
        self._files()
        doorbell.answer(duplicates.QUEUE, tasks.merges.delay, duplicates.next_due)
        doorbell.answer(ingest.QUEUE, tasks.callbacks.delay, ingest.next_due)
        doorbell.answer(welcome.QUEUE, tasks.welcome.delay, welcome.next_due)
        doorbell.answer(timeline.QUEUE, tasks.timeline.delay, timeline.next_due)
        doorbell.answer(details.QUEUE, tasks.details.delay, details.next_due)
        doorbell.answer(livecodes.QUEUE, tasks.livecodes.delay, livecodes.next_due)

    def _losses(self) -> None:
        from contacts import loss_notices, losses, tasks, timeline
        from contacts.merging import rules as merging
        from contacts.models import FollowLoss
        from tenants import doorbell

        timeline.listen(losses.on_events, losses.TELLING, last=True)
        merging.derived(FollowLoss)
        merging.after_merge(lambda work: losses.settle([work.survivor]))
        merging.after_undoing(losses.settle)
        doorbell.answer(loss_notices.QUEUE, tasks.losses.delay, loss_notices.next_due)

    def _files(self) -> None:
        from contacts import bulk_actions, tasks
        from contacts.api import export_kinds
        from contacts.exports import run as exports
        from contacts.imports import keeping, run
        from tenants import doorbell

        export_kinds.register()
        doorbell.answer(run.QUEUE, tasks.imports.delay, run.next_due)
        doorbell.answer(exports.QUEUE, tasks.exports.delay, exports.next_due)
        doorbell.answer(bulk_actions.QUEUE, tasks.bulk.delay, bulk_actions.next_due)
        doorbell.answer(keeping.QUEUE, tasks.files.delay, keeping.next_due)

    def _segments(self) -> None:
        from contacts import changes, tasks, timeline
        from contacts.merging import rules as merging
        from contacts.segments import belonging, columns, happenings, upkeep
        from tenants import doorbell

        columns.register()
        belonging.register()
        happenings.register()
        timeline.listen(upkeep.on_events, last=True)
        changes.listen(upkeep.on_changes)
        merging.after_merge(lambda work: upkeep.on_merge([work.survivor]))
        merging.after_undoing(upkeep.on_merge)
        doorbell.answer(upkeep.QUEUE, tasks.segments.delay, upkeep.next_due)

    def _tags(self) -> None:
        from contacts import pretags, tasks, timeline
        from contacts.tag_rules import upkeep
        from tenants import doorbell

        timeline.listen(pretags.on_events)
        timeline.listen(upkeep.on_events, last=True)
        doorbell.answer(upkeep.QUEUE, tasks.tag_rules.delay, upkeep.next_due)
        doorbell.answer(pretags.QUEUE, tasks.pretags.delay, pretags.next_due)

    def _privacy(self) -> None:
        from contacts import kinds, people, tasks, timeline
        from contacts.privacy import decisions, erasing, holdings, retention
        from tenants import audit, doorbell

        decisions.register()
        audit.call_by_number(*holdings.tables())
        named = {people.CREATED, people.CHANGED, kinds.FOLLOW_OPENED}
        timeline.listen(erasing.on_events, named)
        doorbell.answer(retention.QUEUE, tasks.retention.delay, retention.next_due)
