"""What people do with endpoints, inside a scope: make, change, test, renew secrets, send again."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants import doorbell, ids
from tenants.models import WebhookDelivery, WebhookEndpoint
from tenants.scope import current_tenant_id
from tenants.webhooks import addresses, emitting, signing, types
from tenants.webhooks.delivering import MOST
from tenants.webhooks.emitting import QUEUE, Happened

KEPT: Final = timedelta(days=30)
OLD_SECRET_FOR: Final = timedelta(hours=24)
_BATCH: Final = 5_000
State = WebhookDelivery.State


def make(url: str, wanted: Sequence[str], description: str = "") -> WebhookEndpoint:
    """A new endpoint with a secret, which is to be shown once. Raises ValidationError."""
    check_number()
    endpoint = WebhookEndpoint(
        url=addresses.check(url),
        types=known(wanted),
        description=description,
        secret=signing.new_secret(),
    )
    endpoint.save()
    emitting.forget()
    return endpoint


def check_number() -> None:
    """May one more be made? Two that are made at once are both counted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('webhooks'), %s::int)", [current_tenant_id()]
        )
    if WebhookEndpoint.objects.count() >= MOST:
        raise ValidationError(
            _("A business has at most %(number)d webhooks.") % {"number": MOST}, code="too_many"
        )


def known(names: Sequence[str]) -> list[str]:
    """These types, each once, in the order of their declaration. Raises ValidationError."""
    unknown = set(names) - set(types.known())
    if unknown:
        raise ValidationError(
            _("There is no event “%(name)s”.") % {"name": sorted(unknown)[0][:80]}
        )
    if not names:
        raise ValidationError(_("Choose at least one event."))
    return [name for name in types.known() if name in names]


def change(endpoint: WebhookEndpoint) -> None:
    """Store what is new of it; switched on again, or elsewhere, it gets at once what waits."""
    before = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    columns = ["url", "description", "types", "enabled"]
    if endpoint.enabled and not (before.enabled and before.url == endpoint.url):
        endpoint.stopped_because, endpoint.stopped_at = "", None
        endpoint.failing_since, endpoint.failures, endpoint.resting_until = None, 0, None
        columns += [
            "stopped_because", "stopped_at", "failing_since", "failures", "resting_until",
        ]  # fmt: skip
    endpoint.save(update_fields=columns)
    emitting.forget()
    if endpoint.enabled:
        doorbell.ring(QUEUE)


def delete(endpoint: WebhookEndpoint) -> None:
    """With all its deliveries."""
    endpoint.delete()
    emitting.forget()


def new_secret(endpoint: WebhookEndpoint) -> str:
    """Replace the secret: for a day the old one signs as well. Answers the new one."""
    endpoint.previous_secret = endpoint.secret
    endpoint.previous_until = timezone.now() + OLD_SECRET_FOR
    endpoint.secret = signing.new_secret()
    endpoint.save(update_fields=["secret", "previous_secret", "previous_until"])
    return str(endpoint.secret)


def test(endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Send a message that means nothing. Raises ValidationError while it is switched off."""
    if not endpoint.enabled:
        raise ValidationError(_("The webhook is switched off."), code="switched_off")
    about = {"webhook": ids.encode(endpoint.pk)}
    return emitting.to_one(endpoint, types.TEST, Happened(uuid.uuid4().hex, about, timezone.now()))


def again(deliveries: QuerySet[WebhookDelivery]) -> int:
    """Send those that came to an end once more, under their ids. Answers how many."""
    ended = deliveries.filter(state__in=[State.DELIVERED, State.FAILED])
    count = ended.update(state=State.WAITING, attempts=0, next_at=timezone.now(), problem="")
    if count:
        doorbell.ring(QUEUE)
    return count


def failed(endpoint: WebhookEndpoint, since: datetime | None = None) -> QuerySet[WebhookDelivery]:
    """What was given up, of events since then."""
    rows = WebhookDelivery.objects.filter(endpoint=endpoint, state=State.FAILED)
    return rows if since is None else rows.filter(created_at__gte=since)


def forget_old() -> int:
    """The nightly cleaning: deliveries that are older than KEPT go, whatever became of them."""
    old = WebhookDelivery.objects.filter(created_at__lt=timezone.now() - KEPT)
    gone = 0
    while found := list(old.order_by("created_at").values_list("id", flat=True)[:_BATCH]):
        gone += WebhookDelivery.objects.filter(pk__in=found).delete()[0]
    return gone
