"""How may the list of contacts be narrowed and ordered?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from django.db.models import QuerySet
from rest_framework import serializers

from contacts import search, validation
from contacts.api.naming import channel_names, tag_names, userids
from contacts.models import Contact, ContactTag
from tenants.rest.fields import Moment
from tenants.rest.filters import Filter, equals, flag
from tenants.rest.pages import Ordering

if TYPE_CHECKING:
    from contacts.models.person import ContactQuerySet

Rows = QuerySet[Contact]


def _word(longest: int = 64) -> serializers.CharField:
    return serializers.CharField(max_length=longest, trim_whitespace=False)


def _wearing(names: Sequence[str]) -> Any:
    """The contacts that wear one of these tags (names or ids)."""
    known = [name for name in tag_names(names).values() if name]
    return ContactTag.objects.filter(tag__name__in=known).values("contact_id")


def _all_tags(contacts: Rows, names: list[str]) -> Rows:
    for name in names:
        contacts = contacts.filter(id__in=_wearing([name]))
    return contacts


def _any_tag(contacts: Rows, names: list[str]) -> Rows:
    return contacts.filter(id__in=_wearing(names))


def _owner(contacts: Rows, text: str) -> Rows:
    if not text:
        return contacts.filter(owner=None)
    return contacts.filter(owner__userid=userids([text])[text] or "")


def _channel(contacts: Rows, text: str) -> Rows:
    if not text:
        return contacts.filter(channel=None)
    return contacts.filter(channel__name=channel_names([text])[text] or "")


def _acquired_after(contacts: Rows, moment: datetime) -> Rows:
    return contacts.filter(acquired_at__gte=moment)


def _acquired_before(contacts: Rows, moment: datetime) -> Rows:
    return contacts.filter(acquired_at__lt=moment)


def _search(contacts: Rows, text: str) -> Rows:
    return search.filter(cast("ContactQuerySet", contacts), text)


OWN = {
    "tag": Filter(_word(), _all_tags, many=True, help="Names or ids; repeated: all of them."),
    "any_tag": Filter(_word(), _any_tag, many=True, help="Names or ids: at least one of them."),
    "owner": Filter(
        serializers.CharField(max_length=64, allow_blank=True), _owner,
        help="userid or id of a staff member; empty: nobody.",
    ),
    "channel": Filter(
        serializers.CharField(max_length=100, allow_blank=True), _channel,
        help="Name or id; empty: none.",
    ),
    "acquired_after": Filter(Moment(clean=validation.moment), _acquired_after, help="Inclusive."),
    "acquired_before": Filter(Moment(clean=validation.moment), _acquired_before, help="Exclusive."),
    "external_id": equals("external_id"),
    "excluded": flag("excluded"),
    "q": Filter(
        serializers.CharField(max_length=100), _search,
        help="Part of the name, pinyin, phone or its last four digits, external_id.",
    ),
}  # fmt: skip

KIND = Filter(_word(), many=True, help="Only events of these kinds.")

ORDERINGS = {"acquired_at": Ordering("acquired_at", nullable=True), "created_at": Ordering()}
