"""By what is a person known? All that is looked for when they ask to be forgotten."""

from __future__ import annotations

from dataclasses import dataclass

from contacts.models import Contact, Follow, Identity, Merge
from tenants import vault
from tenants.ids import encode

_SHORTEST = 4  # what is shorter is found everywhere


@dataclass(frozen=True)
class Person:
    """A contact's names and accounts, read before they go."""

    contact_id: int
    keys: tuple[tuple[str, str], ...]  # (kind, value) of what identifies
    names: tuple[str, ...]  # how people call them

    def strong(self) -> list[str]:
        """What cannot mean somebody else; phones also as they are dialled at home."""
        found: dict[str, None] = {}
        for kind, value in self.keys:
            found[value] = None
            if kind == "phone" and value.startswith("+86"):
                found[value[3:]] = None
        return [each for each in found if len(each) >= _SHORTEST]

    def words(self) -> list[str]:
        """For files: what stands in a row about them."""
        return [*self.strong(), *(name for name in self.names if len(name) > 1)]

    def hashes(self) -> list[tuple[str, bytes]]:
        return [(kind, vault.blind(value, kind)) for kind, value in self.keys]

    @property
    def id(self) -> str:
        return encode(self.contact_id)


def read(contact: Contact) -> Person:
    keys: dict[tuple[str, str], None] = {}
    for kind, value in (
        ("external_id", contact.external_id), ("phone", contact.phone), ("email", contact.email),
    ):  # fmt: skip
        if value:
            keys[kind, str(value)] = None
    names = {contact.name: None}
    for one in Identity.objects.filter(contact=contact):
        kind = "external_id" if one.kind == Identity.Kind.OTHER else one.kind
        keys[kind, one.text] = None
        names[one.nickname] = None
    for former in Merge.objects.filter(survivor=contact):
        if former.external_id:
            keys["external_id", former.external_id] = None
        names[str(former.record.get("name") or "")] = None
    for follow in Follow.objects.filter(contact=contact):
        names |= dict.fromkeys([follow.remark, *(follow.remark_mobiles or "").split()])
    return Person(contact.pk, tuple(keys), tuple(name for name in names if name))
