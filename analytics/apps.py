"""Analytics: reads all, is read by none."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AnalyticsConfig(AppConfig):
    name = "analytics"
    verbose_name = _("Figures")

    def ready(self) -> None:
        from analytics import facts, heard, segment_leaves, tasks, trust_mix
        from analytics.alerts import checks, notices
        from analytics.api import facets
        from analytics.prediction import contact_fields, forecasts
        from analytics.rfm import leaf
        from analytics.sharing import deliveries, occurrences, telling
        from contacts import changes, timeline
        from contacts.imports import run
        from journeys import desk_panes
        from tenants import doorbell, setup
        from tenants.webhooks import types

        setup.at_start(facts.begin)
        changes.listen(heard.on_changes)
        timeline.listen(heard.on_events)
        run.after(facts.after_import)
        types.declare(checks.OPENED, _("a figure is off or behind its target"))
        types.declare(telling.DUE, _("a scheduled report is due"))
        facets.register()
        segment_leaves.register()
        leaf.register()
        trust_mix.register()
        desk_panes.said.append(trust_mix.line)
        contact_fields.register()
        doorbell.answer(heard.QUEUE, tasks.facts.delay, facts.next_due)
        doorbell.answer(forecasts.QUEUE, tasks.forecasts.delay, forecasts.next_due)
        doorbell.answer(checks.QUEUE, tasks.alerts.delay, checks.next_due)
        doorbell.answer(notices.QUEUE, tasks.notices.delay, notices.next_due)
        doorbell.answer(occurrences.QUEUE, tasks.reports.delay, deliveries.next_due)
