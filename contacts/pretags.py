"""Which tags await people who are not contacts yet? Lists by phone or unionid.

A list holds keyed hashes, never the numbers themselves. A tag is put on whoever appears first under
the account: made, imported, found by the platform, or given that phone later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts import tagging, validation
from contacts.models import Contact, Event, Identity, PreTag, PreTagList
from contacts.validation import Invalid
from tenants import doorbell, vault
from tenants.ids import encode
from tenants.scope import current_tenant_id

QUEUE: Final = "pretags"
_PURPOSE: Final = {PreTag.Kind.PHONE: "phone", PreTag.Kind.UNIONID: "unionid"}
_IDENTITIES: Final = {
    Identity.Kind.PHONE: PreTag.Kind.PHONE, Identity.Kind.UNIONID: PreTag.Kind.UNIONID,
}  # fmt: skip
# Events that tell of no new account.
_DEAF: Final = ("tag.", "segment.", "stage.", "touch.", "sop.", "lead.")


@dataclass(frozen=True)
class Row:
    """One person as a list names them: one account, and tags."""

    kind: str
    value: str
    tags: tuple[str, ...]


def row(phone: str, unionid: str, tags: str | Iterable[str]) -> Row:
    """A checked row; raises Invalid."""
    if bool(phone) == bool(unionid):
        raise Invalid("one_account", _("Write either a phone or a unionid."))
    named = tuple(validation.tags(tags))
    if not named:
        raise Invalid("no_tags", _("Name at least one tag."))
    if phone:
        return Row(PreTag.Kind.PHONE, validation.phone(phone), named)
    return Row(PreTag.Kind.UNIONID, validation.identifier(unionid), named)


def hash_of(kind: str, value: str) -> bytes:
    return vault.blind(value, _PURPOSE[PreTag.Kind(kind)])


def bring(of: PreTagList, rows: Sequence[Row]) -> list[int]:
    """Put people on the list; for each row, how many of its tags are new on it. The list is
    compared with all contacts soon after.
    """
    tags = tagging.named(name for each in rows for name in each.tags)
    keyed = [(each, hash_of(each.kind, each.value)) for each in rows]
    there = {
        (one.kind, bytes(one.hash), one.tag_id)
        for one in PreTag.objects.filter(of=of, hash__in={key for _row, key in keyed})
    }
    fresh, counts = [], []
    for each, key in keyed:
        new = {tags[name] for name in each.tags} - {
            tag for kind, held, tag in there if (kind, held) == (each.kind, key)
        }
        there |= {(each.kind, key, tag) for tag in new}
        fresh += [PreTag(of=of, kind=each.kind, hash=key, tag_id=tag) for tag in sorted(new)]
        counts.append(len(new))
    PreTag.objects.bulk_create(fresh, ignore_conflicts=True)
    if fresh:
        PreTagList.objects.filter(pk=of.pk).update(swept_at=None)
        doorbell.ring(QUEUE)
    return counts


# --- who appears ---


def on_events(events: Sequence[Event]) -> None:
    """Listener of the timeline: somebody became known, or by another account."""
    ids = {event.contact_id for event in events if not event.kind.startswith(_DEAF)}
    if ids and PreTag.objects.filter(applied_at=None).exists():
        apply(sorted(ids))


def apply(contact_ids: Sequence[int]) -> int:
    """Tag those of these contacts whom a list awaits. Answers how many taggings are new."""
    keys: dict[tuple[str, bytes], int] = {}
    for contact_id, key in (
        Contact.objects.filter(pk__in=contact_ids, phone_hash__isnull=False)
        .order_by("-id")
        .values_list("pk", "phone_hash")
    ):
        keys[PreTag.Kind.PHONE, bytes(key)] = contact_id
    accounts = Identity.objects.filter(contact_id__in=contact_ids, kind__in=_IDENTITIES)
    for each in accounts:
        keys[_IDENTITIES[Identity.Kind(each.kind)], each.key] = each.contact_id
    if not keys:
        return 0
    waiting = PreTag.objects.filter(applied_at=None, hash__in={key for _kind, key in keys})
    found = [
        (each, keys[each.kind, bytes(each.hash)])
        for each in waiting.select_related("of").select_for_update(of=("self",)).order_by("id")
        if (each.kind, bytes(each.hash)) in keys
    ]
    return _tag(found)


def _tag(found: Sequence[tuple[PreTag, int]]) -> int:
    now = timezone.now()
    by_list: dict[int, list[tuple[PreTag, int]]] = {}
    for each, contact_id in found:
        each.contact_id, each.applied_at = contact_id, now
        by_list.setdefault(each.of_id, []).append((each, contact_id))
    changed = 0
    for of_id, pairs in sorted(by_list.items()):
        taggings = [(contact_id, each.tag_id, now) for each, contact_id in pairs]
        name = pairs[0][0].of.name
        changed += tagging.add_each(taggings, f"pretag:{encode(of_id)}", why=name)
    PreTag.objects.bulk_update([each for each, _pk in found], ["contact", "applied_at"], 1000)
    return changed


# --- a new list meets those who are there ---

_KNOWN = """
SELECT DISTINCT c.id FROM contacts_pretag p
JOIN contacts_contact c ON c.tenant_id = %(tenant)s AND c.phone_hash = p.hash
WHERE p.tenant_id = %(tenant)s AND p.of_id = %(list)s AND p.applied_at IS NULL AND p.kind = 'phone'
ORDER BY c.id LIMIT 1000
"""


def next_due() -> datetime | None:
    return timezone.now() if PreTagList.objects.filter(swept_at=None).exists() else None


def work(tenant_id: int) -> None:
    """Outside a scope: compare new lists with all contacts, some at a time."""
    doorbell.work_off(QUEUE, tenant_id, step)


def step() -> bool:
    """Inside a scope: the next contacts of the next list; False when all lists are compared."""
    of = PreTagList.objects.filter(swept_at=None).order_by("id").first()
    if of is None:
        return False
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, {"tenant": current_tenant_id(), "list": of.pk})
        ids = [int(pk) for (pk,) in cursor.fetchall()]
    if ids and apply(ids):
        return True
    if PreTag.objects.filter(of=of, applied_at=None).filter(~Q(kind=PreTag.Kind.PHONE)).exists():
        _sweep_accounts()
    PreTagList.objects.filter(pk=of.pk).update(swept_at=timezone.now())
    return True


def _sweep_accounts() -> None:
    """Unionids and verified phones lie in the identities as they are: all are hashed once."""
    rows = Identity.objects.filter(kind__in=_IDENTITIES).order_by("id")
    last = 0
    while True:
        page = list(rows.filter(id__gt=last).values_list("id", "contact_id")[:2000])
        if not page:
            return
        apply(sorted({contact_id for _pk, contact_id in page}))
        last = page[-1][0]
