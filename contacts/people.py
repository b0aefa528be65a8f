"""Contacts brought by the API: made, changed and upserted by `external_id`, set by set.

Files have their own staged path for millions (contacts/imports); both follow the same rules: the
source and channel of the first touch never change, unknown channels, staff and tags are made,
`owner` with `acquired_at` opens a Follow (FIGURES R8, R10, R11), None keeps what is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts import (
    costs,
    custom_fields,
    custom_values,
    kinds,
    reach,
    search,
    tagging,
    timeline,
    webhook_events,
)
from contacts.merging import forwarding
from contacts.models import Contact, ContactTag, SourceKind
from contacts.timeline import NewEvent
from contacts.upserts import Outcome, Status, in_rounds, refused
from contacts.validation import Invalid
from tenants import userids as names_of_staff
from tenants.models import Staff

SOURCE: Final = "contacts"
CREATED: Final = "contact.created"  # by the API; `at` is the moment of the first touch
CHANGED: Final = "contact.changed"  # `fields` names what changed

kinds.declare(CREATED, _("Became known"), "person")
kinds.declare(CHANGED, _("Details changed: {fields}"), "edit")

# A referrer who is named later is the source (R24), unless the platform saw another one.
_FIRST_TOUCHES: Final = (SourceKind.LIVE_CODE, SourceKind.PLATFORM)
_PLAIN: Final = ("name", "phone", "email", "gender", "birthday", "excluded", "excluded_reason")


@dataclass(frozen=True, slots=True)
class Row:
    """A contact as brought, its values checked. `referrer` is an external_id."""

    external_id: str
    name: str | None = None
    phone: str | None = None
    email: str | None = None
    gender: str | None = None
    birthday: date | None = None
    excluded: bool | None = None
    excluded_reason: str | None = None
    channel: str | None = None
    owner: str | None = None  # a userid
    acquired_at: datetime | None = None
    referrer: str | None = None
    tags: Sequence[str] = ()
    custom: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class _Known:
    """What the rows call by name."""

    contacts: dict[str, Contact]
    channels: dict[str, int]
    staff: dict[str, int]
    tags: dict[str, int]
    worn: dict[int, set[int]]


def upsert(rows: Sequence[Row], *, by: str) -> list[Outcome]:
    """Bring contacts in; of rows with one id the later wins. `by` is who did it (tags)."""
    outcomes: list[Outcome | None] = [None] * len(rows)
    rows = _under_their_names(rows)
    for batch in in_rounds(rows, key=lambda row: row.external_id):
        _round(batch, outcomes, by)
    return [each for each in outcomes if each is not None]


def _under_their_names(rows: Sequence[Row]) -> Sequence[Row]:
    """Rows that name a contact as it was called before a merge mean the contact of now."""
    told = {row.external_id for row in rows} | {row.referrer for row in rows if row.referrer}
    now = forwarding.current_names(told)
    if not now:
        return rows
    return [
        replace(
            row,
            external_id=now.get(row.external_id, row.external_id),
            referrer=now.get(row.referrer, row.referrer) if row.referrer else None,
        )
        for row in rows
    ]


def staff_named(userids: Iterable[str]) -> dict[str, int]:
    """Staff ids by userid; unknown ones are made, without log-in (R10)."""
    wanted = sorted(set(userids))
    found = names_of_staff.known(wanted)
    missing = [userid for userid in wanted if userid not in found]
    if missing:
        Staff.objects.bulk_create([Staff(userid=each) for each in missing], ignore_conflicts=True)
        found |= names_of_staff.known(missing)
    return found


def _round(batch: Sequence[tuple[int, Row]], outcomes: list[Outcome | None], by: str) -> None:
    good = _with_referrer(_complete(batch, outcomes), outcomes)
    known = _known([row for _place, row in good])
    new: list[tuple[int, Row, Contact]] = []
    changes: list[tuple[Row, Contact, list[str]]] = []
    for place, row in good:
        contact = known.contacts.get(row.external_id)
        if contact is None:
            new.append((place, row, _made(row, known)))
            continue
        different = _change(contact, row, known)
        new_tags = {known.tags[name] for name in row.tags} - known.worn.get(contact.pk, set())
        if different:
            changes.append((row, contact, different))
        touched = bool(different or new_tags)
        outcomes[place] = Outcome(Status.UPDATED if touched else Status.UNCHANGED, contact.pk)
    Contact.objects.bulk_create([contact for _place, _row, contact in new])
    _save([(contact, different) for _row, contact, different in changes])
    for place, _row, contact in new:
        outcomes[place] = Outcome(Status.CREATED, contact.pk)
    made = {row.external_id: contact for _place, row, contact in new}
    _set_referrers([row for _place, row in good], {**known.contacts, **made})
    tell_created([contact for _place, _row, contact in new])
    _follow_up([row for _place, row in good], {**known.contacts, **made}, known, by)


def _complete(
    batch: Sequence[tuple[int, Row]], outcomes: list[Outcome | None]
) -> Sequence[tuple[int, Row]]:
    """Rows of people who are known, or have a value of each required custom field."""
    required = [of for of in custom_fields.defined() if of.required]
    lacking = {
        row.external_id: missing[0]
        for _place, row in batch
        if (missing := custom_fields.lacking(required, row.custom))
    }
    if not lacking:
        return batch
    known = Contact.objects.filter(external_id__in=lacking).values_list("external_id", flat=True)
    for key in known:
        del lacking[str(key)]
    for place, row in batch:
        of = lacking.get(row.external_id)
        if of is not None:
            why = custom_fields.needed(of)
            outcomes[place] = refused(Invalid(why.code, f"{of.key}: {why}"), "custom")
    return [(place, row) for place, row in batch if row.external_id not in lacking]


def _with_referrer(
    batch: Sequence[tuple[int, Row]], outcomes: list[Outcome | None]
) -> list[tuple[int, Row]]:
    """Rows whose referrer is stored, or good itself; the others are rejected."""
    named = {row.referrer for _place, row in batch if row.referrer}
    if not named:
        return list(batch)
    stored = set(
        Contact.objects.filter(external_id__in=named).values_list("external_id", flat=True)
    )
    good = dict(batch)
    while True:
        here = {row.external_id for row in good.values()}
        lost = [
            place
            for place, row in good.items()
            if row.referrer
            and (row.referrer == row.external_id or row.referrer not in stored | here)
        ]
        if not lost:
            return list(good.items())
        for place in lost:
            own = good[place].referrer == good.pop(place).external_id
            outcomes[place] = refused(
                Invalid("self_referrer", _("Nobody can be their own referrer."))
                if own
                else Invalid("unknown_referrer", _("The referrer is not known.")),
                "referrer",
            )


def _known(rows: Sequence[Row]) -> _Known:
    contacts = {
        str(contact.external_id): contact
        for contact in Contact.objects.select_for_update()
        .filter(external_id__in=[row.external_id for row in rows])
        .order_by("id")
    }
    names = {name for row in rows for name in row.tags}
    worn: dict[int, set[int]] = {}
    if names and contacts:
        pairs = ContactTag.objects.filter(contact_id__in=[each.pk for each in contacts.values()])
        for contact_id, tag_id in pairs.values_list("contact_id", "tag_id"):
            worn.setdefault(contact_id, set()).add(tag_id)
    return _Known(
        contacts=contacts,
        channels=costs.channels_named(row.channel for row in rows if row.channel),
        staff=staff_named(row.owner for row in rows if row.owner),
        tags=tagging.named(names) if names else {},
        worn=worn,
    )


def _made(row: Row, known: _Known) -> Contact:
    given = {name: getattr(row, name) for name in _PLAIN if getattr(row, name) is not None}
    return Contact(
        external_id=row.external_id,
        owner_id=known.staff.get(row.owner or ""),
        channel_id=known.channels.get(row.channel or ""),
        source=SourceKind.REFERRAL if row.referrer else SourceKind.API,
        sourced_at=row.acquired_at,
        custom=dict(row.custom),
        **given,
    )


def _change(contact: Contact, row: Row, known: _Known) -> list[str]:
    """Put the row's values on the contact; answers the names of those that are new."""
    wanted = {name: getattr(row, name) for name in _PLAIN if getattr(row, name) is not None}
    if row.owner:
        wanted["owner_id"] = known.staff[row.owner]
    if row.custom:
        wanted["custom"] = {**contact.custom, **row.custom}
    different = [name for name, value in wanted.items() if getattr(contact, name) != value]
    for name in different:
        setattr(contact, name, wanted[name])
    if row.referrer and contact.referrer_id is None:
        different.append("referrer")  # set by _set_referrers, once all have their ids
    return different


