"""Analytics: reads all, is read by none."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AnalyticsConfig(AppConfig):
    name = "analytics"
    verbose_name = _("Figures")

    def ready(self) -> None:
        from analytics import (
            alert_notices,
            alerts,
            facts,
            rfm_leaf,
            segment_leaves,
            tasks,
        )
        from analytics.api import facets
        from contacts import changes, timeline
        from contacts.imports import run
        from tenants import doorbell, setup

        setup.at_start(facts.begin)
        changes.listen(facts.mark)
        timeline.listen(facts.on_events)
        run.after(facts.after_import)
        facets.register()
        segment_leaves.register()
        rfm_leaf.register()
        doorbell.answer(facts.QUEUE, tasks.facts.delay, facts.next_due)
        doorbell.answer(alerts.QUEUE, tasks.alerts.delay, alerts.next_due)
        doorbell.answer(alert_notices.QUEUE, tasks.notices.delay, alert_notices.next_due)
