"""Which values does a merged contact have, and on what do two records of one person disagree?

The survivor's own values stay, its empty ones are filled; custom fields are united; excluded is
who was excluded under either name. The source is that of the earlier first touch, as a whole:
kind, time, channel, live code and referrer; a first touch whose time is known goes before one that
has none. `acquired_at` follows from the Follows and subscriptions of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts import masking
from contacts.models import Contact, Duplicate, Identity

SOURCE: Final = ("source", "sourced_at", "channel_id", "live_code_id", "referrer_id")
PLAIN: Final = ("external_id", "name", "phone", "email", "gender", "birthday", "owner_id")
# Accounts of which a person has one: two different ones speak against one person.
_SINGLE: Final = {Identity.Kind.UNIONID: "unionid", Identity.Kind.PHONE: "verified_phone"}
_FACTS: Final = ("birthday", "gender")

LABELS: Final = {
    "external_id": _("external id"),
    "name": _("name"),
    "phone": _("phone"),
    "email": _("e-mail"),
    "gender": _("gender"),
    "birthday": _("birthday"),
    "owner": _("owner"),
    "custom": _("custom fields"),
    "excluded": _("excluded"),
    "source": _("source"),
    "sourced_at": _("first touch"),
    "channel": _("channel"),
    "live_code": _("live code"),
    "referrer": _("referrer"),
    "unionid": "unionid",
    "verified_phone": _("verified phone"),
}


def earlier(one: Contact, other: Contact) -> Contact:
    """The one whose source counts."""
    return min(one, other, key=lambda c: (c.sourced_at is None, c.sourced_at or c.created_at, c.pk))


def united(survivor: Contact, absorbed: Contact) -> dict[str, Any]:
    """The values that the survivor gets, where they are not its own; by attribute."""
    wanted: dict[str, Any] = {}
    for name in PLAIN:
        own, other = getattr(survivor, name), getattr(absorbed, name)
        if own in (None, "") and other not in (None, ""):
            wanted[name] = other
    wanted["custom"] = {**absorbed.custom, **survivor.custom}
    if absorbed.excluded and not survivor.excluded:
        wanted |= {"excluded": True, "excluded_reason": absorbed.excluded_reason}
    first = earlier(survivor, absorbed)
    wanted |= {name: getattr(first, name) for name in SOURCE}
    if wanted["referrer_id"] in (survivor.pk, absorbed.pk):
        wanted["referrer_id"] = None  # nobody brought themselves
    return {name: value for name, value in wanted.items() if getattr(survivor, name) != value}


def disagreements(one: Contact, other: Contact, why: str = "") -> list[str]:
    """What speaks against one person. Different external ids are usual where the unionid is one."""
    facts = {name: {getattr(one, name), getattr(other, name)} - {None, ""} for name in _FACTS}
    found = [name for name, values in facts.items() if len(values) == 2]
    if why != Duplicate.Why.UNIONID and one.external_id and other.external_id:
        found.append("external_id")
    held: dict[tuple[int, str], set[str]] = {}
    rows = Identity.objects.filter(contact_id__in=(one.pk, other.pk), kind__in=_SINGLE)
    for contact_id, kind, account, value in rows.values_list(
        "contact_id", "kind", "account", "value"
    ):
        held.setdefault((contact_id, f"{kind}|{account}"), set()).add(value)
    for (contact_id, account), values in held.items():
        others = held.get((other.pk, account))
        if contact_id == one.pk and others and not values & others:
            found.append(_SINGLE[Identity.Kind(account.partition("|")[0])])
    return found


@dataclass(frozen=True)
class Difference:
    """A field of both, as people may read it; phones are masked."""

    field: str
    survivor: str
    absorbed: str
    kept: str  # what the merged contact has
    disagree: bool = False

    @property
    def label(self) -> str:
        return str(LABELS[self.field])


def compare(survivor: Contact, absorbed: Contact, why: str = "") -> Iterator[Difference]:
    """Side by side, what either has; `kept` after the merge."""
    wanted = united(survivor, absorbed)
    against = set(disagreements(survivor, absorbed, why))
    for attribute in (*PLAIN, "custom", "excluded", *SOURCE):
        field = _field(attribute)
        mine, theirs = _shown(survivor, attribute), _shown(absorbed, attribute)
        if not mine and not theirs:
            continue
        kept = theirs if attribute in wanted else mine
        if attribute == "custom" and attribute in wanted:
            kept = _text(wanted["custom"])
        elif attribute == "referrer_id" and attribute in wanted and wanted[attribute] is None:
            kept = ""
        yield Difference(field, mine, theirs, kept, field in against)
    for kind, name in _SINGLE.items():
        own, others = (_accounts(contact, kind) for contact in (survivor, absorbed))
        if own or others:
            both = ", ".join(dict.fromkeys([*own, *others]))
            yield Difference(name, ", ".join(own), ", ".join(others), both, name in against)


def _accounts(contact: Contact, kind: Identity.Kind) -> list[str]:
    found = Identity.objects.filter(contact=contact, kind=kind).order_by("id")
    hide = kind == Identity.Kind.PHONE
    return [str(masking.phone(each.text)) if hide else each.text for each in found]


def _shown(contact: Contact, attribute: str) -> str:
    if attribute == "phone":
        return masking.phone(contact.phone) or ""
    if attribute == "email":
        return masking.email(contact.email) or ""
    if attribute == "gender":
        return contact.get_gender_display() if contact.gender else ""
    if attribute == "source":
        return contact.get_source_display()
    return _text(getattr(contact, _field(attribute)))


def _field(attribute: str) -> str:
    return attribute if attribute == "external_id" else attribute.removesuffix("_id")


def _text(value: object) -> str:
    if value in (None, "", False, {}):
        return ""
    if isinstance(value, dict):
        return "; ".join(f"{name}: {each}" for name, each in masking.values(value).items())
    if value is True:
        return str(_("yes"))
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M}"
    return str(value)
