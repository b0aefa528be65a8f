"""Journeys: one contact over time."""

from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JourneysConfig(AppConfig):
    name = "journeys"
    verbose_name = _("Journeys")

    def ready(self) -> None:
        self._follow_contacts()
        self._add_to_contacts()
        self._enrol()
        self._declare_kinds()
        self._declare_own_kinds()
        self._audit()

    def _audit(self) -> None:
        from journeys.models import Content, ScoreRule, Sop, Stage
        from tenants import audit

        audit.call_by_name(Content, ScoreRule, Sop, Stage)

    def _follow_contacts(self) -> None:
        """What people do earns points, then moves them, then makes leads: in this order."""
        from contacts import timeline
        from contacts.sync import staff
        from journeys import earning, leads, score_versions, scoring, stages, tasks, webhook_events
        from tenants import doorbell, setup

        setup.at_start(scoring.begin)
        setup.at_start(stages.begin)
        timeline.listen(earning.on_events)
        timeline.listen(stages.on_events)
        timeline.listen(leads.on_events)
        webhook_events.register()
        staff.listen(leads.on_resigned)
        doorbell.answer(score_versions.QUEUE, tasks.scores.delay, score_versions.next_due)
        doorbell.answer(stages.REVIEWS, tasks.reviews.delay, score_versions.next_review)

    def _add_to_contacts(self) -> None:
        from contacts import media, timeline
        from journeys import attaching, content, merged, privacy, segment_leaves, standing_then
        from journeys.api import facets, lead_exports

        facets.register()
        lead_exports.register()
        segment_leaves.register()
        standing_then.register()
        merged.register()
        privacy.register()
        timeline.listen(privacy.on_consents, privacy.KINDS)
        media.used_by(content.used_pictures)
        media.used_by(attaching.used_media)

    def _declare_own_kinds(self) -> None:
        from contacts import kinds

        kinds.declare("content.sent", _("{staff} sent “{content}” from the sidebar"), "forward")
        kinds.declare(
            "survey.answered",
            _("Answered “{survey}”: {score} of {scale}"),
            "sentiment_satisfied",
            {"changed": _("Changed the answer to “{survey}”: {score} of {scale}")},
        )
        kinds.declare("stage.moved", _("Was moved from “{from}” to “{to}” by {by}"), "move_down")
        kinds.declare("lead.created", _("Became a lead"), "local_fire_department")
        kinds.declare("lead.claimed", _("{staff} took the lead"), "back_hand")
        kinds.declare("lead.released", _("{staff} put the lead back"), "undo")
        kinds.declare("lead.transferred", _("The lead went from {from} to {to}"), "swap_horiz")
        kinds.declare("lead.followed_up", _("{staff} followed up"), "call")
        kinds.declare("lead.won", _("The lead was won"), "emoji_events")
        kinds.declare("lead.lost", _("The lead was lost: {reason}"), "trending_down")
        kinds.declare("lead.invalid", _("The lead was no lead: {reason}"), "block")

    def _enrol(self) -> None:
        from contacts import kinds, timeline
        from contacts.messaging import quota, windows
        from journeys import dispatch, enrolments, handed_over, ledger, pace, results, tasks
        from journeys import task_notices as notices
        from tenants import doorbell, setup

        setup.at_start(pace.rules)
        timeline.listen(handed_over.on_events, {kinds.FOLLOW_ENDED})
        timeline.listen(enrolments.start_on)
        timeline.listen(enrolments.leave_on, enrolments.LEAVING)
        timeline.listen(results.on_events, results.KINDS)
        quota.rule_from(lambda: str(pace.rules().mass_quota))
        quota.counts(kinds.TOUCH_DELIVERED)
        windows.counts("touch.sent")
        doorbell.answer(ledger.QUEUE, tasks.touches.delay, dispatch.next_due)
        doorbell.answer(notices.QUEUE, tasks.notices.delay, notices.next_due)

    def _declare_kinds(self) -> None:
        from django.utils.text import format_lazy

        from contacts import kinds
        from journeys.engine import Reason
        from journeys.models import TO_FANS

        def told(sentence: Any) -> dict[str, Any]:
            """The sentence with the reason in words, for each reason."""
            return {
                code: format_lazy(sentence, reason=label, sop="{sop}")
                for code, label in Reason.choices
            }

        skipped = _("A message was skipped: {reason} ({sop})")
        failed = _("A message failed: {reason} ({sop})")
        left = _("Left the SOP “{sop}”: {reason}")
        by_account = _("A message of the official account was sent ({sop})")
        got = _("Got a message of the official account ({sop})")
        note = _("{staff} got a note about the contact ({sop})")
        kinds.declare(
            kinds.TOUCH_SENT,
            _("A message of {staff} was sent ({sop})"),
            "send",
            {"app_message": note, **dict.fromkeys(TO_FANS, by_account)},
        )
        kinds.declare(
            kinds.TOUCH_DELIVERED,
            _("Got a message of {staff} ({sop})"),
            "mark_chat_read",
            dict.fromkeys(TO_FANS, got),
        )
        kinds.declare("touch.skipped", skipped, "block", told(skipped))
        kinds.declare(kinds.TOUCH_FAILED, failed, "sms_failed", told(failed))
        kinds.declare("sop.entered", _("Entered the SOP “{sop}”"), "playlist_play")
        kinds.declare("sop.left", left, "playlist_remove", told(left))