def _save(changes: Collection[tuple[Contact, list[str]]]) -> None:
    if not changes:
        return
    now = timezone.now()
    for contact, _different in changes:
        contact.updated_at = now
    columns = sorted({name for _contact, different in changes for name in different})
    Contact.objects.bulk_update([contact for contact, _ in changes], [*columns, "updated_at"])
    tell_changed(changes)
    search.reindex(contact.pk for contact, _ in changes)


def _set_referrers(rows: Sequence[Row], contacts: Mapping[str, Contact]) -> None:
    """Set once (R24); a referrer that came in the same request has its id only now."""
    named = {row.referrer for row in rows if row.referrer}
    if not named:
        return
    found = dict(Contact.objects.filter(external_id__in=named).values_list("external_id", "id"))
    changed = []
    for row in rows:
        contact = contacts[row.external_id]
        if row.referrer and contact.referrer_id is None:
            contact.referrer_id = found[row.referrer]
            if contact.source not in _FIRST_TOUCHES:
                contact.source = SourceKind.REFERRAL
            changed.append(contact)
    Contact.objects.bulk_update(changed, ["referrer", "source"])


def _follow_up(
    rows: Sequence[Row], contacts: Mapping[str, Contact], known: _Known, by: str
) -> None:
    """Tags and openings of Follows: what hangs on a contact once it has an id."""
    wearers: dict[frozenset[int], list[int]] = {}
    for row in rows:
        if row.tags:
            wanted = frozenset(known.tags[name] for name in row.tags)
            wearers.setdefault(wanted, []).append(contacts[row.external_id].pk)
    for tag_ids, contact_ids in wearers.items():
        tagging.add(contact_ids, sorted(tag_ids), by)
    open_follows(
        (contacts[row.external_id].pk, row.owner, row.acquired_at)
        for row in rows
        if row.owner and row.acquired_at
    )


