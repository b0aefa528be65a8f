"""How is a person forgotten? Every table does what was decided; an anonymous shell stays.

The shell keeps money and figures right (FIGURES R17): orders, reachability, source, moves. The
record of the erasure holds keyed hashes of what the person was known by: so a restored backup can
be told whom to erase again, and whoever returns is noticed.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy, pgettext

from contacts import changes, kinds, search, timeline, webhook_events
from contacts.merging import forwarding, merge
from contacts.models import Contact, ErasedKey, Erasure, Identity
from contacts.privacy import decisions, holdings, traces, written
from contacts.privacy import person as persons
from contacts.privacy.decisions import Decision, Fate
from contacts.privacy.person import Person
from contacts.segments import upkeep
from contacts.timeline import NewEvent
from tenants import vault

SOURCE: Final = "privacy"
ERASED: Final = "contact.erased"
RETURNED: Final = "contact.returned"
_REASON: Final = "erased"

kinds.declare(
    ERASED, gettext_lazy("Was erased: only money and figures stay, without a name"), "person_off"
)
kinds.declare(
    RETURNED,
    gettext_lazy("Is known as before: a person with this {known_by} was erased on {day}"),
    "history",
    {
        "external_id": gettext_lazy("A person with the same external id was erased on {day}"),
        "phone": gettext_lazy("A person with the same phone was erased on {day}"),
        "email": gettext_lazy("A person with the same e-mail was erased on {day}"),
    },
)


class Gone(Exception):  # noqa: N818 - reads as what happened
    """There is no such contact, or it is a shell already."""


def erase(contact_id: int, *, by: str, reason: str, at: datetime | None = None) -> Erasure:
    """Inside a scope: forget this person. Raises Gone, traces.InUse with what to do first, or
    written.NamesThem: the reason stays.

    With `at` it is done again, as of then.
    """
    merge.hold([contact_id])
    upkeep.hold()
    contact = Contact.objects.select_for_update(of=("self",)).filter(pk=contact_id).first()
    if contact is None or among([contact_id]):
        raise Gone
    person = persons.read(contact)
    written.check(reason, person)
    written.refuse_what_is_in_use(person)
    counts = traces.forget(person) | written.forget(person)
    for hook in decisions.before:
        hook(contact_id)
    for model in reversed(holdings.tables()):  # what hangs on other rows first
        counts[model._meta.label] = _carry_out(
            decisions.of_tables[model], holdings.rows(model, contact_id), person
        )
    _make_shell(contact_id)
    done = Erasure.objects.create(
        contact_id=contact_id,
        by=by[:80],
        reason=reason[:200],
        counts={name: number for name, number in counts.items() if number},
    )
    if at is not None:
        Erasure.objects.filter(pk=done.pk).update(at=at)
    ErasedKey.objects.bulk_create(
        ErasedKey(erasure=done, kind=kind, hash=key) for kind, key in person.hashes()
    )
    for hook in decisions.after:
        hook(contact_id)
    timeline.record([NewEvent(contact_id, ERASED, timezone.now(), SOURCE, f"{done.pk}")])
    webhook_events.erased(contact_id, f"{done.pk}")
    changes.note([contact_id])
    return done


def _carry_out(decision: Decision, rows: QuerySet[Any], person: Person) -> int:
    if decision.fate is Fate.DELETED:
        return rows.delete()[0]
    if decision.rewrite is not None:
        return decision.rewrite(rows, person)
    if decision.values:
        return rows.update(**decision.values)
    return 0


def _make_shell(contact_id: int) -> None:
    Contact.objects.filter(pk=contact_id).update(
        external_id=None, name="", gender="", birthday=None, custom={}, phone=None,
        phone_hash=None, email=None, email_hash=None, excluded=True, excluded_reason=_REASON,
        updated_at=timezone.now(),
    )  # fmt: skip
    search.reindex([contact_id])


def among(contact_ids: Collection[int]) -> set[int]:
    """Those of these contacts who are shells of erased people."""
    rows = Erasure.objects.filter(contact_id__in=contact_ids)
    return {pk for pk in rows.values_list("contact_id", flat=True) if pk is not None}


def called_now(contact_ids: Collection[int]) -> dict[int, Contact | str]:
    """For the audit log: who is meant by these ids, also by those that a merge took out."""
    merged = forwarding.survivors(contact_ids)
    rows = Contact.objects.in_bulk({*contact_ids, *merged.values()})
    shells = among(rows)
    found: dict[int, Contact | str] = {}
    for pk in contact_ids:
        now = merged.get(pk, pk)
        if now in rows:
            found[pk] = pgettext("of a person", "erased") if now in shells else rows[now]
    return found


# --- who comes again ---


def on_events(events: Any) -> None:
    """Listener of the timeline: somebody became known who was erased under the same name."""
    if not ErasedKey.objects.exists():
        return
    ids = {event.contact_id for event in events}
    known: dict[bytes, int] = {}
    for contact in Contact.objects.filter(pk__in=ids):
        if contact.external_id:
            known[vault.blind(contact.external_id, "external_id")] = contact.pk
        for key in (contact.phone_hash, contact.email_hash):
            if key:
                known[bytes(key)] = contact.pk
    keys = ErasedKey.objects.filter(hash__in=list(known)).select_related("erasure")
    timeline.record(
        NewEvent(
            known[bytes(key.hash)], RETURNED, timezone.now(), SOURCE,
            f"{known[bytes(key.hash)]}:{key.erasure_id}:{key.kind}",
            {"by": key.kind, "known_by": key.kind, "day": f"{key.erasure.at:%Y-%m-%d}"},
        )
        for key in keys.order_by("id")
    )  # fmt: skip


# --- a restored backup ---


def again(*, by: str) -> list[Erasure]:
    """Inside a scope: erase once more whom a restored backup brought back, by the records of
    erasures. Only contacts that are older than their erasure: who came later is another matter.
    """
    wanted: dict[tuple[str, bytes], tuple[datetime, str]] = {
        (key.kind, bytes(key.hash)): (key.erasure.at, key.erasure.reason)
        for key in ErasedKey.objects.select_related("erasure")
    }
    found: dict[int, tuple[datetime, str]] = {}

    def look(kind: str, value: bytes, contact_id: int, created_at: datetime) -> None:
        at, reason = wanted.get((kind, value), (None, ""))
        if at is not None and created_at < at:
            found[contact_id] = at, reason

    for one in Contact.objects.iterator():
        if one.external_id:
            key = vault.blind(one.external_id, "external_id")
            look("external_id", key, one.pk, one.created_at)
        for kind, stored in (("phone", one.phone_hash), ("email", one.email_hash)):
            if stored:
                look(kind, bytes(stored), one.pk, one.created_at)
    for each in Identity.objects.select_related("contact").iterator():
        look(each.kind, each.key, each.contact_id, each.contact.created_at)
    return [erase(pk, by=by, reason=reason, at=at) for pk, (at, reason) in sorted(found.items())]
