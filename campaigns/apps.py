"""Campaigns: one message to many, and many bringing more."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CampaignsConfig(AppConfig):
    name = "campaigns"
    verbose_name = _("Campaigns")

    def ready(self) -> None:
        self._broadcasts()
        self._declare_kinds()

    def _broadcasts(self) -> None:
        from campaigns import privacy, tasks
        from campaigns.broadcasts import counted, outside, results, sending, starting
        from campaigns.models import Broadcast
        from contacts import media
        from contacts.models import SyncRun
        from contacts.sync import running
        from journeys import pace
        from tenants import audit, doorbell

        privacy.register()
        audit.call_by_name(Broadcast)
        pace.counts(counted.had)
        media.used_by(starting.used_media)
        running.also(SyncRun.Kind.SENDS, outside.read)
        doorbell.answer(starting.QUEUE, tasks.broadcasts.delay, sending.next_due)
        doorbell.answer(results.QUEUE, tasks.broadcast_results.delay, results.next_due)

    def _declare_kinds(self) -> None:
        from campaigns.broadcasts import delivered
        from contacts import kinds

        kinds.also(kinds.TOUCH_SENT, "broadcast", _("{staff} sent the broadcast “{broadcast}”"))
        kinds.also(
            kinds.TOUCH_DELIVERED, "broadcast", _("Got the broadcast “{broadcast}” of {staff}")
        )
        kinds.also(kinds.TOUCH_SENT, "wecom", _("{staff} sent “{broadcast}” at WeCom"))
        kinds.also(kinds.TOUCH_DELIVERED, "wecom", _("Got “{broadcast}” of {staff}, sent at WeCom"))
        kinds.declare(delivered.LIKED, _("Liked the moment “{broadcast}” of {staff}"), "favorite")
        kinds.declare(
            delivered.COMMENTED, _("Wrote under the moment “{broadcast}” of {staff}"), "comment"
        )
