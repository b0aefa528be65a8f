"""Contacts: people, what happened to them, what they bought."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ContactsConfig(AppConfig):
    name = "contacts"
    verbose_name = _("Customers")

    def ready(self) -> None:
        from contacts import details, ingest, kinds, reach, tasks, timeline, welcome, welcome_debts
        from contacts.api import group_facets
        from contacts.groups import people as group_people
        from contacts.groups import upkeep as group_upkeep
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
        self._transfers()
        self._losses()
        self._segments()
        self._tags_and_values()
        self._privacy()
        self._audit()
        self._files()
        doorbell.answer(duplicates.QUEUE, tasks.merges.delay, duplicates.next_due)
        doorbell.answer(group_upkeep.QUEUE, tasks.group_days.delay, group_upkeep.next_due)
        doorbell.answer(ingest.QUEUE, tasks.callbacks.delay, ingest.next_due)
        doorbell.answer(welcome_debts.QUEUE, tasks.welcome.delay, welcome.next_due)
        doorbell.answer(timeline.QUEUE, tasks.timeline.delay, timeline.next_due)
        doorbell.answer(details.QUEUE, tasks.details.delay, details.next_due)
        self._live_codes()

    def _live_codes(self) -> None:
        from contacts import kinds, livecodes, media, tasks, timeline
        from contacts.livecodes import adds, keeping, remarks
        from tenants import doorbell

        timeline.listen(adds.on_events, {kinds.FOLLOW_OPENED})
        media.used_by(keeping.used_media)
        doorbell.answer(livecodes.QUEUE, tasks.livecodes.delay, livecodes.next_due)
        doorbell.answer(remarks.QUEUE, tasks.live_code_remarks.delay, remarks.next_due)

    def _transfers(self) -> None:
        from contacts import media, tasks, transfers
        from contacts.groups import join_codes, reading, welcomes
        from tenants import doorbell

        doorbell.answer(reading.QUEUE, tasks.groups.delay, reading.next_due)
        doorbell.answer(join_codes.QUEUE, tasks.group_codes.delay, join_codes.next_due)
        doorbell.answer(welcomes.QUEUE, tasks.group_welcomes.delay, welcomes.next_due)
        media.used_by(welcomes.used_media)
        doorbell.answer(transfers.QUEUE, tasks.transfers.delay, transfers.next_due)

    def _losses(self) -> None:
        from contacts import loss_notices, losses, tasks, timeline, webhook_events
        from contacts.merging import rules as merging
        from contacts.models import FollowLoss
        from tenants import doorbell

        webhook_events.register()
        timeline.listen(losses.on_events, losses.TELLING, last=True)
        merging.derived(FollowLoss)
        merging.after_merge(lambda work: losses.settle([work.survivor]))
        merging.after_undoing(losses.settle)
        doorbell.answer(loss_notices.QUEUE, tasks.losses.delay, loss_notices.next_due)

    def _sync(self) -> None:
        from contacts import kinds, tasks, timeline
        from contacts.sync import pairs, remarks, running, tags
        from tenants import doorbell

        told = {kinds.TAG_ADDED, kinds.TAG_REMOVED, kinds.FOLLOW_OPENED}
        timeline.listen(pairs.on_events, told)
        doorbell.answer(running.QUEUE, tasks.sync.delay, running.next_due)
        doorbell.answer(tags.QUEUE, tasks.tag_names.delay, tags.next_due)
        doorbell.answer(pairs.QUEUE, tasks.tag_pairs.delay, pairs.next_due)
        doorbell.answer(remarks.QUEUE, tasks.remark_pushes.delay, remarks.next_due)

    def _audit(self) -> None:
        from contacts import models as m
        from contacts.privacy import erasing
        from tenants import audit, audit_names

        audit.call_by_name(
            m.Channel, m.CustomField, m.PreTagList, m.Product, m.Retention, m.Segment, m.Tag,
            m.TagGroup, m.TagRule,
        )  # fmt: skip
        audit_names.find(m.Contact, erasing.called_now)

    def _files(self) -> None:
        from contacts import bulk_actions, media, tasks
        from contacts.api import export_kinds
        from contacts.exports import run as exports
        from contacts.imports import keeping, run
        from tenants import doorbell

        export_kinds.register()
        doorbell.answer(media.QUEUE, tasks.media.delay, media.next_due)
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

    def _tags_and_values(self) -> None:
        self._sync()
        from contacts import custom_values, pretags, tasks, timeline
        from contacts.merging import rules as merging
        from contacts.models import ContactValue
        from contacts.tag_rules import upkeep
        from tenants import doorbell

        timeline.listen(pretags.on_events)
        timeline.listen(upkeep.on_events, last=True)
        doorbell.answer(upkeep.QUEUE, tasks.tag_rules.delay, upkeep.next_due)
        doorbell.answer(pretags.QUEUE, tasks.pretags.delay, pretags.next_due)
        merging.derived(ContactValue)
        merging.after_merge(lambda work: custom_values.file([work.survivor]))
        merging.after_undoing(custom_values.file)
        doorbell.answer(custom_values.QUEUE, tasks.custom_values.delay, custom_values.next_due)

    def _privacy(self) -> None:
        from contacts import kinds, people, tasks, timeline
        from contacts.merging import copies
        from contacts.privacy import decisions, erasing, retention
        from contacts.segments import upkeep
        from tenants import doorbell

        decisions.register()
        decisions.last(upkeep.on_erasure)
        copies.register()
        named = {people.CREATED, people.CHANGED, kinds.FOLLOW_OPENED}
        timeline.listen(erasing.on_events, named)
        doorbell.answer(retention.QUEUE, tasks.retention.delay, retention.next_due)
