"""Tenants: who is asking, isolation, and how we reach WeChat for them."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = _("Business and people")

    def ready(self) -> None:
        from tenants import audit, doorbell, resealing, storage, tasks
        from tenants.models import ApiKey, Team, Tenant, WebhookEndpoint, WeChatAccount
        from tenants.webhooks import delivering, emitting
        from tenants.wechat import probing

        audit.call_by_name(ApiKey, Team, Tenant, WebhookEndpoint, WeChatAccount)
        resealing.register(resealing.Holder("files", storage.versions, storage.reseal))
        doorbell.answer(probing.QUEUE, tasks.probes.delay, probing.next_due)
        doorbell.answer(emitting.QUEUE, tasks.webhooks.delay, delivering.next_due)
