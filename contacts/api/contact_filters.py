"""How may the list of contacts be narrowed and ordered?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from django.db import connection
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request

from contacts import arrays, custom_fields, custom_values, search, tag_filters, validation
from contacts.api.naming import names_of
from contacts.merging import forwarding
from contacts.models import Channel, Contact, CustomField, Segment, SegmentMember, Tag
from tenants.models import Staff
from tenants.rest.fields import Moment
from tenants.rest.filters import Filter, flag
from tenants.rest.pages import Ordering
from tenants.scope import current_tenant_id

if TYPE_CHECKING:
    from contacts.models.person import ContactQuerySet

Rows = QuerySet[Contact]
_LONGEST = 200


def _word(longest: int = 64) -> serializers.CharField:
    return serializers.CharField(max_length=longest, trim_whitespace=False)


def _ids(names: Sequence[str], rows: QuerySet[Any], column: str = "name") -> list[int]:
    """The rows that these names or ids mean, 0 for none: as numbers the planner knows them."""
    known = names_of(names, rows, column).values()
    with connection.cursor() as cursor:
        # Each filter of a list asks once: the ORM would take longer than Postgres.
        cursor.execute(
            f"SELECT {column}, id FROM {rows.model._meta.db_table}"  # noqa: S608 - our own names
            f" WHERE tenant_id = %s AND {column} = ANY(%s::text[])",
            [current_tenant_id(), arrays.literal([each for each in known if each])],
        )
        found: dict[str, int] = dict(cursor.fetchall())
    return [found.get(name or "", 0) for name in known]


def _tag_ids(names: Sequence[str]) -> list[int]:
    return _ids(names, Tag.objects.all())


def _all_tags(contacts: Rows, names: list[str]) -> Rows:
    for pk in _tag_ids(names):
        contacts = tag_filters.wearing(contacts, [pk])
    return contacts


def _any_tag(contacts: Rows, names: list[str]) -> Rows:
    return tag_filters.wearing(contacts, _tag_ids(names))


def _tags_by_group(contacts: Rows, names: list[str]) -> Rows:
    return tag_filters.by_group(contacts, _tag_ids(names))


def _not_tag(contacts: Rows, names: list[str]) -> Rows:
    return tag_filters.without(contacts, _tag_ids(names))


def _owner(contacts: Rows, text: str) -> Rows:
    if not text:
        return contacts.filter(owner=None)
    return contacts.filter(owner_id=_ids([text], Staff.objects.all(), "userid")[0])


def _channel(contacts: Rows, text: str) -> Rows:
    if not text:
        return contacts.filter(channel=None)
    return contacts.filter(channel_id=_ids([text], Channel.objects.all())[0])


def _external_id(contacts: Rows, text: str) -> Rows:
    if contacts.filter(external_id=text).exists():
        return contacts.filter(external_id=text)
    return contacts.filter(id__in=forwarding.formerly([text]).values())


def _acquired_after(contacts: Rows, moment: datetime) -> Rows:
    return contacts.filter(acquired_at__gte=moment)


def _acquired_before(contacts: Rows, moment: datetime) -> Rows:
    return contacts.filter(acquired_at__lt=moment)


def _search(contacts: Rows, text: str) -> Rows:
    return search.filter(cast("ContactQuerySet", contacts), text)


def _segment(contacts: Rows, text: str) -> Rows:
    """Its members as they are stored; a segment by its name or id."""
    (pk,) = _ids([text], Segment.objects.all())
    members = SegmentMember.objects.filter(segment_id=pk)
    return contacts.filter(id__in=members.values("contact_id"))


OWN = {
    "tag": Filter(_word(), _all_tags, many=True, help="Names or ids; repeated: all of them."),
    "any_tag": Filter(_word(), _any_tag, many=True, help="Names or ids: at least one of them."),
    "tags_by_group": Filter(
        _word(), _tags_by_group, many=True,
        help="Names or ids: one of them in each group that they belong to.",
    ),
    "not_tag": Filter(_word(), _not_tag, many=True, help="Names or ids: none of them."),
    "owner": Filter(
        serializers.CharField(max_length=64, allow_blank=True), _owner,
        help="userid or id of a staff member; empty: nobody.",
    ),
    "channel": Filter(
        serializers.CharField(max_length=100, allow_blank=True), _channel,
        help="Name or id; empty: none.",
    ),
    "segment": Filter(
        serializers.CharField(max_length=100), _segment, help="Name or id: its members."
    ),
    "acquired_after": Filter(Moment(clean=validation.moment), _acquired_after, help="Inclusive."),
    "acquired_before": Filter(Moment(clean=validation.moment), _acquired_before, help="Exclusive."),
    "external_id": Filter(_word(), _external_id, help="Also one from before a merge."),
    "excluded": flag("excluded"),
    "q": Filter(
        serializers.CharField(max_length=100), _search,
        help="Part of the name, pinyin, phone or its last four digits, external_id.",
    ),
}  # fmt: skip

KIND = Filter(_word(), many=True, help="Only events of these kinds.")

ORDERINGS = {"acquired_at": Ordering("acquired_at", nullable=True), "created_at": Ordering()}


class _CustomValue(serializers.Field):
    """What is compared with a custom field, as its kind says."""

    def __init__(self, of: CustomField) -> None:
        self.of = of
        super().__init__()

    def to_internal_value(self, data: str) -> Any:
        try:
            return custom_fields.clean(self.of, validation.text(data, _LONGEST))
        except validation.Invalid as error:
            raise serializers.ValidationError(str(error)) from None


def custom(request: Request | None) -> Mapping[str, Filter]:
    """`custom.<key>`, `custom.<key>.gte` …: of the fields that the request names."""
    asked = set(request.query_params) if request is not None else set()
    if not any(name.startswith("custom.") for name in asked):
        return {}
    found = {}
    for of in custom_fields.defined(archived=True):
        for test in custom_fields.TESTS[CustomField.Kind(of.kind)]:
            name = f"custom.{of.key}.{test}".removesuffix(".")
            if name in asked:
                found[name] = _custom(of, test)
    return found


def _custom(of: CustomField, test: str) -> Filter:
    def apply(contacts: Rows, value: Any) -> Rows:
        return contacts.filter(custom_values.where(of, test, value))

    if test == "known":
        return Filter(serializers.BooleanField(), apply)
    if of.kind == CustomField.Kind.MULTI:
        return Filter(_MultiValue(of), apply, many=True)
    return Filter(_CustomValue(of), apply, many=test == "")


class _MultiValue(_CustomValue):
    """One of the choices."""

    def to_internal_value(self, data: str) -> Any:
        found = super().to_internal_value(data)
        return found[0] if found else ""