def open_follows(openings: Iterable[tuple[int, str, datetime]]) -> None:
    """A contact with an owner and a moment of acquisition is reachable from then on (R8)."""
    events = [
        NewEvent(contact_id, kinds.FOLLOW_OPENED, at, SOURCE, _opening_key(contact_id, staff, at),
                 {"staff": staff})
        for contact_id, staff, at in openings
    ]  # fmt: skip
    timeline.record(events)
    reach.rebuild(event.contact_id for event in events)


def _opening_key(contact_id: int, staff: str, at: datetime) -> str:
    return f"{contact_id}:{staff}:{int(at.timestamp())}"


def tell_created(contacts: Sequence[Contact]) -> None:
    """Say on the timeline that contacts became known, and make them findable."""
    now = timezone.now()
    custom_values.file(each.pk for each in contacts if each.custom)
    timeline.record(
        NewEvent(each.pk, CREATED, each.sourced_at or now, SOURCE, f"{each.pk}:created")
        for each in contacts
    )
    webhook_events.created(each.pk for each in contacts)
    search.reindex(each.pk for each in contacts)


def tell_changed(changes: Iterable[tuple[Contact, Sequence[str]]]) -> None:
    """Say on the timeline which fields of contacts changed (names, never values)."""
    now = timezone.now()
    changes = list(changes)
    custom_values.file(contact.pk for contact, different in changes if "custom" in different)
    timeline.record(
        NewEvent(contact.pk, CHANGED, now, SOURCE, f"{contact.pk}:changed:{now.timestamp()}",
                 {"fields": [name.removesuffix("_id") for name in different]})
        for contact, different in changes
    )  # fmt: skip


def make_findable(contact_ids: Iterable[int]) -> None:
    """Write the search tokens anew after a change of name or phone."""
    search.reindex(contact_ids)
