"""What does a client mean by `"channel": "Douyin"` or `"contact": "c-001"`? An id, or a name.

Whatever looks like one of our ids must be a row of the tenant; another tenant's id and an unknown
one are refused with the same words. Anything else is the natural key: name, userid, external_id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from contacts import arrays
from contacts.merging import forwarding
from contacts.models import Channel, Contact, Tag
from tenants.models import Staff
from tenants.rest.fields import row_id
from tenants.scope import current_tenant_id

UNKNOWN = _("There is no such thing.")


def names_of(texts: Iterable[str], rows: QuerySet[Any], column: str) -> dict[str, str | None]:
    """Each text as the natural key it stands for; None when it is an id of nothing here."""
    wanted = set(texts)
    found: dict[str, str | None] = {text: text for text in wanted}
    numbers = {text: number for text in wanted if (number := row_id(text)) is not None}
    if numbers:
        by_id = dict(rows.filter(pk__in=numbers.values()).values_list("pk", column))
        by_name = set(rows.filter(**{f"{column}__in": numbers}).values_list(column, flat=True))
        for text, number in numbers.items():
            found[text] = by_id.get(number, text if text in by_name else None)
    return found


def channel_names(texts: Iterable[str]) -> dict[str, str | None]:
    return names_of(texts, Channel.objects.all(), "name")


def userids(texts: Iterable[str]) -> dict[str, str | None]:
    return names_of(texts, Staff.objects.all(), "userid")


def tag_names(texts: Iterable[str]) -> dict[str, str | None]:
    return names_of(texts, Tag.objects.all(), "name")


def contact_ids(texts: Iterable[str]) -> dict[str, int]:
    """Contacts by external_id or opaque id; the integrator's own id goes first."""
    wanted = list(set(texts))
    with connection.cursor() as cursor:
        # One parameter, where the ORM's IN looks at each of a thousand names.
        cursor.execute(
            "SELECT external_id, id FROM contacts_contact"
            " WHERE tenant_id = %s AND external_id = ANY(%s::text[])",
            [current_tenant_id(), arrays.literal(wanted)],
        )
        found: dict[str, int] = dict(cursor.fetchall())
    numbers = {
        text: number
        for text in wanted
        if text not in found and (number := row_id(text)) is not None
    }
    if numbers:
        known = set(Contact.objects.filter(id__in=numbers.values()).values_list("id", flat=True))
        found |= {text: number for text, number in numbers.items() if number in known}
    return found | _merged([text for text in wanted if text not in found], numbers)


def _merged(texts: Collection[str], numbers: Mapping[str, int]) -> dict[str, int]:
    """Those who were merged into another, by the external id or id that they had."""
    if not texts:
        return {}
    now = forwarding.survivors([numbers[text] for text in texts if text in numbers])
    gone = {text: now[numbers[text]] for text in texts if numbers.get(text) in now}
    return gone | forwarding.formerly(texts)


@extend_schema_field({"type": "string", "description": "external_id or id of a contact"})
class ContactField(serializers.Field):
    """A contact by external_id or id; shown as id."""

    default_error_messages = {"does_not_exist": UNKNOWN}

    def to_internal_value(self, data: object) -> Contact:
        number = contact_ids([data]).get(data) if isinstance(data, str) else None
        if number is None:
            self.fail("does_not_exist")
        return Contact.objects.get(pk=number)

    def to_representation(self, value: Contact) -> str:
        raise NotImplementedError  # shown through the id, without loading the contact


class Named(serializers.CharField):
    """A name or an id of a row that exists, or (`makes`) may be made; shown as the name."""

    default_error_messages = {"does_not_exist": UNKNOWN, "invalid": _("Write text.")}

    def __init__(
        self, rows: Any, column: str, clean: Any, *, makes: bool = True, **kwargs: Any
    ) -> None:
        self.rows, self.column, self.clean, self.makes = rows, column, clean, makes
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            text: str = self.clean(data)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None
        found = names_of([text], self.rows(), self.column)[text] if text else ""
        if found is None:
            self.fail("does_not_exist")
        if found and not self.makes and not self.rows().filter(**{self.column: found}).exists():
            self.fail("does_not_exist")
        return found
