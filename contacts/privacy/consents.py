"""What did a person agree to, and what did they withdraw? A ledger: nothing in it is changed.

The latest word on a purpose counts. Withdrawing marketing stops messages that are planned (journeys
listens); objecting to profiling stops scoring.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts import changes, kinds, timeline
from contacts.models import Consent, Contact
from contacts.timeline import NewEvent
from tenants.ids import encode

SOURCE: Final = "privacy"
GRANTED: Final = "consent.granted"
WITHDRAWN: Final = "consent.withdrawn"

# `by` picks the sentence: it holds the purpose.
kinds.declare(
    GRANTED,
    _("Gave consent: {purpose}"),
    "task_alt",
    {
        "marketing": _("Agreed to marketing messages"),
        "profiling": _("Agreed to profiling"),
    },
)
kinds.declare(
    WITHDRAWN,
    _("Withdrew consent: {purpose}"),
    "do_not_disturb_on",
    {
        "marketing": _("Withdrew the consent to marketing messages"),
        "profiling": _("Objected to profiling"),
    },
)


@dataclass(frozen=True)
class Agreement:
    """What a person said to a purpose. `at` None: now."""

    purpose: str
    granted: bool
    at: datetime | None = None
    channel: str = ""
    text_version: str = ""


def write(contact: Contact, agreements: Sequence[Agreement], by: str = "") -> list[Consent]:
    """Write down what the person said; saying the same again is no new record."""
    now = timezone.now()
    made = []
    for said in agreements:
        last = (
            Consent.objects.filter(contact=contact, purpose=said.purpose)
            .order_by("-at", "-id")
            .first()
        )
        if last is not None and last.granted == said.granted and said.at in (None, last.at):
            continue
        made.append(
            Consent.objects.create(
                contact=contact,
                purpose=said.purpose,
                granted=said.granted,
                at=said.at or now,
                channel=said.channel,
                text_version=said.text_version,
                by=by[:80],
            )
        )
    if made:
        changes.note([contact.pk])
        timeline.record(_told(each) for each in made)
    return made


def _told(each: Consent) -> NewEvent:
    properties: dict[str, object] = {
        "purpose": each.purpose,
        "by": each.purpose,
        "who": each.by.partition(":")[0],
        "channel": each.channel,
        "consent": encode(each.pk),
    }
    told = {name: value for name, value in properties.items() if value}
    kind = GRANTED if each.granted else WITHDRAWN
    return NewEvent(each.contact_id, kind, each.at, SOURCE, f"consent:{each.pk}", told)


def withdrawn(contact_ids: Collection[int], purpose: str) -> set[int]:
    """Those of these contacts whose latest word on the purpose is no."""
    latest = (
        Consent.objects.filter(contact_id__in=contact_ids, purpose=purpose)
        .order_by("contact_id", "-at", "-id")
        .distinct("contact_id")
    )
    return {contact_id for contact_id, granted in latest.values_list("contact_id", "granted")
            if not granted}  # fmt: skip
